import { NO_JOURNAL } from '../journal.ts'
import { QueueLog } from '../queue-log.ts'
import { SegmentPool } from '../segment-pool.ts'
import { NOTHING_RECOVERED, type OpenOptions, type Recovery, type Storage, type VhostStorage } from '../storage.ts'
import type { StorageMemory } from '../storage-memory.ts'

/** Keeps messages in memory: they are gone when the process ends. */
export class MemoryStorage implements Storage, VhostStorage {
  readonly kind = 'memory'
  readonly isDurable = false
  readonly journal = NO_JOURNAL
  readonly #pool = new SegmentPool()

  get bytesInUse(): number {
    return this.#pool.bytesInUse
  }

  get memory(): StorageMemory {
    return this.#pool
  }

  async open({ clock }: OpenOptions = {}): Promise<Recovery> {
    if (clock !== undefined) this.#pool.setClock(clock)
    return NOTHING_RECOVERED
  }

  async close(): Promise<void> {
    this.#pool.close()
  }

  /** All of them share one pool of memory. */
  vhost(): VhostStorage {
    return this
  }

  newQueueId(): undefined {}

  createQueueLog(): QueueLog {
    return new QueueLog(this.#pool)
  }

  dropUnclaimed(): number {
    return 0
  }
}
