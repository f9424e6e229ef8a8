/** Checks the checksums of a table of LevelDB. */
import { crc32c } from '../../../src/lib/crc.ts'
import { masked } from './leveldb-log.ts'
import {
  blocksOf,
  type Handle,
  PIECE_BYTES,
  Pieces,
  readFooter,
  type TableFile,
  TRAILER_BYTES,
} from './table-blocks.ts'

export async function isTableIntact(table: TableFile): Promise<boolean> {
  try {
    const pieces = new Pieces(table)
    const { metaindex, index } = await readFooter(table, pieces)
    // The metaindex leads to the filter of the keys, the index to the blocks of records.
    for (const handle of [metaindex, index]) {
      if (!(await isBlockIntact(pieces, handle))) return false
      // What another writer has compressed stays unlooked at.
      for (const block of (await blocksOf(pieces, handle)) ?? [])
        if (!(await isBlockIntact(pieces, block))) return false
    }
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
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
