/** What a server is told, with the defaults of an embedded one. */

export interface ServerConfig {
  /** Address to listen on. */
  readonly bind: string
  /** TCP port, 0 for a free one. */
  readonly port: number
  /** Largest frame in bytes, 4096–16777216. */
  readonly frameMaxBytes: number
  /** Largest frame in bytes before a client has logged in, 4096–16777216. */
  readonly initialFrameMaxBytes: number
  /** Channels per connection, 1–65535. */
  readonly channelMax: number
  /** Suggested to clients, in seconds; 0 turns heartbeats off. */
  readonly heartbeatSec: number
  /** Time a client has to log in, in milliseconds. */
  readonly handshakeTimeoutMs: number
  /** Largest message body in bytes, at most 536870912. */
  readonly maxMessageSizeBytes: number
  readonly defaultUser: string
  readonly defaultPass: string
  readonly defaultVhost: string
  /** Users that may connect from this machine only. */
  readonly loopbackUsers: readonly string[]
  /** Lets clients in without a user, as the default user. */
  readonly allowAnonymous: boolean
  /** Memory of the process in bytes from which on publishers have to wait. */
  readonly memoryLimitBytes: number
  /** Time clients get to close when the server stops, in milliseconds. */
  readonly shutdownGraceMs: number
}

export const DEFAULT_SERVER_CONFIG: Omit<ServerConfig, 'memoryLimitBytes'> = {
  bind: '127.0.0.1',
  port: 5672,
  frameMaxBytes: 131_072,
  initialFrameMaxBytes: 8192,
  channelMax: 2047,
  heartbeatSec: 60,
  handshakeTimeoutMs: 10_000,
  maxMessageSizeBytes: 16_777_216,
  defaultUser: 'guest',
  defaultPass: 'guest',
  defaultVhost: '/',
  loopbackUsers: ['guest'],
  allowAnonymous: false,
  shutdownGraceMs: 10_000,
}

/** Default share of the machine's memory from which on publishers have to wait. RabbitMQ: vm_memory_high_watermark. */
export const MEMORY_LIMIT_SHARE = 0.6
