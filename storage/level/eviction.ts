/** Keeps the messages in memory below a limit: those that are safe on the disk and not due soon leave it. */
import type { QueueLog } from '../queue-log.ts'
import type { SegmentPool } from '../segment-pool.ts'

/** Never evicts down to less than this share of the memory allowed. */
const EVICT_TO_SHARE = 0.8
/** Looking for what can be evicted costs time: it is worth it when there is more by this share of the memory allowed. */
const EVICT_STEP_SHARE = 0.05

export class Eviction {
  readonly #pool: SegmentPool
  #bytesMax: number
  readonly #logs: () => Iterable<QueueLog>
  /** Bytes of messages that were left when some were evicted last. */
  #bytesLeft = 0

  /** `logs` are those that may have something to evict. */
  constructor(pool: SegmentPool, bytesMax: number, logs: () => Iterable<QueueLog>) {
    this.#pool = pool
    this.#bytesMax = bytesMax
    this.#logs = logs
  }

  set bytesMax(value: number) {
    this.#bytesMax = value
    this.#bytesLeft = 0
    this.look()
  }

  /** To be called when there may be too many. */
  look(): void {
    const bytesMax = this.#bytesMax
    // What could not be evicted the last time is not looked at again before there is more.
    if (this.#pool.bytesInUse > Math.max(bytesMax, this.#bytesLeft + bytesMax * EVICT_STEP_SHARE)) {
      this.#evict(this.#pool.bytesInUse - bytesMax * EVICT_TO_SHARE)
      this.#bytesLeft = this.#pool.bytesInUse
    } else this.#bytesLeft = Math.min(this.#bytesLeft, this.#pool.bytesInUse)
  }

  #evict(bytes: number): void {
    let left = bytes
    for (const log of this.#logs()) {
      if (left <= 0) return
      left -= log.evict(left)
    }
  }
}
