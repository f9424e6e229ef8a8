import type { DefaultQueueType } from './vhost-options.ts'

/** What a server tells of itself and of the process that it runs in. */
export interface NodeInfo {
  /** `leveret@host`. */
  readonly name: string
  readonly version: string
  readonly uptimeMs: number
  readonly pid: number
  readonly processors: number
  /** Of the process. */
  readonly memoryUsedBytes: number
  readonly memoryLimitBytes: number
  readonly hasMemoryAlarm: boolean
  /** Of the disk that messages are kept on; undefined when they are kept in memory. */
  readonly diskFreeBytes: number | undefined
  /** What it must have left. */
  readonly diskLimitBytes: number
  readonly hasDiskAlarm: boolean
  /** Why nothing durable can be kept, in plain words. */
  readonly trouble: string | undefined
  readonly filesOpen: number
  /** Undefined where the system has no limit. */
  readonly filesMax: number | undefined
  readonly connections: number
  readonly channels: number
  /** What is listened to, with RabbitMQ's names of the protocols. */
  readonly listeners: readonly { readonly protocol: string; readonly host: string; readonly port: number }[]
  /** Certificates of its secure listeners: until when they can be used, in milliseconds since 1970, and for how much longer. */
  readonly certificates: readonly {
    readonly file: string
    readonly subject: string
    readonly toMs: number
    readonly leftMs: number
  }[]
  /** SASL mechanisms that are offered. */
  readonly mechanisms: readonly string[]
  /** How long a message may be unacknowledged where nothing else is said; 0 for any time. */
  readonly consumerTimeoutMs: number
  /** Of virtual hosts that are made without one. */
  readonly defaultQueueType: DefaultQueueType
  /** Where messages are kept: `memory`, `leveldb`. */
  readonly storage: string
}
