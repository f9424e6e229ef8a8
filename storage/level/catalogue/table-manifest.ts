/**
 * Reads which tables a LevelDB has, from its manifest: a log of edits.
 *
 *     edit = (tag · fields) …, all varints; a text is its length and its bytes
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { recordsInLog } from './leveldb-log.ts'
import { CURRENT_NAME } from './leveldb-names.ts'
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

/** Behind the key of a record, a table has its version. */
export const VERSION_BYTES = 8

/** The first and the last key that a table has a record of. */
export interface KeyRange {
  readonly firstKey: Buffer
  readonly lastKey: Buffer
}

/** The tables that a database in this folder has, by number. Throws what the disk says, and RangeError for what is no manifest. */
export async function knownTables(folder: string): Promise<ReadonlyMap<number, KeyRange>> {
  const manifest = (await readFile(join(folder, CURRENT_NAME), 'utf8')).trim()
  return tablesIn(await readFile(join(folder, manifest)))
}

function tablesIn(manifest: Buffer): Map<number, KeyRange> {
  const tables = new Map<number, KeyRange>()
  for (const edit of recordsInLog(manifest)) applyEdit(edit, tables)
  return tables
}

function applyEdit(edit: Buffer, tables: Map<number, KeyRange>): void {
  const fields = new Varints(edit)
  while (fields.at < edit.length) {
    const tag = fields.number()
    switch (tag) {
      case Tag.comparator:
        fields.text()
        break
      case Tag.logNumber:
      case Tag.nextFile:
      case Tag.lastSequence:
      case Tag.previousLog:
        fields.number()
        break
      case Tag.compactPointer:
        fields.number()
        fields.text()
        break
      case Tag.deletedFile:
        fields.number()
        tables.delete(fields.number())
        break
      case Tag.newFile:
        fields.number()
        addTable(fields, tables)
        break
      default:
        throw new RangeError(`unknown tag ${tag}`)
    }
  }
}

function addTable(fields: Varints, tables: Map<number, KeyRange>): void {
  const number = fields.number()
  fields.number() // its bytes
  tables.set(number, { firstKey: keyOf(fields.text()), lastKey: keyOf(fields.text()) })
}

function keyOf(key: Buffer): Buffer {
  return key.subarray(0, -VERSION_BYTES)
}
