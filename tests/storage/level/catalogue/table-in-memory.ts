import type { TableFile } from '../../../../storage/level/catalogue/table-blocks.ts'

/** A table of LevelDB that was read as a whole. */
export function tableOf(bytes: Buffer): TableFile {
  return {
    bytes: bytes.length,
    read: async (buffer, offset) => void bytes.copy(buffer, 0, offset, offset + buffer.length),
  }
}
