/** A set of levels, 0 to 255, that knows its highest one without looking for it. */
export class LevelSet {
  readonly #words: Uint32Array
  /** Which of the words are not empty. */
  #filled = 0

  constructor(levels: number) {
    this.#words = new Uint32Array((levels + 31) >>> 5)
  }

  add(level: number): void {
    const word = level >>> 5
    this.#words[word] = (this.#words[word] as number) | (1 << (level & 31))
    this.#filled |= 1 << word
  }

  remove(level: number): void {
    const word = level >>> 5
    this.#words[word] = (this.#words[word] as number) & ~(1 << (level & 31))
    if (this.#words[word] === 0) this.#filled &= ~(1 << word)
  }

  has(level: number): boolean {
    return ((this.#words[level >>> 5] as number) & (1 << (level & 31))) !== 0
  }

  clear(): void {
    this.#words.fill(0)
    this.#filled = 0
  }

  get isEmpty(): boolean {
    return this.#filled === 0
  }

  /** The highest of them; there must be one. */
  get highest(): number {
    const word = 31 - Math.clz32(this.#filled)
    return (word << 5) | (31 - Math.clz32(this.#words[word] as number))
  }
}
