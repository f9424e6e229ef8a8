import { QueueLog } from '../queue-log.ts'
import { SegmentPool } from '../segment-pool.ts'
import type { Storage } from '../storage.ts'

/** Keeps messages in memory: they are gone when the process ends. */
export class MemoryStorage implements Storage {
  readonly kind = 'memory'
  readonly #pool = new SegmentPool()

  get bytesInUse(): number {
    return this.#pool.bytesInUse
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  createQueueLog(): QueueLog {
    return new QueueLog(this.#pool)
  }
}
