/**
 * Looks at the checksums in LevelDB's own files. LevelDB does not: it takes the bytes of a table as they are, ends the
 * process over some that cannot be, and skips a damaged piece of its log without a word.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { damageInLog } from './leveldb-log.ts'
import type { ReadProgress } from './read-progress.ts'
import { isTableIntact } from './table-check.ts'
import { tablesIn } from './table-manifest.ts'

export interface LevelDamage {
  /** Names of tables that are not what LevelDB wrote. What is missing altogether it finds by itself. */
  readonly tables: readonly string[]
  /** What is damaged, one clause each. */
  readonly problems: readonly string[]
}

const LOG_NAME = /^(?:\d+\.log|MANIFEST-\d+)$/
const TABLE_NAME = /^(\d+)\.(?:ldb|sst)$/

/** What is damaged in the files of a database that nobody has open. */
export async function damageInLevelFiles(folder: string, progress?: ReadProgress): Promise<LevelDamage> {
  const known = await knownTables(folder)
  const names = (await readdir(folder).catch(ifMissing)).sort().filter((name) => {
    const table = TABLE_NAME.exec(name)?.[1]
    // A table that LevelDB does not know of it was writing when it was killed; it removes it.
    return LOG_NAME.test(name) || (table !== undefined && known?.has(Number(table)) !== false)
  })
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  progress?.begin(
    'checking the catalogue',
    sizes.reduce((sum, size) => sum + size, 0),
  )
  const tables: string[] = []
  const problems: string[] = []
  for (const name of names) {
    const bytes = await readFile(join(folder, name))
    if (!LOG_NAME.test(name)) {
      if (!isTableIntact(bytes)) {
        tables.push(name)
        problems.push(`its table ${name} is not what was written`)
      }
    } else {
      const at = damageInLog(bytes)
      if (at !== undefined) problems.push(`its file ${name} is damaged at ${at}`)
    }
    progress?.read(bytes.length)
  }
  return { tables, problems }
}

/** Names of all damaged tables, whether LevelDB knows of them or not: when it repairs a database, it reads every one. */
export async function damagedTables(folder: string): Promise<string[]> {
  const damaged: string[] = []
  for (const name of (await readdir(folder)).sort()) {
    if (TABLE_NAME.test(name) && !isTableIntact(await readFile(join(folder, name)))) damaged.push(name)
  }
  return damaged
}

/** Numbers of the tables that the manifest names; undefined when it cannot be read, which LevelDB will tell of. */
async function knownTables(folder: string): Promise<ReadonlySet<number> | undefined> {
  try {
    const manifest = (await readFile(join(folder, 'CURRENT'), 'utf8')).trim()
    return tablesIn(await readFile(join(folder, manifest)))
  } catch {
    return undefined
  }
}

function ifMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return []
  throw error
}
