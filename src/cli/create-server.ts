import { resolve } from 'node:path'
import type { Config } from '../../config/options.ts'
import type { Durability } from '../../storage/level/log/durability.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Logger } from '../lib/logger.ts'
import { ServerBuilder } from '../server-builder.ts'
import { collectLessOften } from './collector.ts'
import { ExitCode } from './exit-code.ts'
import type { ServedServer } from './serve.ts'
import { serverConfig } from './server-config.ts'

/** Share of the memory limit that messages may take before what is safe on disk leaves memory. */
const RESIDENT_SHARE = 0.5

/** The server that the options describe, not listening yet. */
export async function createServer(config: Config, memoryBytes: number, logger: Logger): Promise<ServedServer> {
  const collector = collectLessOften({ memoryBytes })
  const settings = serverConfig(config, memoryBytes)
  const builder = new ServerBuilder().withConfig(settings).withLogger(logger)
  if (config.storage === 'leveldb')
    builder.withStorage(await levelStorage(config, settings.memoryLimitBytes ?? 0, logger))
  const server = builder.build()
  return {
    start: () => collector.whileStarting(() => server.start()),
    listen: () => server.listen(),
    shutdown: (options) => server.shutdown(options),
  }
}

/** Loaded only when it is used: a broker in memory needs no native code. */
async function levelStorage(config: Config, memoryLimitBytes: number, logger: Logger): Promise<Storage> {
  const { LevelStorage } = await import('../../storage/level/level-storage.ts')
  return new LevelStorage({
    folder: resolve(config.dataDir),
    durability: config.durability as Durability, // the parser takes no other values
    syncIntervalMs: config.syncIntervalMs,
    freeBytesMin: config.diskFreeLimitBytes,
    memoryBytes: Math.floor(memoryLimitBytes * RESIDENT_SHARE),
    onDamage: (text) => logger.error({}, text),
    onDefect: (error) => logger.error({ err: error }, 'internal error after a commit'),
    onFatal: (error) => {
      logger.error(
        { err: error },
        'the store cannot be trusted any more: the broker stops; check the disk, then start it again',
      )
      process.exit(ExitCode.storage)
    },
  })
}
