import type { LogFile } from './log-files.ts'

/** Log files that were written to and not synced, where commits do not do that themselves. */
export class UnsyncedLogs {
  readonly #logs = new Set<LogFile>()
  readonly #onFailure: (error: unknown) => void
  #syncing: Promise<boolean> = Promise.resolve(true)

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure
  }

  add(log: LogFile): void {
    this.#logs.add(log)
  }

  /** Makes safe what was written so far; false when that failed, now or before. */
  sync(): Promise<boolean> {
    this.#syncing = this.#syncing.then((isSafe) => isSafe && this.#sync())
    return this.#syncing
  }

  async #sync(): Promise<boolean> {
    const logs = [...this.#logs]
    this.#logs.clear()
    try {
      for (const log of logs) await log.file.sync()
      return true
    } catch (error) {
      // The system may have dropped what it could not write, and does not say what is on the disk.
      this.#onFailure(error)
      return false
    }
  }
}
