import { resolve } from 'node:path'
import type { Config } from '../../../config/options.ts'
import { memoryLimitBytes } from '../../../config/parsers.ts'
import type { Durability } from '../../../storage/level/log/durability.ts'
import type { Logger } from '../../lib/logger.ts'
import { leveretVersion } from '../../lib/version.ts'
import type { ListenAddress } from '../../listeners/listen-options.ts'
import { listenersOf } from '../assembly/listeners.ts'

const RECOVERY_LINE_MS = 2000

/** What a reader of the log wants to know about this process. */
export function logStart(logger: Logger, config: Config, memoryBytes: number): void {
  // The process id is in every line of the log.
  logger.info({ version: leveretVersion(), node: process.version }, 'Leveret starts')
  logStorage(logger, config)
  const limitBytes = memoryLimitBytes(config.memoryLimit, memoryBytes)
  logger.info({ limitBytes, memoryBytes }, 'publishers wait while more memory than the limit is used')
  if (hasWellKnownLogin(config)) {
    logger.warn(
      { user: config.defaultUser },
      'the default user may connect from anywhere, and the default password is public knowledge',
    )
  }
}

/** What a confirm promises. */
const PROMISES: Readonly<Record<Durability, string>> = {
  sync: 'what is confirmed survives a crash and a power loss',
  interval: 'what is confirmed survives a crash; a power loss takes at most what came since the last sync',
  os: 'what is confirmed survives a crash of the broker, but no power loss',
}

function logStorage(logger: Logger, { storage, dataDir, durability, syncIntervalMs }: Config): void {
  if (storage === 'memory') {
    logger.info({ storage }, 'messages live as long as this process; --data-dir is unused')
    return
  }
  const folder = resolve(dataDir)
  const interval = durability === 'interval' ? { syncIntervalMs } : {}
  logger.info({ storage, folder, durability, ...interval }, PROMISES[durability as Durability])
  logger.info({}, 'to run without disk: --storage memory')
}

/** Says that the start goes on while the store is being read, every few seconds. */
export function logRecovery(logger: Logger): () => void {
  const startedAtMs = performance.now()
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAtMs) / 1000)
    logger.info({ seconds }, 'the store is being read; clients can connect when that is done')
  }, RECOVERY_LINE_MS)
  return () => clearInterval(timer)
}

export function logListening(logger: Logger, addresses: readonly ListenAddress[]): void {
  for (const { name, protocol, host, port, path } of addresses) {
    const place = path === undefined ? { host, port } : { path }
    logger.info({ listener: name, protocol, ...place }, 'listening')
  }
  // Node.js counts from the start of the process, so this includes loading the program.
  const startMs = Math.round(performance.now())
  logger.info({ startMs }, 'Server startup complete')
}

function hasWellKnownLogin(config: Config): boolean {
  const { defaultUser, defaultPass, loopbackUsers } = config
  if (defaultUser !== 'guest' || defaultPass !== 'guest' || loopbackUsers.includes('guest')) return false
  return listenersOf(config).some(({ host }) => host !== undefined && !isLocal(host))
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}
