/**
 * Looks whether the files of an open store are still where their names lead. They may be removed, moved away or replaced
 * while the store goes on writing into what is gone: nothing of that would be there after a restart.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { identityOf, isSameFile } from '../disk/file-identity.ts'
import type { LogFiles } from '../log/log-files.ts'
import { CATALOGUE_FOLDER } from './data-folder.ts'
import { LOCK_FOLDER } from './folder-lock.ts'

const WATCH_MS = 1000
/** LevelDB has these open all the time and never removes them: as long as that is so, no other file gets their numbers. */
const OPEN_FILES: readonly string[] = [join(CATALOGUE_FOLDER, 'LOCK'), join(LOCK_FOLDER, 'LOCK')]

export class StorePlace {
  readonly #folder: string
  readonly #logs: LogFiles
  readonly #identities: ReadonlyMap<string, string>
  #timer: NodeJS.Timeout | undefined

  private constructor(folder: string, logs: LogFiles, identities: ReadonlyMap<string, string>) {
    this.#folder = folder
    this.#logs = logs
    this.#identities = identities
  }

  /** Of a store that is open. */
  static async of(folder: string, logs: LogFiles): Promise<StorePlace> {
    const identities = new Map<string, string>()
    for (const name of OPEN_FILES) identities.set(name, identityOf(await stat(join(folder, name))))
    return new StorePlace(folder, logs, identities)
  }

  /** What is wrong and what to do about it, in one sentence; undefined when everything is where it was. */
  async trouble(): Promise<string | undefined> {
    for (const [name, identity] of this.#identities) {
      if (!(await isSameFile(join(this.#folder, name), identity))) return this.#sentence(name)
    }
    const missing = await this.#logs.missingFile()
    return missing === undefined ? undefined : this.#sentence(missing)
  }

  /** Tells once a second what is wrong, or that nothing is. */
  watch(whenSeen: (trouble: string | undefined) => void): void {
    let isLooking = false
    this.#timer = setInterval(async () => {
      if (isLooking) return
      isLooking = true
      const trouble = await this.trouble()
      isLooking = false
      if (this.#timer !== undefined) whenSeen(trouble)
    }, WATCH_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #sentence(name: string): string {
    return `${name} in the folder ${this.#folder} was removed or replaced: put it back, or start the broker again`
  }
}
