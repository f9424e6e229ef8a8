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
import { maskedCrc } from './leveldb-log.ts'
import { Varints } from './varints.ts'

const FOOTER_BYTES = 48
const HANDLES_BYTES = 40
const TRAILER_BYTES = 5
const MAGIC = 0xdb4775248b80fb57n
const UNCOMPRESSED = 0

export function isTableIntact(table: Buffer): boolean {
  try {
    const footer = table.subarray(table.length - FOOTER_BYTES)
    if (footer.length < FOOTER_BYTES || footer.readBigUInt64LE(HANDLES_BYTES) !== MAGIC) return false
    const handles = new Varints(footer)
    // The metaindex leads to the filter of the keys, the index to the blocks of records.
    return [readHandle(handles), readHandle(handles)].every(
      (handle) => isBlockIntact(table, handle) && blocksOf(table, handle).every((block) => isBlockIntact(table, block)),
    )
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

function blocksOf(table: Buffer, { offset, bytes }: Handle): Handle[] {
  // What another writer has compressed stays unlooked at.
  if (table[offset + bytes] !== UNCOMPRESSED) return []
  const index = table.subarray(offset, offset + bytes)
  const entriesEnd = index.length - 4 - index.readUInt32LE(index.length - 4) * 4
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

function isBlockIntact(table: Buffer, { offset, bytes }: Handle): boolean {
  const end = offset + bytes + 1
  if (end + TRAILER_BYTES - 1 > table.length) return false
  return maskedCrc(table, offset, end) === table.readUInt32LE(end)
}
