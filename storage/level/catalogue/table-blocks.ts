/**
 * Finds the blocks of a table of LevelDB (google/leveldb, doc/table_format.md).
 *
 *     table  = block … · footer                 block = contents · type u8 · masked CRC-32C u32 of both
 *     footer = the handles of metaindex and index, padded to 40 bytes · magic u64
 *     index  = entry … · restart u32 … · number of restarts u32
 *     entry  = shared · unshared · value bytes (varints) · unshared bytes of the key · value: the handle of a block
 *     handle = offset · bytes of the contents (varints)
 *
 * All numbers are little-endian.
 */
import { open } from 'node:fs/promises'
import { crc32c } from '../../../src/lib/crc.ts'
import { masked } from './leveldb-log.ts'
import { Varints } from './varints.ts'

const FOOTER_BYTES = 48
const HANDLES_BYTES = 40
/** The type of a block, and its checksum. */
const TRAILER_BYTES = 5
const TYPE_BYTES = 1
const MAGIC = 0xdb4775248b80fb57n
export const UNCOMPRESSED = 0
/** Read and looked at in one go. */
const PIECE_BYTES = 1024 * 1024

/** A table, however long it is. */
export interface TableFile {
  readonly bytes: number
  /** Fills the buffer from this offset. */
  read(buffer: Buffer, offset: number): Promise<void>
}

export interface OpenTable extends TableFile {
  close(): Promise<void>
}

/** `onRead` is told how many bytes were read. */
export async function openTable(path: string, onRead: (bytes: number) => void = () => {}): Promise<OpenTable> {
  const file = await open(path)
  const read = async (buffer: Buffer, offset: number): Promise<void> => {
    for (let at = 0; at < buffer.length; ) {
      const { bytesRead } = await file.read(buffer, at, buffer.length - at, offset + at)
      if (bytesRead === 0) throw new RangeError('the file ends too early')
      at += bytesRead
    }
    onRead(buffer.length)
  }
  try {
    const { size } = await file.stat()
    return { bytes: size, read, close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

export interface Handle {
  readonly offset: number
  readonly bytes: number
}

/** A block of records. */
export interface RecordBlock extends Handle {
  /** Not before the last key in it, and before the first one of the next block. */
  readonly lastKey: Buffer
}

/** Throws RangeError for what is no table. */
export async function readFooter(
  table: TableFile,
  pieces: Pieces,
): Promise<{ readonly metaindex: Handle; readonly index: Handle }> {
  if (table.bytes < FOOTER_BYTES) throw new RangeError('the table is too short')
  const footer = Buffer.from(await pieces.at(table.bytes - FOOTER_BYTES, FOOTER_BYTES))
  if (footer.readBigUInt64LE(HANDLES_BYTES) !== MAGIC) throw new RangeError('it is no table')
  const handles = new Varints(footer)
  return { metaindex: readHandle(handles), index: readHandle(handles) }
}

function readHandle(numbers: Varints): Handle {
  return { offset: numbers.number(), bytes: numbers.number() }
}

/** A block with its type behind it; valid until the pieces are asked again. Throws RangeError when it is not what was written. */
export async function readBlock(pieces: Pieces, { offset, bytes }: Handle): Promise<Buffer> {
  const length = bytes + TRAILER_BYTES
  const block = pieces.held(offset, length) ?? (await pieces.at(offset, length))
  const end = bytes + TYPE_BYTES
  if (masked(crc32c(block, 0, end)) !== block.readUInt32LE(end)) throw new RangeError('a block has another checksum')
  return block
}

/** What an index leads to; undefined when another writer has compressed it. Throws RangeError for what is no index. */
export async function blocksOf(pieces: Pieces, handle: Handle): Promise<RecordBlock[] | undefined> {
  const { bytes } = handle
  const index = Buffer.from(await readBlock(pieces, handle))
  if (index[bytes] !== UNCOMPRESSED) return undefined
  const end = entriesEnd(index, bytes)
  const blocks: RecordBlock[] = []
  const entries = new Varints(index)
  while (entries.at < end) {
    entries.number()
    const unshared = entries.number()
    const valueBytes = entries.number()
    const valueStart = entries.at + unshared
    const lastKey = index.subarray(entries.at, valueStart)
    entries.at = valueStart
    blocks.push({ ...readHandle(entries), lastKey })
    entries.at = valueStart + valueBytes
  }
  return blocks
}

/** Where the entries of a block with so many bytes of contents end. Throws RangeError for what is no block. */
export function entriesEnd(block: Buffer, bytes: number): number {
  const restarts = block.readUInt32LE(bytes - 4)
  const end = bytes - 4 - restarts * 4
  if (restarts === 0 || end < 0) throw new RangeError('a block has no place for its restarts')
  return end
}

/** The part of a table that was read last. */
export class Pieces {
  readonly #table: TableFile
  #room: Buffer = Buffer.alloc(0)
  #piece: Buffer = this.#room
  #start = 0

  constructor(table: TableFile) {
    this.#table = table
  }

  /** These bytes if they are in memory; valid until the next call of `at`. */
  held(offset: number, length: number): Buffer | undefined {
    const from = offset - this.#start
    return from >= 0 && from + length <= this.#piece.length ? this.#piece.subarray(from, from + length) : undefined
  }

  /** Throws RangeError when the table is too short. */
  async at(offset: number, length: number): Promise<Buffer> {
    const wanted = Math.min(Math.max(length, PIECE_BYTES), this.#table.bytes - offset)
    if (wanted < length) throw new RangeError('the table is too short')
    if (this.#room.length < wanted) this.#room = Buffer.allocUnsafeSlow(wanted)
    this.#piece = this.#room.subarray(0, wanted)
    this.#start = offset
    await this.#table.read(this.#piece, offset)
    return this.#piece.subarray(0, length)
  }
}
