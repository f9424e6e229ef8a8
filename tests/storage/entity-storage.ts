// A storage that keeps entities as long as the test runs, and messages not at all.
import { type Journal, NO_JOURNAL } from '../../storage/journal.ts'
import { QueueLog } from '../../storage/queue-log.ts'
import { SegmentPool } from '../../storage/segment-pool.ts'
import {
  NOTHING_RECOVERED,
  type Recovery,
  type Storage,
  type StoredEntity,
  type VhostStorage,
} from '../../storage/storage.ts'

export class EntityStorage implements Storage, VhostStorage {
  readonly kind = 'entities'
  readonly isDurable: boolean
  readonly bytesInUse = 0
  readonly entities = new Map<string, StoredEntity>()
  /** What was put and removed, in order. */
  readonly staged: string[] = []
  /** The numbers of the queues that asked for their messages. */
  readonly claimed: (number | undefined)[] = []
  readonly journal: Journal = {
    ...NO_JOURNAL,
    put: (kind, key, value) => {
      this.entities.set(`${kind} ${key}`, { kind, key, value: Buffer.from(value) })
      this.staged.push(`put ${kind} ${key}`)
    },
    remove: (kind, key) => {
      this.entities.delete(`${kind} ${key}`)
      this.staged.push(`remove ${kind} ${key}`)
    },
  }
  #lastQueue = 0

  constructor(isDurable = true) {
    this.isDurable = isDurable
  }

  /** What the next start finds. */
  get recovery(): Recovery {
    return { ...NOTHING_RECOVERED, entities: [...this.entities.values()] }
  }

  async open(): Promise<Recovery> {
    return this.recovery
  }

  async close(): Promise<void> {}

  vhost(): VhostStorage {
    return this
  }

  newQueueId(): number {
    return ++this.#lastQueue
  }

  createQueueLog(queueId?: number): QueueLog {
    this.claimed.push(queueId)
    return new QueueLog(new SegmentPool())
  }

  dropUnclaimed(): number {
    return 0
  }
}
