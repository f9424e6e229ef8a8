/**
 * Log files that are not needed any more become the next ones: a disk writes into blocks that a file has about twice as
 * fast as into new ones. A few are kept, and those that were not needed for some seconds are removed.
 */
import { closeAll } from '../disk/close-all.ts'
import type { DataFile } from '../disk/data-file.ts'
import type { Files } from '../disk/files.ts'
import { isSpareFileName, spareFileName } from './log-format.ts'

const SPARES_MAX = 16
/** What was not needed from one look to the next is removed. */
const LOOK_MS = 2000
/** Only files of about the normal length are kept, as a share of it. */
const LENGTH_SHARE_MAX = 1.25

export interface SpareFile {
  readonly name: string
  readonly file: DataFile
}

export class SpareFiles {
  isWanted = true
  readonly #files: Files
  readonly #fileBytes: number
  #spares: SpareFile[] = []
  /** So many were there all the time since the last look. */
  #idle = 0
  #timer: NodeJS.Timeout | undefined
  /** Removals that are under way. */
  #removing: Promise<void> = Promise.resolve()

  constructor(files: Files, fileBytes: number) {
    this.#files = files
    this.#fileBytes = fileBytes
  }

  /** False when this log file is not wanted as a spare one. */
  async keep({ number, file, roomBytes }: { number: number; file: DataFile; roomBytes: number }): Promise<boolean> {
    if (!this.isWanted || this.#spares.length >= SPARES_MAX || roomBytes > this.#fileBytes * LENGTH_SHARE_MAX)
      return false
    if (roomBytes < this.#fileBytes / LENGTH_SHARE_MAX) return false
    const name = spareFileName(number)
    try {
      await file.rename(name)
    } catch {
      return false
    }
    this.#spares.push({ name, file })
    this.#timer ??= setInterval(() => this.#removeIdle(), LOOK_MS).unref()
    return true
  }

  take(): SpareFile | undefined {
    const spare = this.#spares.pop()
    this.#idle = Math.min(this.#idle, this.#spares.length)
    return spare
  }

  /** Removes what another process has left behind. */
  removeForgotten(names: readonly string[]): void {
    this.#later(names.filter(isSpareFileName).map((name) => () => this.#files.remove(name)))
  }

  async close(): Promise<void> {
    this.removeAll()
    await this.#removing
  }

  removeAll(): void {
    this.#remove(this.#spares.length)
  }

  #removeIdle(): void {
    this.#remove(this.#idle)
    this.#idle = this.#spares.length
  }

  /** Removes so many, first those that have waited the longest. */
  #remove(count: number): void {
    const spares = this.#spares.splice(0, count)
    this.#idle = Math.min(this.#idle, this.#spares.length)
    if (this.#spares.length === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
    this.#later(spares.map((spare) => () => this.#removeOne(spare)))
  }

  async #removeOne({ name, file }: SpareFile): Promise<void> {
    const isInPlace = await file.isInPlace()
    await file.close()
    if (isInPlace) await this.#files.remove(name)
  }

  /** What cannot be removed now is removed at the next start. */
  #later(removals: readonly (() => Promise<void>)[]): void {
    this.#removing = this.#removing.then(() => closeAll(removals)).catch(() => {})
  }
}
