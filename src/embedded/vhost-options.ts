/** What a program may say of a virtual host. */
import { QUEUE_TYPES, queueTypeNamed } from '../broker/queues/queue-kinds.ts'
import { anyText, type Check, type Checks } from '../lib/checks.ts'

export type DefaultQueueType = 'classic' | 'quorum'

export interface VhostOptions {
  /** The type of durable queues that are declared without one. Default `classic`, or what it is already. */
  readonly defaultQueueType?: DefaultQueueType
  /** The user that gets all permissions in a new virtual host. Default: the one that a new store begins with, if it is there. */
  readonly owner?: string
}

/** Throws RangeError for what is no type of queues. */
export const aQueueType: Check = (value, name) => {
  if (typeof value !== 'string' || queueTypeNamed(value) === undefined) {
    throw new RangeError(`${name} must be one of ${QUEUE_TYPES.join(', ')}`)
  }
}

export const VHOST_CHECKS: Checks<VhostOptions> = { defaultQueueType: aQueueType, owner: anyText }
