/**
 * The lock of a data folder. Node.js cannot lock files, LevelDB can: so a database that nothing is written to holds the
 * lock of the folder `lock`. The system takes it back when the process ends, however it ends: a process that was killed
 * leaves no lock behind, and no other process can be mistaken for it.
 */
import { readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { makeFolder } from './files.ts'

export const LOCK_FOLDER = 'lock'
/** The file that is locked. It is never removed: another one of its name would be another lock. */
const LOCK_FILE = 'LOCK'
const ATTEMPTS = 3

export class FolderLock {
  readonly #database: ClassicLevel

  private constructor(database: ClassicLevel) {
    this.#database = database
  }

  /** Makes the folder if there is none. Rejects with an error that `isLocked` recognises when somebody has it. */
  static async take(folder: string): Promise<FolderLock> {
    await makeFolder(join(folder, LOCK_FOLDER))
    // The system's lock is one of processes. Within this one LevelDB tells them apart by their paths.
    const place = join(await realpath(folder), LOCK_FOLDER)
    for (let attempt = 1; ; attempt++) {
      const database = new ClassicLevel(place)
      try {
        await database.open()
        // The rest is of no use, and what is not there cannot be damaged.
        await removeAllButLock(place)
        return new FolderLock(database)
      } catch (error) {
        if (isLocked(error) || attempt === ATTEMPTS) throw error
        await removeAllButLock(place)
      }
    }
  }

  release(): Promise<void> {
    return this.#database.close()
  }
}

/** LevelDB says that somebody else has the database open. */
export function isLocked(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if ('code' in at && at.code === 'LEVEL_LOCKED') return true
  return false
}

/** Some systems remove no files that are open: what stays then is no harm. */
async function removeAllButLock(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    if (name !== LOCK_FILE) await rm(join(place, name), { recursive: true, force: true }).catch(() => {})
  }
}
