/**
 * Looks at the checksums in LevelDB's own files. LevelDB does not: it takes the bytes of a table as they are, ends the
 * process over some that cannot be, and skips a damaged piece of its log without a word.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDamage } from '../disk/damage.ts'
import { ifMissing } from '../disk/files.ts'
import type { ReadProgress } from '../disk/read-progress.ts'
import { type CheckedTables, type TableOnDisk, tablesOnDisk } from './checked-tables.ts'
import { damageInLog } from './leveldb-log.ts'
import { isLogName } from './leveldb-names.ts'
import { type OpenTable, openTable } from './table-blocks.ts'
import { isTableIntact } from './table-check.ts'
import { knownTables } from './table-manifest.ts'

export interface LevelDamage {
  /** Names of tables that are not what LevelDB wrote. What is missing altogether it finds by itself. */
  readonly tables: readonly string[]
  /** What is damaged, one clause each. */
  readonly problems: readonly string[]
  /** Tables that LevelDB will read, and those of them that were looked at. */
  readonly known: readonly TableOnDisk[]
  readonly checked: readonly TableOnDisk[]
}

export interface LevelCheck {
  readonly progress?: ReadProgress | undefined
  /** Says which tables have to be checked; all of them when not given. */
  readonly tables?: CheckedTables | undefined
}

/** What is damaged in the files of a database that is not open. */
export async function damageInLevelFiles(
  folder: string,
  { progress, tables: toCheck }: LevelCheck = {},
): Promise<LevelDamage> {
  // What is no list of tables LevelDB will tell of.
  const numbers = await knownTables(folder).catch(() => undefined)
  // A table that LevelDB does not know of it was writing when it was killed; it removes it.
  const known = (await tablesOnDisk(folder)).filter(({ name }) => numbers?.has(Number.parseInt(name, 10)) !== false)
  const checked = toCheck?.due(known) ?? known
  const logs = ((await readdir(folder).catch(ifMissing)) ?? []).sort().filter(isLogName)
  const logBytes = await Promise.all(logs.map(async (name) => (await stat(join(folder, name))).size))
  const sizes = [...logBytes, ...checked.map(({ bytes }) => bytes)]
  progress?.begin(
    'checking the catalogue',
    sizes.reduce((sum, size) => sum + size, 0),
  )
  const tables: string[] = []
  const problems: string[] = []
  for (const name of logs) {
    const bytes = await readFile(join(folder, name))
    const at = await damageInLog(bytes, toCheck?.wasCutOff)
    if (at !== undefined) problems.push(`its file ${name} is damaged at ${at}`)
    progress?.read(bytes.length)
  }
  for (const { name, bytes } of checked) {
    // Of a table, parts may be read twice, or not at all.
    let left = bytes
    const isWhole = await isIntact(join(folder, name), (bytesRead) => {
      const counted = Math.min(bytesRead, left)
      left -= counted
      progress?.read(counted)
    })
    progress?.read(left)
    if (isWhole) continue
    tables.push(name)
    problems.push(`its table ${name} is not what was written`)
  }
  return { tables, problems, known, checked }
}

/** Names of all damaged tables, whether LevelDB knows of them or not: when it repairs a database, it reads every one. */
export async function damagedTables(folder: string): Promise<string[]> {
  const damaged: string[] = []
  for (const { name } of await tablesOnDisk(folder)) if (!(await isIntact(join(folder, name)))) damaged.push(name)
  return damaged
}

/** Also false for a table that the disk cannot give back. */
async function isIntact(path: string, onRead: (bytes: number) => void = () => {}): Promise<boolean> {
  let table: OpenTable | undefined
  try {
    table = await openTable(path, onRead)
    return await isTableIntact(table)
  } catch (error) {
    if (isDamage(error)) return false
    throw error
  } finally {
    await table?.close()
  }
}
