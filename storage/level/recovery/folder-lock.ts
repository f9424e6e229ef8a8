/**
 * The lock of a data folder. Node.js cannot lock files, LevelDB can: so a database that nothing is written to holds the
 * lock of the folder `lock`. The system takes it back when the process ends, however it ends: a process that was killed
 * leaves no lock behind, and no other process can be mistaken for it.
 *
 * The system's lock is one of processes, and a process loses it when it closes the file, however often it has it open:
 * LevelDB does so when it finds the database open already. So within the process a list comes first.
 */
import { closeSync, openSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClassicLevel } from 'classic-level'
import { levelDb } from '../catalogue/leveldb.ts'
import { impossibleNames } from '../catalogue/leveldb-names.ts'
import { codeOf } from '../disk/disk-errors.ts'
import { identityOf } from '../disk/file-identity.ts'
import { makeFolder } from '../disk/files.ts'

export const LOCK_FOLDER = 'lock'
/** The file that is locked. It is never removed: another one of its name would be another lock. */
const LOCK_FILE = 'LOCK'
const ATTEMPTS = 3

/** Of all copies of this module that the process has loaded. */
const LOCKED = Symbol.for('leveret.locked-folders')

export class FolderLock {
  readonly #database: ClassicLevel
  readonly #identity: string

  private constructor(database: ClassicLevel, identity: string) {
    this.#database = database
    this.#identity = identity
  }

  /** Makes the folder if there is none. Rejects with an error that `isLocked` recognises when another one has it. */
  static async take(folder: string): Promise<FolderLock> {
    const LevelDb = await levelDb()
    const place = join(folder, LOCK_FOLDER)
    await makeFolder(place)
    makeLockFile(join(place, LOCK_FILE))
    const identity = identityOf(await stat(join(place, LOCK_FILE)))
    const locked = lockedHere()
    if (locked.has(identity)) throw new LockedHereError()
    locked.add(identity)
    try {
      return new FolderLock(await openDatabase(LevelDb, place), identity)
    } catch (error) {
      locked.delete(identity)
      throw error
    }
  }

  async release(): Promise<void> {
    await this.#database.close()
    lockedHere().delete(this.#identity)
  }
}

class LockedHereError extends Error {
  readonly code = 'LEVEL_LOCKED'

  constructor() {
    super('this process has the folder already')
    this.name = 'LockedHereError'
  }
}

/** Which lock files this process has locked. */
function lockedHere(): Set<string> {
  const holder = globalThis as { [LOCKED]?: Set<string> }
  holder[LOCKED] ??= new Set()
  return holder[LOCKED]
}

/** In one go: what is closed here must not be a file that another part of the process has locked meanwhile. */
function makeLockFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

async function openDatabase(LevelDb: typeof ClassicLevel, place: string): Promise<ClassicLevel> {
  for (const name of await impossibleNames(place)) await rm(join(place, name), { recursive: true, force: true })
  for (let attempt = 1; ; attempt++) {
    const database = new LevelDb(place)
    try {
      await database.open()
      // The rest is of no use, and what is not there cannot be damaged.
      await removeAllButLock(place)
      return database
    } catch (error) {
      if (isLocked(error) || attempt === ATTEMPTS) throw error
      await removeAllButLock(place)
    }
  }
}

/** The folder is in use: LevelDB says so, or the list of this process. */
export function isLocked(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (codeOf(at) === 'LEVEL_LOCKED') return true
  return false
}

/** Some systems remove no files that are open: what stays then is no harm. */
async function removeAllButLock(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    if (name !== LOCK_FILE) await rm(join(place, name), { recursive: true, force: true }).catch(() => {})
  }
}
