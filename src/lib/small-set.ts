/**
 * A set that nearly always has one value or none: then it is that value, where a Set takes some 150 bytes, empty or not. It
 * keeps the order in which values came.
 */
export class SmallSet<T extends NonNullable<unknown>> implements Iterable<T> {
  #only: T | undefined
  /** Once there were several. */
  #all: Set<T> | undefined

  get size(): number {
    if (this.#all !== undefined) return this.#all.size
    return this.#only === undefined ? 0 : 1
  }

  has(value: T): boolean {
    return this.#all === undefined ? this.#only === value : this.#all.has(value)
  }

  add(value: T): void {
    if (this.#all !== undefined) this.#all.add(value)
    else if (this.#only === undefined) this.#only = value
    else if (this.#only !== value) {
      this.#all = new Set([this.#only, value])
      this.#only = undefined
    }
  }

  /** False when it was not there. */
  delete(value: T): boolean {
    if (this.#all !== undefined) return this.#all.delete(value)
    if (this.#only !== value) return false
    this.#only = undefined
    return true
  }

  clear(): void {
    this.#only = this.#all = undefined
  }

  [Symbol.iterator](): Iterator<T> {
    if (this.#all !== undefined) return this.#all.values()
    return (this.#only === undefined ? [] : [this.#only]).values()
  }
}
