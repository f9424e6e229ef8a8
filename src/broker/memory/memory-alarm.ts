/**
 * Watches how much memory the process uses, and V8's heap, which has a limit of its own. While it is over the limit, publishers
 * are held back and consumers go on. What storage holds is known at every moment; the rest of the process is sampled now and
 * then.
 */

import { Alarm } from '../../lib/alarm.ts'

export interface MemoryUse {
  /** Bytes the storage holds now. */
  readonly storageBytes: () => number
  /** Bytes that everything else takes now: asked now and then. */
  readonly otherBytes: () => number
  /** Bytes of objects on V8's heap: asked now and then. */
  readonly heapBytes: () => number
  /** V8 ends the process when more than this stays. */
  readonly heapLimitBytes: number
}

/** Where bytes are counted that are in no queue's log. */
export type HeldMemory = Pick<MemoryAlarm, 'heldBytes'>

/** The alarm ends when use has fallen below this share of the limit. */
const CLEAR_SHARE = 0.95
/** From this share on the limit is near, until use has fallen below the other one. */
const NEAR_SHARE = 0.9
const FAR_SHARE = 0.86
/**
 * It begins, too, when objects take this share of what V8 allows, but for the newest: what clients leave unfinished is objects,
 * mostly.
 */
const HEAP_SHARE_MAX = 0.9
const NEWEST_BYTES = 16 * 1024 * 1024

export class MemoryAlarm {
  #limitBytes: number
  isActive = false
  /** The limit is near, or exceeded. */
  readonly near = new Alarm()
  /**
   * The limit is near, and may be kept if those that publish much wait for a moment: the disk or consumers make room. So those that
   * publish little need not wait for the alarm to end. It is set for a short time only.
   */
  readonly pacing = new Alarm()
  /** Set by `force`: the alarm is on whatever is used. */
  isForced = false
  /**
   * Bytes that are in no queue yet: input that waits, messages in progress, what waits for tx.commit. With what queues know of messages
   * that wait for something: to be delivered again, or to go to their dead letters.
   */
  heldBytes = 0
  /** Bytes of queues, exchanges, bindings and consumers. */
  topologyBytes = 0
  readonly #use: MemoryUse
  /** The alarm begins when objects take more than this. */
  readonly #heapMaxBytes: number
  readonly #listeners = new Set<(isActive: boolean) => void>()
  /** What the process used beside the storage when it was last sampled. */
  #otherBytes = 0
  /** What of `topologyBytes` is among these. */
  #sampledTopologyBytes = 0
  /** Bytes of objects, as of the last sample. */
  heapBytes = 0
  /** What `heldBytes` was then: what came since may be objects. */
  #sampledHeldBytes = 0

  constructor(limitBytes: number, use: MemoryUse) {
    this.#limitBytes = limitBytes
    this.#use = use
    this.#heapMaxBytes = Math.max(use.heapLimitBytes - NEWEST_BYTES, use.heapLimitBytes / 2) * HEAP_SHARE_MAX
    this.sample()
  }

  get limitBytes(): number {
    return this.#limitBytes
  }

  setLimit(bytes: number): void {
    if (bytes === this.#limitBytes) return
    this.#limitBytes = bytes
    this.check()
  }

  get usedBytes(): number {
    const newTopologyBytes = Math.max(0, this.topologyBytes - this.#sampledTopologyBytes)
    return this.#otherBytes + newTopologyBytes + this.heldBytes + this.#use.storageBytes()
  }

  /** How much has to go before the alarm ends; 0 or less when nothing has to. */
  get excessBytes(): number {
    if (!this.isActive) return 0
    return Math.max(
      this.usedBytes - this.limitBytes * CLEAR_SHARE,
      this.#heapUsedBytes - this.#heapMaxBytes * CLEAR_SHARE,
    )
  }

  /** Bytes of objects that there are, at most. */
  get #heapUsedBytes(): number {
    return this.heapBytes + Math.max(0, this.heldBytes - this.#sampledHeldBytes)
  }

  /** Looks at the process anew. */
  sample(): void {
    this.#otherBytes = this.#use.otherBytes()
    this.#sampledTopologyBytes = this.topologyBytes
    this.heapBytes = this.#use.heapBytes()
    this.#sampledHeldBytes = this.heldBytes
    this.check()
  }

  /** Raises or clears the alarm by what is known. Cheap: called after every piece of input. */
  check(): void {
    const { usedBytes, limitBytes } = this
    const isOver = this.#exceeds(usedBytes, limitBytes) || this.#exceeds(this.#heapUsedBytes, this.#heapMaxBytes)
    this.near.set(isOver || usedBytes > limitBytes * (this.near.isActive ? FAR_SHARE : NEAR_SHARE))
    const isDue = isOver || this.isForced
    if (isDue !== this.isActive) {
      this.isActive = isDue
      for (const listener of this.#listeners) listener(this.isActive)
    }
  }

  #exceeds(bytes: number, limitBytes: number): boolean {
    return this.isActive ? bytes >= limitBytes * CLEAR_SHARE : bytes > limitBytes
  }

  /** Keeps the alarm on by hand, or lets it depend on the memory in use again. */
  force(isForced: boolean): void {
    this.isForced = isForced
    this.check()
  }

  /** Returns a function that ends the subscription. */
  onChange(listener: (isActive: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
