import { nearest } from '../src/lib/nearest.ts'
import { environmentNames, OPTION_NAMES, type OptionName } from './options.ts'
import type { Setting, Settings } from './settings.ts'

// A Kubernetes service named `leveret` puts LEVERET_PORT=tcp://10.0.0.1:5672 and its kin into every pod of the namespace.
const SERVICE_LINK_NAME = /^LEVERET_(?:SERVICE_|PORT_\d)/
const SERVICE_LINK_VALUE = /^(?:tcp|udp|sctp):\/\//

export function environmentSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const values = new Map<OptionName, Setting>()
  const known = new Set<string>()
  for (const option of OPTION_NAMES) {
    for (const name of environmentNames(option)) {
      known.add(name)
      const text = environment[name]
      if (text === undefined || text === '' || SERVICE_LINK_VALUE.test(text) || values.has(option)) continue
      values.set(option, { text, origin: `environment variable ${name}` })
    }
  }
  const warnings = Object.keys(environment)
    .filter((name) => name.startsWith('LEVERET_') && !known.has(name) && !SERVICE_LINK_NAME.test(name))
    .map((name) => unknownVariable(name, nearest(name, known)))
  return { values, errors: [], warnings }
}

function unknownVariable(name: string, alike: string | undefined): string {
  const hint = alike === undefined ? '' : `; did you mean ${alike}?`
  return `unknown environment variable ${name} is ignored${hint}`
}
