import { isUtf8 } from 'node:buffer'
import { ReplyCode } from './constants.ts'
import { FrameError } from './errors.ts'
import { nameText, REPLACEMENT, shortstrText } from './short-string.ts'

/**
 * Reads AMQP's basic types one after the other from a range of bytes. Every method throws a `FrameError` (501) when the
 * range ends too early, and what it returns never shares memory with the bytes read.
 */
export class Reader {
  readonly #bytes: Buffer
  #offset: number
  #end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    if (start < 0 || end < start || end > bytes.length) throw new RangeError(`no range ${start}..${end} in these bytes`)
    this.#bytes = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#offset = start
    this.#end = end
  }

  get offset(): number {
    return this.#offset
  }

  get remaining(): number {
    return this.#end - this.#offset
  }

  octet(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  short(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  long(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  longlong(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8))
  }

  /** A u64 as a number: exact up to 2^53 - 1, which stands for everything larger too. */
  clampedLonglong(): number {
    const at = this.#take(8)
    const value = this.#bytes.readUInt32BE(at) * 0x1_0000_0000 + this.#bytes.readUInt32BE(at + 4)
    return Math.min(value, Number.MAX_SAFE_INTEGER)
  }

  signedOctet(): number {
    return this.#bytes.readInt8(this.#take(1))
  }

  signedShort(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  signedLong(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  signedLonglong(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8))
  }

  float(): number {
    return this.#bytes.readFloatBE(this.#take(4))
  }

  double(): number {
    return this.#bytes.readDoubleBE(this.#take(8))
  }

  /** Up to 255 bytes as a string, lossless even where they are not UTF-8 (see short-string.ts). */
  shortstr(): string {
    const length = this.octet()
    const at = this.#take(length)
    return shortstrText(this.#bytes, at, at + length)
  }

  /** The same, for the key of a table. */
  name(): string {
    const length = this.octet()
    const at = this.#take(length)
    return nameText(this.#bytes, at, at + length)
  }

  /** A copy of the bytes behind a u32 length. */
  longstr(): Buffer {
    const length = this.long()
    const at = this.#take(length)
    const copy = Buffer.allocUnsafeSlow(length)
    this.#bytes.copy(copy, 0, at, at + length)
    return copy
  }

  /** The text behind a u32 length, or a copy of its bytes where they are not UTF-8. */
  longstrText(): string | Buffer {
    const start = this.#offset
    const length = this.long()
    const at = this.#take(length)
    const text = this.#bytes.toString('utf8', at, at + length)
    if (!text.includes(REPLACEMENT) || isUtf8(this.#bytes.subarray(at, at + length))) return text
    this.#offset = start
    return this.longstr()
  }

  skip(length: number): void {
    this.#take(length)
  }

  /** Narrows the reader to the next `length` bytes; hand the result to `leave` when they are read. */
  enter(length: number): number {
    const outerEnd = this.#end
    this.#end = this.#take(length) + length
    this.#offset = this.#end - length
    return outerEnd
  }

  /** Widens the reader again to the end that `enter` returned. */
  leave(outerEnd: number): void {
    this.#end = outerEnd
  }

  #take(length: number): number {
    const at = this.#offset
    if (length > this.#end - at) throw new FrameError(ReplyCode.FRAME_ERROR, 'a value ends behind its frame')
    this.#offset = at + length
    return at
  }
}
