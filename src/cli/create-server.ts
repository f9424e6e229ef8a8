import type { Config } from '../../config/options.ts'
import type { Logger } from '../lib/logger.ts'
import { ServerBuilder } from '../server-builder.ts'
import type { ServedServer } from './serve.ts'
import { serverConfig } from './server-config.ts'

/** The server that the options describe, not listening yet. */
export function createServer(config: Config, memoryBytes: number, logger: Logger): ServedServer {
  return new ServerBuilder().withConfig(serverConfig(config, memoryBytes)).withLogger(logger).build()
}
