/**
 * Reads which tables a LevelDB has, from its manifest: a log of edits.
 *
 *     log    = block of 32 KiB …            block = record … · zeros
 *     record = masked CRC-32C u32 · bytes u16 · type u8 (1 whole, 2 first, 3 middle, 4 last) · bytes
 *     edit   = (tag · fields) …, all varints; a text is its length and its bytes
 */
import { Varints } from './varints.ts'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const WHOLE = 1
const LAST = 4

const Tag = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const

/** Throws RangeError for what is no manifest. */
export function tablesIn(manifest: Buffer): Set<number> {
  const tables = new Set<number>()
  for (const edit of recordsIn(manifest)) applyEdit(edit, tables)
  return tables
}

function recordsIn(log: Buffer): Buffer[] {
  const records: Buffer[] = []
  let parts: Buffer[] = []
  for (let at = 0; at + HEADER_BYTES <= log.length; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    const type = log.readUInt8(at + 6)
    if (left < HEADER_BYTES || type === 0) {
      at += left
      continue
    }
    const end = at + HEADER_BYTES + log.readUInt16LE(at + 4)
    // Killed while it was written: not there.
    if (end > log.length) break
    parts.push(log.subarray(at + HEADER_BYTES, end))
    if (type === WHOLE || type === LAST) {
      records.push(Buffer.concat(parts))
      parts = []
    }
    at = end
  }
  return records
}

function applyEdit(edit: Buffer, tables: Set<number>): void {
  const fields = new Varints(edit)
  while (fields.at < edit.length) {
    const tag = fields.number()
    switch (tag) {
      case Tag.comparator:
        fields.skipText()
        break
      case Tag.logNumber:
      case Tag.nextFile:
      case Tag.lastSequence:
      case Tag.previousLog:
        fields.number()
        break
      case Tag.compactPointer:
        fields.number()
        fields.skipText()
        break
      case Tag.deletedFile:
        fields.number()
        tables.delete(fields.number())
        break
      case Tag.newFile:
        fields.number()
        tables.add(fields.number())
        fields.number()
        fields.skipText()
        fields.skipText()
        break
      default:
        throw new RangeError(`unknown tag ${tag}`)
    }
  }
}
