/**
 * Walks over the records of one table of LevelDB.
 *
 *     block = entry … · restart u32 … · number of restarts u32
 *     entry = bytes shared with the key before · unshared · value bytes (varints) · unshared bytes of the key · value
 *     key   = key of the record · version and kind u64: version << 8 | kind, 1 for a record and 0 when it is gone
 */
import { basename } from 'node:path'
import {
  blocksOf,
  entriesEnd,
  type OpenTable,
  openTable,
  Pieces,
  type RecordBlock,
  readBlock,
  readFooter,
  UNCOMPRESSED,
} from './table-blocks.ts'
import { VERSION_BYTES } from './table-manifest.ts'
import { Varints } from './varints.ts'

const GONE = 0

/** A key that stays when its cursor goes on. */
export class KeyCopy {
  room: Buffer = Buffer.alloc(64)
  /** 0 before there was one. */
  bytes = 0

  take(key: Buffer): void {
    this.bytes = key.length
    if (this.bytes > this.room.length) this.room = Buffer.alloc(this.bytes * 2)
    this.room.set(key)
  }
}

/** What LevelDB says of a table that is not what it wrote, where it looks; it does not look at the checksums of tables. */
export class DamagedTableError extends Error {
  readonly code = 'LEVEL_CORRUPTION'

  constructor(path: string, cause: RangeError) {
    super(`corruption: its table ${basename(path)} is not what was written, ${cause.message}`)
    this.name = 'DamagedTableError'
  }
}

export class TableCursor {
  /** What the table says of the record at hand; valid until `next`. */
  value: Buffer = Buffer.alloc(0)
  version = 0
  isGone = false
  /** Of the record. */
  keyBytes = 0
  #key: Buffer = Buffer.alloc(64)
  /** The key without what is behind it. */
  #view: Buffer = this.#key
  #block: Buffer = this.value
  #entries = new Varints(this.value)
  #end = 0
  /** Of the entry before in its block, with what is behind the key of its record. */
  #entryKeyBytes = 0
  #blocksRead = 0
  readonly #path: string
  readonly #table: OpenTable
  readonly #pieces: Pieces
  readonly #blocks: readonly RecordBlock[]

  private constructor(path: string, table: OpenTable, pieces: Pieces, blocks: readonly RecordBlock[]) {
    this.#path = path
    this.#table = table
    this.#pieces = pieces
    this.#blocks = blocks
  }

  /** In front of the first record that may have a key which begins with this octet. Throws DamagedTableError for what is no table. */
  static async open(path: string, octet: number): Promise<TableCursor> {
    const table = await openTable(path)
    try {
      const pieces = new Pieces(table)
      const { index } = await readFooter(table, pieces)
      const blocks = await blocksOf(pieces, index)
      if (blocks === undefined) throw new Error('its index is compressed')
      if (blocks.length === 0) throw new RangeError('its index is empty')
      const first = blocks.findIndex(({ lastKey }) => lastKey.readUInt8(0) >= octet)
      return new TableCursor(path, table, pieces, first < 0 ? [] : blocks.slice(first))
    } catch (error) {
      await table.close()
      throw damageOf(error, path)
    }
  }

  async close(): Promise<void> {
    await this.#table.close()
  }

  /** Of the record; valid until `next`. Nearly always it is as long as the one before. */
  get key(): Buffer {
    if (this.#view.length !== this.keyBytes) this.#view = this.#key.subarray(0, this.keyBytes)
    return this.#view
  }

  get firstOctet(): number {
    return this.#key[0] as number
  }

  /** Below 0 when the record comes before the other cursor's, above 0 when it comes behind. The newest of a key comes first. */
  compare(other: TableCursor): number {
    return this.key.compare(other.key) || other.version - this.version
  }

  /** Looks from the end on: keys next to each other have the same start. */
  isAt({ room, bytes }: KeyCopy): boolean {
    if (bytes !== this.keyBytes) return false
    for (let at = bytes - 1; at >= 0; at--) if (this.#key[at] !== room[at]) return false
    return true
  }

  /** Goes to the next record of the block; false at its end. Throws RangeError for what is no block. */
  next(): boolean {
    const entries = this.#entries
    if (entries.at >= this.#end) return false
    const shared = entries.number()
    const unshared = entries.number()
    const valueBytes = entries.number()
    const keyStart = entries.at
    const valueStart = keyStart + unshared
    const valueEnd = valueStart + valueBytes
    const bytes = shared + unshared
    if (valueEnd > this.#end || bytes < VERSION_BYTES) throw new RangeError('an entry ends behind its block')
    if (shared > this.#entryKeyBytes) throw new RangeError('a key shares more than the key before it has')
    this.#entryKeyBytes = bytes
    if (bytes > this.#key.length) this.#key = this.#view = Buffer.concat([this.#key, Buffer.alloc(bytes)])
    const key = this.#key
    const block = this.#block
    const octetBefore = key[0] as number
    for (let at = 0; at < unshared; at++) key[shared + at] = block[keyStart + at] as number
    if ((key[0] as number) < octetBefore) throw new RangeError('the keys are not in order')
    this.keyBytes = bytes - VERSION_BYTES
    const low = key.readUInt32LE(this.keyBytes)
    this.version = key.readUInt32LE(this.keyBytes + 4) * 0x100_0000 + (low >>> 8)
    this.isGone = (low & 0xff) === GONE
    this.value = block.subarray(valueStart, valueEnd)
    entries.at = valueEnd
    return true
  }

  /** Goes to the first record of the next block; false behind the last one. Throws DamagedTableError for what is no block. */
  async nextBlock(): Promise<boolean> {
    const handle = this.#blocks[this.#blocksRead++]
    if (handle === undefined) return false
    try {
      return await this.#read(handle)
    } catch (error) {
      throw damageOf(error, this.#path)
    }
  }

  async #read(handle: RecordBlock): Promise<boolean> {
    const block = await readBlock(this.#pieces, handle)
    if (block[handle.bytes] !== UNCOMPRESSED) throw new Error('a block is compressed')
    this.#block = block
    this.#end = entriesEnd(block, handle.bytes)
    this.#entries = new Varints(block)
    this.#entryKeyBytes = 0
    if (!this.next()) throw new RangeError('a block of records is empty')
    return true
  }
}

function damageOf(error: unknown, path: string): unknown {
  return error instanceof RangeError ? new DamagedTableError(path, error) : error
}
