/**
 * Tar archives (POSIX ustar) of plain files, written and read as streams: a header of 512 bytes, the content, zeros up to
 * the next multiple of 512. Sizes too large for the header's eleven octal digits are written in base 256, as GNU tar does.
 */

const BLOCK_BYTES = 512
const SIZE_AT = 124
const SIZE_DIGITS = 11
const CHECKSUM_AT = 148

/** Throws RangeError when the name does not fit. */
export function tarHeader(name: string, sizeBytes: number, modifiedSec: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES)
  if (Buffer.byteLength(name) > 100) throw new RangeError(`'${name}' is too long a name for a tar archive`)
  header.write(name, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  if (sizeBytes < 8 ** SIZE_DIGITS) header.write(octal(sizeBytes, SIZE_DIGITS), SIZE_AT)
  else {
    header.writeUInt8(0x80, SIZE_AT)
    header.writeBigUInt64BE(BigInt(sizeBytes), SIZE_AT + 4)
  }
  header.write(octal(modifiedSec, 11), 136)
  header.write('0', 156)
  header.write('ustar\x0000', 257, 'latin1')
  header.write(`${octal(checksum(header), 6)}\0 `, CHECKSUM_AT)
  return header
}

/** The zeros behind a file of this size. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES)
}

/** What ends an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK_BYTES)
}

export interface TarFile {
  readonly name: string
  readonly sizeBytes: number
  /** To be read to its end before the next file is asked for; what is not read is skipped. */
  readonly content: AsyncIterable<Buffer>
}

/** The plain files of an archive. Throws RangeError when it is damaged or ends too early. */
export async function* readTar(chunks: AsyncIterable<Buffer>): AsyncIterable<TarFile> {
  const input = new Input(chunks[Symbol.asyncIterator]())
  for (;;) {
    const header = await input.exactly(BLOCK_BYTES)
    if (header.every((byte) => byte === 0)) return
    const { name, sizeBytes, isPlain } = parseHeader(header)
    const content = input.pieces(sizeBytes)
    if (isPlain) yield { name, sizeBytes, content }
    for await (const _ of content);
    await input.exactly(tarPadding(sizeBytes).length)
  }
}

function parseHeader(header: Buffer): { name: string; sizeBytes: number; isPlain: boolean } {
  const expected = Number.parseInt(textAt(header, CHECKSUM_AT, 8), 8)
  if (checksum(header) !== expected) throw new RangeError('the tar archive is damaged')
  const prefix = textAt(header, 345, 155)
  const name = textAt(header, 0, 100)
  const type = header.readUInt8(156)
  const isLarge = (header.readUInt8(SIZE_AT) & 0x80) !== 0
  const sizeBytes = isLarge
    ? Number(header.readBigUInt64BE(SIZE_AT + 4))
    : Number.parseInt(textAt(header, SIZE_AT, 12) || '0', 8)
  return { name: prefix === '' ? name : `${prefix}/${name}`, sizeBytes, isPlain: type === 0x30 || type === 0 }
}

/** The sum of all bytes, those of the sum itself taken as spaces. */
function checksum(header: Buffer): number {
  let sum = 8 * 0x20
  for (const [at, byte] of header.entries()) if (at < CHECKSUM_AT || at >= CHECKSUM_AT + 8) sum += byte
  return sum
}

function octal(value: number, digits: number): string {
  return Math.floor(value).toString(8).padStart(digits, '0')
}

function textAt(header: Buffer, start: number, bytes: number): string {
  const text = header.toString('utf8', start, start + bytes)
  const end = text.indexOf('\0')
  return (end < 0 ? text : text.slice(0, end)).trim()
}

/** Chunks of any size, taken in the sizes that are asked for. */
class Input {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterator<Buffer>) {
    this.#chunks = chunks
  }

  async exactly(bytes: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    for await (const piece of this.pieces(bytes)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  async *pieces(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; ) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#chunks.next()
        if (done) throw new RangeError('the tar archive ends too early')
        this.#rest = value
      }
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }
}
