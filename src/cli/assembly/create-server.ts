import { resolve } from 'node:path'
import type { Config } from '../../../config/options.ts'
import type { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { Durability } from '../../../storage/level/log/durability.ts'
import type { Logger } from '../../lib/logger.ts'
import type { ListenAddress } from '../../listeners/listen-options.ts'
import { ServerBuilder } from '../../server/server-builder.ts'
import { ExitCode } from '../exit-code.ts'
import type { ServedServer } from '../served-server.ts'
import { applyChanges } from './apply-changes.ts'
import { collectLessOften } from './collector.ts'
import { inlineMore } from './compiler.ts'
import type { DefinitionFiles } from './definition-files.ts'
import { openHttpDoors } from './http-doors.ts'
import { withListeners } from './listeners.ts'
import { openControl } from './open-control.ts'
import { residentBytes } from './resident-bytes.ts'
import { serverConfig } from './server-config.ts'

/** The server that the options describe, not listening yet. */
export async function createServer(config: Config, memoryBytes: number, logger: Logger): Promise<ServedServer> {
  const definitions = await definitionsOf(config)
  const settings = { ...serverConfig(config, memoryBytes), makesDefaultUser: definitions?.haveUsers !== true }
  const { memoryLimitBytes = memoryBytes } = settings
  inlineMore()
  const collector = collectLessOften({ memoryBytes, memoryLimitBytes })
  const builder = new ServerBuilder().withConfig(settings).withLogger(logger)
  const storage = config.storage === 'leveldb' ? await levelStorage(config, memoryLimitBytes, logger) : undefined
  if (storage !== undefined) builder.withStorage(storage)
  withListeners(builder, config)
  const server = builder.build()
  return {
    start: () => collector.whileStarting(() => server.start()),
    loadDefinitions: async () => await definitions?.importInto(server, logger),
    listen: () => server.listen(),
    openHttpDoors: (effectiveConfig) => openHttpDoors(server.http, config, effectiveConfig, logger),
    openControl: (process) => openControl(server.http, config, portOf(server.addresses), process, logger),
    reload: (next, changed) => applyChanges({ server, storage, memoryBytes }, next, changed),
    shutdown: (options) => server.shutdown(options),
  }
}

/** What imports them is loaded only when there are some. Throws DefinitionsError. */
async function definitionsOf({ loadDefinitions }: Config): Promise<DefinitionFiles | undefined> {
  if (loadDefinitions === undefined) return undefined
  const { DefinitionFiles } = await import('./definition-files.ts')
  return await DefinitionFiles.read(loadDefinitions)
}

/** What tells this broker from others on the machine. */
function portOf(addresses: readonly ListenAddress[]): number | string {
  return addresses.find(({ path }) => path === undefined)?.port ?? `pid-${process.pid}`
}

/** Loaded only when it is used: a broker in memory needs no native code. */
async function levelStorage(config: Config, memoryLimitBytes: number, logger: Logger): Promise<LevelStorage> {
  const { LevelStorage } = await import('../../../storage/level/level-storage.ts')
  return new LevelStorage({
    folder: resolve(config.dataDir),
    durability: config.durability as Durability, // the parser takes no other values
    syncIntervalMs: config.syncIntervalMs,
    freeBytesMin: config.diskFreeLimitBytes,
    memoryBytes: residentBytes(memoryLimitBytes),
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
