import type { Config } from '../../config/options.ts'
import { memoryLimitBytes } from '../../config/parsers.ts'
import type { Logger } from '../lib/logger.ts'
import { leveretVersion } from '../lib/version.ts'
import { addressText } from './listen-failure.ts'

/** What somebody who reads the log later wants to know about this process. */
export function logStart(logger: Logger, config: Config, memoryBytes: number): void {
  // The process id is in every line of the log.
  const versions = { version: leveretVersion(), node: process.version }
  logger.info(versions, `Leveret ${versions.version} starts on Node.js ${versions.node}, process ${process.pid}`)
  logger.info(
    { storage: config.storage },
    `storage is ${config.storage}: messages live as long as this process, and --data-dir is unused`,
  )
  const limitBytes = memoryLimitBytes(config.memoryLimit, memoryBytes)
  logger.info({ limitBytes, memoryBytes }, `memory limit is ${sizeText(limitBytes)} of ${sizeText(memoryBytes)}`)
  if (hasWellKnownLogin(config)) {
    logger.warn(
      { user: config.defaultUser },
      'everybody knows the password of the default user, who may connect from anywhere',
    )
  }
}

export function logListening(
  logger: Logger,
  addresses: readonly { readonly host: string; readonly port: number }[],
): void {
  for (const { host, port } of addresses) logger.info({ host, port }, `listening on ${addressText(host, port)}`)
  // Node.js counts from the start of the process, so this includes loading the program.
  const startMs = Math.round(performance.now())
  logger.info({ startMs }, 'Server startup complete')
}

function hasWellKnownLogin({ bind, defaultUser, defaultPass, loopbackUsers }: Config): boolean {
  const isLocal = bind === 'localhost' || bind === '::1' || bind.startsWith('127.')
  return defaultUser === 'guest' && defaultPass === 'guest' && !isLocal && !loopbackUsers.includes('guest')
}

function sizeText(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
