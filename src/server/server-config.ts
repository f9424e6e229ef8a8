/** What a server is told, with the defaults of an embedded one. */
import { NUMBER_SETTINGS } from '../../config/number-settings.ts'
import type { BackendsConfig } from '../auth/backends/backends-config.ts'
import { NO_NODE_LIMITS, type NodeLimitValues } from '../broker/limits/node-limits.ts'
import type { DefaultQueueType } from '../embedded/vhost-options.ts'
import type { MechanismName } from '../lib/mechanism-names.ts'

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
  /** Whether a new store begins with that user. Default true. */
  readonly makesDefaultUser: boolean
  /** Password of that user. Default `guest`. */
  readonly defaultPass: string
  /** Tags of that user, for the management API. Default `['administrator']`. */
  readonly defaultUserTags: readonly string[]
  /** Virtual host that a new store begins with, 1–255 bytes, and the one of `server.broker`. Default `/`. */
  readonly defaultVhost: string
  /** Type of durable queues without one in virtual hosts that are made from now on and have none of their own. Default `classic`. */
  readonly defaultQueueType: DefaultQueueType
  /** Users that may connect from this machine only. Default `['guest']`. */
  readonly loopbackUsers: readonly string[]
  /** Lets clients in without a user, as the default user. Default false. */
  readonly allowAnonymous: boolean
  /** The user that clients without one become. Default: the default user. */
  readonly anonymousLoginUser: string | undefined
  /** SASL mechanisms that are offered, best first; EXTERNAL to clients with a certificate. Default `['PLAIN', 'AMQPLAIN']`. */
  readonly authMechanisms: readonly MechanismName[]
  /** What of its certificate names the user of a client (SASL EXTERNAL). Default `distinguished_name`. */
  readonly sslCertLoginFrom: 'distinguished_name' | 'common_name' | 'subject_alternative_name'
  /** Kind of the subject alternative name that names the user. Default `dns`. */
  readonly sslCertLoginSanType: 'dns' | 'ip' | 'email' | 'uri'
  /** Which of the names of that kind it is, 0–255. Default 0. */
  readonly sslCertLoginSanIndex: number
  /** What new passwords are hashed with. Default `scrypt`; for a test broker `sha256`. */
  readonly passwordHashing: 'scrypt' | 'sha256' | 'sha512'
  /** Bytes that a new password has at least, 1–1024. Default 1. */
  readonly passwordLengthMin: number
  /** A regular expression (RE2) that every new password has to match. Default: none. */
  readonly passwordPattern: string | undefined
  /** Who knows the users: servers of other kinds beside, or instead of, the list in the storage. Default: that list. */
  readonly backends: BackendsConfig | undefined
  /** Failed log-ins of an address before it has to wait between two of them, 0–1000000; 0: it never has to. Default 10. */
  readonly loginFailuresMax: number
  /** Clients that have not logged in yet, 1–1000000. Default 10000. */
  readonly loginSocketsMax: number
  /** The same from one address, 1–1000000. Default 2000. */
  readonly loginSocketsPerAddressMax: number
  /** Memory of the process in bytes from which on publishers have to wait. Default: 60 % of what the process may use. */
  readonly memoryLimitBytes: number
  /** Publishers wait while the event loop is late by more than this, in milliseconds, 0–60000; 0 turns it off. Default 1000. */
  readonly eventLoopDelayLimitMs: number
  /**
   * Publishers of durable messages wait while the store takes longer than this to keep something, in milliseconds, 0–3600000;
   * 0 turns it off. Default 15000.
   */
  readonly storeDelayLimitMs: number
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
  makesDefaultUser: true,
  defaultPass: 'guest',
  defaultUserTags: ['administrator'],
  defaultVhost: '/',
  defaultQueueType: 'classic',
  loopbackUsers: ['guest'],
  allowAnonymous: false,
  anonymousLoginUser: undefined,
  authMechanisms: ['PLAIN', 'AMQPLAIN'],
  sslCertLoginFrom: 'distinguished_name',
  sslCertLoginSanType: 'dns',
  sslCertLoginSanIndex: NUMBER_SETTINGS.sslCertLoginSanIndex.default,
  passwordHashing: 'scrypt',
  passwordLengthMin: NUMBER_SETTINGS.passwordLengthMin.default,
  passwordPattern: undefined,
  backends: undefined,
  loginFailuresMax: NUMBER_SETTINGS.loginFailuresMax.default,
  loginSocketsMax: NUMBER_SETTINGS.loginSocketsMax.default,
  loginSocketsPerAddressMax: NUMBER_SETTINGS.loginSocketsPerAddressMax.default,
  eventLoopDelayLimitMs: NUMBER_SETTINGS.eventLoopDelayLimitMs.default,
  storeDelayLimitMs: NUMBER_SETTINGS.storeDelayLimitMs.default,
  shutdownGraceMs: NUMBER_SETTINGS.shutdownGraceMs.default,
}

/** Default share of the machine's memory from which on publishers have to wait. RabbitMQ: vm_memory_high_watermark. */
export const MEMORY_LIMIT_SHARE = 0.6
