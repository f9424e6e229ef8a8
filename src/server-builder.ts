import { MemoryStorage } from '../storage/memory/memory-storage.ts'
import type { Storage } from '../storage/storage.ts'
import type { Authenticator } from './auth/authenticator.ts'
import { type Logger, silentLogger } from './lib/logger.ts'
import { processMemoryBytes } from './lib/process-memory.ts'
import { Server } from './server.ts'
import { DEFAULT_SERVER_CONFIG, MEMORY_LIMIT_SHARE, type ServerConfig } from './server-config.ts'
import type { ServerHooks } from './server-hooks.ts'

/** Puts a server together: say what differs from the defaults, then `build()`. */
export class ServerBuilder {
  #config: Partial<ServerConfig> = {}
  #storage: Storage | undefined
  #logger: Logger = silentLogger
  #authenticator: Authenticator | undefined
  #hooks: ServerHooks = {}

  /** Adds to what was configured before. */
  withConfig(config: Partial<ServerConfig>): this {
    this.#config = { ...this.#config, ...config }
    return this
  }

  /** The IP address to listen on. Default 127.0.0.1. */
  withAddress(bind: string): this {
    return this.withConfig({ bind })
  }

  /** The TCP port to listen on, 0 for a free one. Default 5672. */
  withPort(port: number): this {
    return this.withConfig({ port })
  }

  /** What clients are held to: channels per connection, bytes per frame, bytes per message body. */
  withProtocolLimits(
    limits: Partial<Pick<ServerConfig, 'channelMax' | 'frameMaxBytes' | 'maxMessageSizeBytes'>>,
  ): this {
    return this.withConfig(limits)
  }

  /** Where messages are kept; in memory when not given. A storage serves one server. */
  withStorage(storage: Storage): this {
    this.#storage = storage
    return this
  }

  /** Any logger with pino's calls; silent when not given. */
  withLogger(logger: Logger): this {
    this.#logger = logger
    return this
  }

  /** Who may connect; the users in the storage when not given: see `Server.users`. */
  withAuthenticator(authenticator: Authenticator): this {
    this.#authenticator = authenticator
    return this
  }

  /** Adds hooks; one that is given again replaces the one before it. */
  withHooks(hooks: ServerHooks): this {
    this.#hooks = { ...this.#hooks, ...hooks }
    return this
  }

  /** Throws RangeError, naming the field, when the configuration makes no sense. */
  build(): Server {
    const memoryLimitBytes = Math.floor(processMemoryBytes() * MEMORY_LIMIT_SHARE)
    const config: ServerConfig = { ...DEFAULT_SERVER_CONFIG, memoryLimitBytes, ...given(this.#config) }
    checkConfig(config)
    return new Server({
      config,
      storage: this.#storage ?? new MemoryStorage(),
      logger: this.#logger,
      authenticator: this.#authenticator,
      hooks: this.#hooks,
    })
  }
}

const RANGES: readonly (readonly [field: keyof ServerConfig, min: number, max: number])[] = [
  ['port', 0, 65_535],
  ['frameMaxBytes', 4096, 16_777_216],
  ['initialFrameMaxBytes', 4096, 16_777_216],
  ['channelMax', 1, 65_535],
  ['heartbeatSec', 0, 65_535],
  ['handshakeTimeoutMs', 1, 3_600_000],
  ['maxMessageSizeBytes', 1, 536_870_912],
  ['memoryLimitBytes', 1, Number.MAX_SAFE_INTEGER],
  ['shutdownGraceMs', 0, 3_600_000],
]

/** Names travel as short strings, AMQP 0-9-1 section 4.2.5.3. */
const NAME_BYTES_MAX = 255

/** Without the fields that are there and undefined: those mean the default too. */
function given(config: Partial<ServerConfig>): Partial<ServerConfig> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
}

function checkConfig(config: ServerConfig): void {
  for (const [field, min, max] of RANGES) {
    const value = config[field]
    if (!Number.isInteger(value) || Number(value) < min || Number(value) > max) {
      throw new RangeError(`${field} is ${String(value)}; it must be a whole number from ${min} to ${max}`)
    }
  }
  for (const field of ['defaultUser', 'defaultVhost'] as const) {
    if (config[field] === '' || Buffer.byteLength(config[field]) > NAME_BYTES_MAX) {
      throw new RangeError(`${field} must have 1 to ${NAME_BYTES_MAX} bytes`)
    }
  }
  if (config.defaultPass === '') throw new RangeError('defaultPass is empty; nobody can log in with an empty password')
}
