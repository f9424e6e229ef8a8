/** Checks the checksums of a table of LevelDB. */
import { blocksOf, Pieces, readBlock, readFooter, type TableFile } from './table-blocks.ts'

export async function isTableIntact(table: TableFile): Promise<boolean> {
  try {
    const pieces = new Pieces(table)
    const { metaindex, index } = await readFooter(table, pieces)
    // The metaindex leads to the filter of the keys, the index to the blocks of records.
    for (const handle of [metaindex, index]) {
      // What another writer has compressed stays unlooked at.
      for (const block of (await blocksOf(pieces, handle)) ?? []) await readBlock(pieces, block)
    }
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
