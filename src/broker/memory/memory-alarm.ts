/**
 * Watches how much memory the process uses. While it is over the limit, publishers are held back and consumers go on.
 * What storage holds is known at every moment; the rest of the process is sampled now and then.
 */

export interface MemoryUse {
  /** Bytes the storage holds now. */
  readonly storageBytes: () => number
  /** Bytes that everything else takes now: asked now and then. */
  readonly otherBytes: () => number
}

/** The alarm ends when use has fallen below this share of the limit. */
const CLEAR_SHARE = 0.95

export class MemoryAlarm {
  readonly limitBytes: number
  isActive = false
  /** Set by `force`: the alarm is on whatever is used. */
  isForced = false
  /** Bytes that are in no queue yet: input that waits, messages in progress, what waits for tx.commit. */
  heldBytes = 0
  /** Bytes of queues, exchanges, bindings and consumers. */
  topologyBytes = 0
  readonly #use: MemoryUse
  readonly #listeners = new Set<(isActive: boolean) => void>()
  /** What the process used beside the storage when it was last sampled. */
  #otherBytes = 0
  /** What of `topologyBytes` is among these. */
  #sampledTopologyBytes = 0

  constructor(limitBytes: number, use: MemoryUse) {
    this.limitBytes = limitBytes
    this.#use = use
    this.sample()
  }

  get usedBytes(): number {
    const newTopologyBytes = Math.max(0, this.topologyBytes - this.#sampledTopologyBytes)
    return this.#otherBytes + newTopologyBytes + this.heldBytes + this.#use.storageBytes()
  }

  /** How much has to go before the alarm ends; 0 or less when nothing has to. */
  get excessBytes(): number {
    return this.isActive ? this.usedBytes - this.limitBytes * CLEAR_SHARE : 0
  }

  /** Looks at the process anew. */
  sample(): void {
    this.#otherBytes = this.#use.otherBytes()
    this.#sampledTopologyBytes = this.topologyBytes
    this.check()
  }

  /** Raises or clears the alarm by what is known. Cheap: called after every piece of input. */
  check(): void {
    const { usedBytes } = this
    const isOver = this.isActive ? usedBytes >= this.limitBytes * CLEAR_SHARE : usedBytes > this.limitBytes
    const isDue = isOver || this.isForced
    if (isDue !== this.isActive) {
      this.isActive = isDue
      for (const listener of this.#listeners) listener(this.isActive)
    }
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
