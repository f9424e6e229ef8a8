/**
 * Checks the checksums of a table of LevelDB.
 *
 *     table  = block … · footer                 block = contents · type u8 · masked CRC-32C u32 of both
 *     footer = the handles of metaindex and index, padded to 40 bytes · magic u64
 *     index  = entry … · restart u32 … · number of restarts u32
 *     entry  = shared · unshared · value bytes (varints) · unshared bytes of the key · value: the handle of a block
 *     handle = offset · bytes of the contents (varints)
 *
 * All numbers are little-endian.
 */
import { crc32c } from '../../../src/lib/crc32c.ts'
import { masked } from './leveldb-log.ts'
import { Varints } from './varints.ts'

const FOOTER_BYTES = 48
const HANDLES_BYTES = 40
const TRAILER_BYTES = 5
const MAGIC = 0xdb4775248b80fb57n
const UNCOMPRESSED = 0
/** Read and looked at in one go. */
const PIECE_BYTES = 1024 * 1024

/** A table, however long it is. */
export interface TableFile {
  readonly bytes: number
  /** Fills the buffer from this offset. */
  read(buffer: Buffer, offset: number): Promise<void>
}

export async function isTableIntact(table: TableFile): Promise<boolean> {
  try {
    const pieces = new Pieces(table)
    if (table.bytes < FOOTER_BYTES) return false
    const footer = Buffer.from(await pieces.at(table.bytes - FOOTER_BYTES, FOOTER_BYTES))
    if (footer.readBigUInt64LE(HANDLES_BYTES) !== MAGIC) return false
    const handles = new Varints(footer)
    // The metaindex leads to the filter of the keys, the index to the blocks of records.
    for (const handle of [readHandle(handles), readHandle(handles)]) {
      if (!(await isBlockIntact(pieces, handle))) return false
      for (const block of await blocksOf(pieces, handle)) if (!(await isBlockIntact(pieces, block))) return false
    }
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

interface Handle {
  readonly offset: number
  readonly bytes: number
}

function readHandle(numbers: Varints): Handle {
  return { offset: numbers.number(), bytes: numbers.number() }
}

async function blocksOf(pieces: Pieces, { offset, bytes }: Handle): Promise<Handle[]> {
  const index = await pieces.at(offset, bytes + 1)
  // What another writer has compressed stays unlooked at.
  if (index[bytes] !== UNCOMPRESSED) return []
  const entriesEnd = bytes - 4 - index.readUInt32LE(bytes - 4) * 4
  const blocks: Handle[] = []
  const entries = new Varints(index)
  while (entries.at < entriesEnd) {
    entries.number()
    const unshared = entries.number()
    const valueBytes = entries.number()
    const valueStart = entries.at + unshared
    entries.at = valueStart
    blocks.push(readHandle(entries))
    entries.at = valueStart + valueBytes
  }
  return blocks
}

async function isBlockIntact(pieces: Pieces, { offset, bytes }: Handle): Promise<boolean> {
  const end = offset + bytes + 1
  let crc = 0
  for (let at = offset; at < end; ) {
    const length = Math.min(PIECE_BYTES, end - at)
    const piece = pieces.held(at, length) ?? (await pieces.at(at, length))
    crc = crc32c(piece, 0, length, crc)
    at += length
  }
  const trailer = pieces.held(end, TRAILER_BYTES - 1) ?? (await pieces.at(end, TRAILER_BYTES - 1))
  return masked(crc) === trailer.readUInt32LE(0)
}

/** The part of a table that was read last. */
class Pieces {
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
