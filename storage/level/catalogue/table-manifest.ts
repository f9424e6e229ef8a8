/**
 * Reads which tables a LevelDB has, from its manifest: a log of edits.
 *
 *     edit = (tag · fields) …, all varints; a text is its length and its bytes
 */
import { recordsInLog } from './leveldb-log.ts'
import { Varints } from './varints.ts'

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
  for (const edit of recordsInLog(manifest)) applyEdit(edit, tables)
  return tables
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
