/** What of the options a broker takes over while it runs. */
import type { Config, OptionName } from '../../../config/options.ts'
import { memoryLimitBytes } from '../../../config/parsers.ts'
import { CHANGEABLE_SETTINGS, type ChangeableConfig } from '../../server/changeable-config.ts'
import type { Server } from '../../server/server.ts'

/** Settings of a server have the names of their options, but for this one, which may be a share. */
type SettingOption = Exclude<keyof ChangeableConfig, 'memoryLimitBytes'>
const NAMES: ReadonlySet<OptionName> = new Set<OptionName>([
  'memoryLimit',
  ...CHANGEABLE_SETTINGS.filter((name): name is SettingOption => name !== 'memoryLimitBytes'),
])

/** Reads the TLS files again, too. Returns which of the changed options it has taken. */
export function applyChanges(
  server: Server,
  config: Config,
  changed: readonly OptionName[],
  memoryBytes: number,
): readonly OptionName[] {
  const taken = changed.filter((name) => NAMES.has(name))
  const settings = taken.map((name) =>
    name === 'memoryLimit'
      ? ['memoryLimitBytes', memoryLimitBytes(config.memoryLimit, memoryBytes)]
      : [name, config[name]],
  )
  server.changeConfig(Object.fromEntries(settings) as ChangeableConfig) // each has the type of its option
  server.reloadTls()
  return taken
}
