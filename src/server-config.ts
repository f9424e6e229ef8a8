/** What a server is told, with the defaults of an embedded one. */
import { NUMBER_SETTINGS } from '../config/number-settings.ts'
import { NO_NODE_LIMITS, type NodeLimitValues } from './broker/limits/node-limits.ts'

/** How many there may be of everything: 0–2147483647 or Infinity, which is the default. */
export interface ServerConfig extends NodeLimitValues {
  /** Address to listen on: an IP address or a host name. Default `127.0.0.1`. */
  readonly bind: string
  /** TCP port, 0 for a free one. Default 5672; a test broker takes a free one. */
  readonly port: number
  /** Largest frame in bytes, 4096–16777216. Default 131072. */
  readonly frameMaxBytes: number
  /** Largest frame in bytes before a client has logged in, 4096–16777216. Default 8192. */
  readonly initialFrameMaxBytes: number
  /** Channels per connection, 1–65535. Default 2047. */
  readonly channelMax: number
  /** Suggested to clients, in seconds, 0–65535; 0 turns heartbeats off. Default 60. */
  readonly heartbeatSec: number
  /** Time a client has to log in, in milliseconds, 100–3600000. Default 10000. */
  readonly handshakeTimeoutMs: number
  /** A client that takes nothing of what it is sent for so long is cut off, in milliseconds, 0–3600000; 0 turns it off. Default 15000. */
  readonly sendTimeoutMs: number
  /** A channel that takes longer for an acknowledgement is closed, in milliseconds, 0–31536000000; 0: it may take any time. Default 0. */
  readonly consumerTimeoutMs: number
  /** Largest message body in bytes, 1–536870912. Default 16777216. */
  readonly maxMessageSizeBytes: number
  /** User that a new store begins with, 1–255 bytes. Default `guest`. */
  readonly defaultUser: string
  /** Password of that user. Default `guest`. */
  readonly defaultPass: string
  /** Virtual host that a new store begins with, 1–255 bytes, and the one of `server.broker`. Default `/`. */
  readonly defaultVhost: string
  /** Users that may connect from this machine only. Default `['guest']`. */
  readonly loopbackUsers: readonly string[]
  /** Lets clients in without a user, as the default user. Default false. */
  readonly allowAnonymous: boolean
  /** Memory of the process in bytes from which on publishers have to wait. Default: 60 % of what the process may use. */
  readonly memoryLimitBytes: number
  /** Time clients get to close when the server stops, in milliseconds, 0–3600000. Default 10000; for a test broker 1000. */
  readonly shutdownGraceMs: number
}

export const DEFAULT_SERVER_CONFIG: Omit<ServerConfig, 'memoryLimitBytes'> = {
  bind: '127.0.0.1',
  port: NUMBER_SETTINGS.port.default,
  frameMaxBytes: NUMBER_SETTINGS.frameMaxBytes.default,
  initialFrameMaxBytes: NUMBER_SETTINGS.initialFrameMaxBytes.default,
  channelMax: NUMBER_SETTINGS.channelMax.default,
  ...NO_NODE_LIMITS,
  heartbeatSec: NUMBER_SETTINGS.heartbeatSec.default,
  handshakeTimeoutMs: NUMBER_SETTINGS.handshakeTimeoutMs.default,
  sendTimeoutMs: NUMBER_SETTINGS.sendTimeoutMs.default,
  consumerTimeoutMs: NUMBER_SETTINGS.consumerTimeoutMs.default,
  maxMessageSizeBytes: NUMBER_SETTINGS.maxMessageSizeBytes.default,
  defaultUser: 'guest',
  defaultPass: 'guest',
  defaultVhost: '/',
  loopbackUsers: ['guest'],
  allowAnonymous: false,
  shutdownGraceMs: NUMBER_SETTINGS.shutdownGraceMs.default,
}

/** Default share of the machine's memory from which on publishers have to wait. RabbitMQ: vm_memory_high_watermark. */
export const MEMORY_LIMIT_SHARE = 0.6
