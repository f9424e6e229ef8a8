/** What of the options a broker takes over while it runs. */
import type { Config, OptionName } from '../../../config/options.ts'
import { memoryLimitBytes } from '../../../config/parsers.ts'
import { CHANGEABLE_SETTINGS, type ChangeableConfig } from '../../server/changeable-config.ts'
import type { Server } from '../../server/server.ts'
import { residentBytes } from './resident-bytes.ts'

/** Settings of a server have the names of their options, but for this one, which may be a share. */
type SettingOption = Exclude<keyof ChangeableConfig, 'memoryLimitBytes'>
const NAMES: ReadonlySet<OptionName> = new Set<OptionName>([
  'memoryLimit',
  ...CHANGEABLE_SETTINGS.filter((name): name is SettingOption => name !== 'memoryLimitBytes'),
])

interface Running {
  readonly server: Pick<Server, 'changeConfig' | 'reloadTls'>
  /** What keeps messages on a disk, and so may keep fewer of them in memory. */
  readonly storage: { memoryBytes: number } | undefined
  /** Of the machine, or what it leaves to the process. */
  readonly memoryBytes: number
}

/** Reads the TLS files again, too. Returns which of the changed options it has taken. */
export function applyChanges(
  { server, storage, memoryBytes }: Running,
  config: Config,
  changed: readonly OptionName[],
): readonly OptionName[] {
  const limitBytes = memoryLimitBytes(config.memoryLimit, memoryBytes)
  const taken = changed.filter((name) => NAMES.has(name))
  const settings = taken.map((name) =>
    name === 'memoryLimit' ? ['memoryLimitBytes', limitBytes] : [name, config[name]],
  )
  server.changeConfig(Object.fromEntries(settings) as ChangeableConfig) // each has the type of its option
  if (storage !== undefined && taken.includes('memoryLimit')) storage.memoryBytes = residentBytes(limitBytes)
  server.reloadTls()
  return taken
}
