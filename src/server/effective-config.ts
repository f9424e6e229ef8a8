/** What a server was told, as a config file says it. */
import { type Config, OPTION_NAMES, type OptionName } from '../../config/options.ts'
import { shownConfig } from '../../config/shown-config.ts'
import type { ServerConfig } from './server-config.ts'

/** Its settings that are options, too. */
export function effectiveConfig(config: ServerConfig): string {
  const known: readonly string[] = Object.keys(config)
  const alike = OPTION_NAMES.filter((name): name is OptionName & keyof ServerConfig => known.includes(name))
  const values: Partial<Config> = Object.fromEntries(alike.map((name) => [name, config[name]]))
  const memoryLimit = { bytes: config.memoryLimitBytes }
  return shownConfig({ ...values, memoryLimit, shutdownGraceSec: config.shutdownGraceMs / 1000 })
}
