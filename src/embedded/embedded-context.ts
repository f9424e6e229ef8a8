import type { PermissionList } from '../broker/access/permission-list.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import type { DefaultQueueType } from './vhost-options.ts'

/** What the in-process brokers of all virtual hosts share. */
export interface EmbeddedContext {
  readonly core: Broker
  readonly logger: Logger
  readonly maxMessageSizeBytes: number
  readonly clock: Clock
  /** How long an acknowledgement may take where neither consumer nor queue says so; 0 for any time. */
  readonly consumerTimeoutMs: number
  /** The permissions of users. Throws Error when the program decides itself what they may do. */
  readonly permissions: () => PermissionList
  /** Whether there is such a user. */
  readonly isUser: (name: string) => boolean
  /** The user that a new store begins with. */
  readonly defaultUser: string
  /** Of virtual hosts that are made without one. */
  readonly defaultQueueType: DefaultQueueType
  /** Throws Error when the server has stopped. */
  readonly requireRunning: () => void
}
