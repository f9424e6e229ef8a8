/** A map that nearly always has one entry or none: then it is that entry, where a Map takes some 180 bytes, empty or not. */
export class SmallMap<K extends NonNullable<unknown>, V> {
  #key: K | undefined
  #value: V | undefined
  /** Once there were several entries. */
  #all: Map<K, V> | undefined

  get size(): number {
    if (this.#all !== undefined) return this.#all.size
    return this.#key === undefined ? 0 : 1
  }

  get(key: K): V | undefined {
    if (this.#all !== undefined) return this.#all.get(key)
    return this.#key === key ? this.#value : undefined
  }

  has(key: K): boolean {
    return this.#all === undefined ? this.#key === key : this.#all.has(key)
  }

  set(key: K, value: V): void {
    if (this.#all !== undefined) this.#all.set(key, value)
    else if (this.#key === undefined || this.#key === key) {
      this.#key = key
      this.#value = value
    } else {
      this.#all = new Map([
        [this.#key, this.#value as V], // a key has a value
        [key, value],
      ])
      this.#key = this.#value = undefined
    }
  }

  /** False when it was not there. */
  delete(key: K): boolean {
    if (this.#all !== undefined) return this.#all.delete(key)
    if (this.#key !== key) return false
    this.#key = this.#value = undefined
    return true
  }

  keys(): Iterable<K> {
    if (this.#all !== undefined) return this.#all.keys()
    return this.#key === undefined ? [] : [this.#key]
  }

  values(): Iterable<V> {
    if (this.#all !== undefined) return this.#all.values()
    return this.#key === undefined ? [] : [this.#value as V] // a key has a value
  }
}
