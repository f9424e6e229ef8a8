/**
 * Writes to the catalogue so that it is safe. While there is no room on the disk, it tries again and again: nothing is
 * lost meanwhile, the log has it all.
 */
import type { CatalogueOperation } from './catalogue-records.ts'
import { reasonOf } from './catalogue-repair.ts'

/** What it writes to. */
export interface WrittenCatalogue {
  write(operations: readonly CatalogueOperation[], isSynced: boolean): Promise<void>
  reopen(): Promise<void>
}

/** Whom it tells that publishers have to wait, or that it is all over. */
export interface WriterJournal {
  catalogueTrouble(trouble: string | undefined): void
  catalogueFailed(error: unknown): void
}

const RETRY_MS = 500
/** LevelDB writes about as much when it is opened: what it has in its log becomes a table. */
const ROOM_BYTES = 16 * 1024 * 1024
/** With less than this free, whatever fails fails for want of room. */
const NO_ROOM_BYTES = 1024 * 1024
/** LevelDB has no codes for what the system says, only its words. */
const PASSING = /no space left|not enough space|quota exceeded|read-only file system|too many open files/i

export class CatalogueWriter {
  readonly #catalogue: WrittenCatalogue
  readonly #journal: WriterJournal
  readonly #freeBytes: () => Promise<number>
  readonly #stopping = new AbortController()

  constructor(catalogue: WrittenCatalogue, journal: WriterJournal, freeBytes: () => Promise<number>) {
    this.#catalogue = catalogue
    this.#journal = journal
    this.#freeBytes = freeBytes
  }

  /** Does not wait for room any more. */
  stop(): void {
    this.#stopping.abort()
  }

  /** Writes everything or nothing. False when it gave up: it was stopped, or failed, which the journal was told of. */
  async write(operations: readonly CatalogueOperation[]): Promise<boolean> {
    for (;;) {
      try {
        // Without a sync, LevelDB may lose a batch and keep one behind it.
        await this.#catalogue.write(operations, true)
        this.#journal.catalogueTrouble(undefined)
        return true
      } catch (error) {
        if (!(await this.#mayWait(error)) || !(await this.#reopen())) return false
      }
    }
  }

  /** After an error LevelDB takes nothing more until it is opened again. */
  async #reopen(): Promise<boolean> {
    for (;;) {
      if (!(await this.#pause())) return false
      // While it is open it can be read, at least.
      if ((await this.#room()) < ROOM_BYTES) continue
      try {
        await this.#catalogue.reopen()
        return true
      } catch (error) {
        if (!(await this.#mayWait(error))) return false
      }
    }
  }

  /** Whether this goes away once there is room; the journal is told either way. */
  async #mayWait(error: unknown): Promise<boolean> {
    const reason = reasonOf(error)
    if (PASSING.test(reason) || (await this.#room()) < NO_ROOM_BYTES) {
      this.#journal.catalogueTrouble(
        `the catalogue cannot be written (${reason}): make room on the disk or make it writable`,
      )
      return true
    }
    this.#journal.catalogueFailed(error)
    return false
  }

  async #room(): Promise<number> {
    return await this.#freeBytes().catch(() => Number.POSITIVE_INFINITY)
  }

  /** False once it was stopped. */
  async #pause(): Promise<boolean> {
    const { signal } = this.#stopping
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          resolve()
        }
        const timer = setTimeout(done, RETRY_MS)
        signal.addEventListener('abort', done)
      })
    }
    return !signal.aborted
  }
}
