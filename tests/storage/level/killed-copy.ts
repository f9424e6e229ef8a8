import { cpSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Copies the folder of a store that is open: what another process would find if this one was killed now. */
export function copyAsKilled(from: string, to: string): void {
  // LevelDB works in the background: a copy counts when nothing has come, gone or grown meanwhile.
  for (let attempt = 1; ; attempt++) {
    const before = listing(from)
    try {
      cpSync(from, to, { recursive: true, filter: (path) => !/LOCK$|owner$/.test(path) })
      if (listing(from) === before) return
    } catch (error) {
      if (attempt === 100) throw error
    }
    rmSync(to, { recursive: true, force: true })
  }
}

function listing(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path} ${statSync(path, { throwIfNoEntry: false })?.size}`)
    .join('\n')
}
