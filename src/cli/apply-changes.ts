/** What of the options a broker takes over while it runs. */
import type { Logger } from 'pino'
import type { Config, OptionName } from '../../config/options.ts'
import type { Server } from '../server/server.ts'

type Apply = (server: Server, config: Config, logger: Logger) => void

const CHANGES: { readonly [name in OptionName]?: Apply } = {
  logLevel: (_server, { logLevel }, logger) => {
    logger.level = logLevel
  },
  // The process asks for it when it stops.
  shutdownGraceSec: () => {},
}

/** Reads the TLS files again, too. */
export function applyChanges(
  server: Server,
  logger: Logger,
  config: Config,
  changed: readonly OptionName[],
): readonly OptionName[] {
  const taken = changed.filter((name) => CHANGES[name] !== undefined)
  for (const name of taken) CHANGES[name]?.(server, config, logger)
  server.reloadTls()
  return taken
}
