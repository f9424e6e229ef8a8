/** Reads the numbers of LevelDB's files: seven bits in each byte, the lowest first. */
export class Varints {
  at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Throws RangeError behind the end. */
  number(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes.readUInt8(this.at++)
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  /** What comes behind its length. Throws RangeError when it ends behind the end. */
  text(): Buffer {
    const bytes = this.number()
    const start = this.at
    this.at += bytes
    if (this.at > this.#bytes.length) throw new RangeError('a text ends behind its record')
    return this.#bytes.subarray(start, this.at)
  }
}
