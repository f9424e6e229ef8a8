/** Some of the records of a segment, by their index: a bit for each, which takes memory from the first one on. */

const NO_BITS: Uint8Array = new Uint8Array(0)
const BITS_BYTES_MIN = 8

export class PositionSet {
  #bits: Uint8Array

  /** With bits that were kept: the lowest bit of the first byte stands for the first record. The set takes them over. */
  constructor(bits: Uint8Array = NO_BITS) {
    this.#bits = bits
  }

  /** Nothing was ever added. */
  get isEmpty(): boolean {
    return this.#bits.length === 0
  }

  /** One bit for each record, the lowest first. */
  get bits(): Uint8Array {
    return this.#bits
  }

  has(index: number): boolean {
    return ((this.#bits[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** False when it was there before. */
  add(index: number): boolean {
    const at = index >>> 3
    if (at >= this.#bits.length) this.#grow(at + 1)
    const bit = 1 << (index & 7)
    const before = this.#bits[at] as number
    this.#bits[at] = before | bit
    return (before & bit) === 0
  }

  /** It is there. */
  remove(index: number): void {
    const at = index >>> 3
    this.#bits[at] = (this.#bits[at] as number) & ~(1 << (index & 7))
  }

  /** How many of these records are in it. */
  countIn(first: number, count: number): number {
    const bits = this.#bits
    const end = Math.min(first + count, bits.length * 8)
    let found = 0
    for (let index = first; index < end; ) {
      const byte = bits[index >>> 3] as number
      if (byte === 0) {
        index = (index | 7) + 1
        continue
      }
      if ((byte & (1 << (index & 7))) !== 0) found++
      index++
    }
    return found
  }

  /** A copy of the bits of the records in front of this one. */
  bitsBefore(end: number): Uint8Array {
    if (this.#bits.length === 0) return NO_BITS
    const bits = this.#bits.slice(0, (end + 7) >>> 3)
    const last = end >>> 3
    if (last < bits.length) bits[last] = (bits[last] as number) & ((1 << (end & 7)) - 1)
    return bits
  }

  #grow(bytes: number): void {
    const larger = new Uint8Array(Math.max(bytes, this.#bits.length * 2, BITS_BYTES_MIN))
    larger.set(this.#bits)
    this.#bits = larger
  }
}
