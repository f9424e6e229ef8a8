import { isEscaped, SHORTSTR_BYTES_MAX, unescapedBytes } from './short-string.ts'

const FIRST_BYTES = 256

/** Writes AMQP's basic types into a buffer that grows. A value that does not fit its type is a `RangeError`. */
export class Writer {
  #buffer: Buffer
  #length = 0

  constructor(firstBytes = FIRST_BYTES) {
    this.#buffer = Buffer.allocUnsafe(firstBytes)
  }

  get length(): number {
    return this.#length
  }

  octet(value: number): void {
    const at = this.#reserve(1)
    this.#buffer.writeUInt8(value, at)
  }

  /** Sets bits of the octet that was written last. */
  addBits(mask: number): void {
    const at = this.#length - 1
    this.#buffer.writeUInt8(this.#buffer.readUInt8(at) | mask, at)
  }

  short(value: number): void {
    const at = this.#reserve(2)
    this.#buffer.writeUInt16BE(value, at)
  }

  long(value: number): void {
    const at = this.#reserve(4)
    this.#buffer.writeUInt32BE(value, at)
  }

  longlong(value: bigint): void {
    const at = this.#reserve(8)
    this.#buffer.writeBigUInt64BE(value, at)
  }

  /** A u64 from a number, which must be a safe integer. */
  safeLonglong(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no unsigned safe integer`)
    this.long(Math.floor(value / 0x1_0000_0000))
    this.long(value % 0x1_0000_0000)
  }

  signedOctet(value: number): void {
    const at = this.#reserve(1)
    this.#buffer.writeInt8(value, at)
  }

  signedShort(value: number): void {
    const at = this.#reserve(2)
    this.#buffer.writeInt16BE(value, at)
  }

  signedLong(value: number): void {
    const at = this.#reserve(4)
    this.#buffer.writeInt32BE(value, at)
  }

  signedLonglong(value: bigint): void {
    const at = this.#reserve(8)
    this.#buffer.writeBigInt64BE(value, at)
  }

  float(value: number): void {
    const at = this.#reserve(4)
    this.#buffer.writeFloatBE(value, at)
  }

  double(value: number): void {
    const at = this.#reserve(8)
    this.#buffer.writeDoubleBE(value, at)
  }

  /** At most 255 bytes of UTF-8, or the bytes that `Reader.shortstr` made this string from. */
  shortstr(text: string): void {
    if (isEscaped(text)) {
      this.#shortBytes(unescapedBytes(text))
      return
    }
    const length = Buffer.byteLength(text)
    requireShort(length)
    this.octet(length)
    const at = this.#reserve(length)
    this.#buffer.write(text, at, length, 'utf8')
  }

  longstr(value: string | Uint8Array): void {
    if (typeof value !== 'string') {
      this.long(value.length)
      this.bytes(value)
      return
    }
    const length = Buffer.byteLength(value)
    this.long(length)
    const at = this.#reserve(length)
    this.#buffer.write(value, at, length, 'utf8')
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length)
    this.#buffer.set(bytes, at)
  }

  /** Leaves room for a u32 and returns its place, for `patchLong` or `patchLength`. */
  skipLong(): number {
    return this.#reserve(4)
  }

  patchLong(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at)
  }

  /** Writes how many bytes came behind the u32 that `skipLong` left room for. */
  patchLength(at: number): void {
    this.patchLong(at, this.#length - at - 4)
  }

  /** Forgets what was written behind the first `length` bytes. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length)
  }

  /** Hands over all that was written and starts anew. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length)
    this.#buffer = Buffer.alloc(0)
    this.#length = 0
    return taken
  }

  #shortBytes(bytes: Uint8Array): void {
    requireShort(bytes.length)
    this.octet(bytes.length)
    this.bytes(bytes)
  }

  #reserve(length: number): number {
    const at = this.#length
    const needed = at + length
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2, FIRST_BYTES))
      this.#buffer.copy(grown, 0, 0, at)
      this.#buffer = grown
    }
    this.#length = needed
    return at
  }
}

function requireShort(length: number): void {
  if (length > SHORTSTR_BYTES_MAX)
    throw new RangeError(`a short string has at most ${SHORTSTR_BYTES_MAX} bytes, not ${length}`)
}
