/** What waits, in the order in which it came. To take the first one moves none of the others, and what was taken is not kept. */

/** Of what was taken, so much may still lie there. */
const TAKEN_MAX = 32

export class WaitingLine<T> {
  #waiting: (T | undefined)[] = []
  #taken = 0

  get length(): number {
    return this.#waiting.length - this.#taken
  }

  add(one: T): void {
    this.#waiting.push(one)
  }

  /** Undefined when nothing waits. */
  takeFirst(): T | undefined {
    if (this.#taken === this.#waiting.length) return undefined
    const first = this.#waiting[this.#taken]
    this.#waiting[this.#taken++] = undefined
    // Only when most places are empty: it moves all others.
    if (this.#taken > TAKEN_MAX && this.#taken * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#taken)
      this.#taken = 0
    }
    return first
  }
}
