/** Orders of very long lists, kept for a few seconds: a client that reads page after page would have all of it sorted for each of them. */
import type { NamedOrder } from './named-order.ts'

const KEEP_MS = 5000
const KEPT_MAX = 4

interface Kept {
  readonly order: Promise<NamedOrder>
  /** From when it is made. */
  timer?: NodeJS.Timeout
}

export class KeptOrders {
  /** The oldest first. */
  readonly #kept = new Map<string, Kept>()

  /** The key says all that the order follows from. One that is being made is waited for. */
  async order(key: string, make: () => Promise<NamedOrder>): Promise<NamedOrder> {
    const kept = this.#kept.get(key)
    if (kept !== undefined) return await kept.order
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < KEPT_MAX) break
      this.#drop(oldest)
    }
    const made: Kept = { order: make() }
    this.#kept.set(key, made)
    try {
      const order = await made.order
      if (this.#kept.get(key) === made) made.timer = setTimeout(() => this.#drop(key), KEEP_MS).unref()
      return order
    } catch (error) {
      if (this.#kept.get(key) === made) this.#drop(key)
      throw error
    }
  }

  #drop(key: string): void {
    clearTimeout(this.#kept.get(key)?.timer)
    this.#kept.delete(key)
  }
}
