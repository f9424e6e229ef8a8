/** Log files that are being copied: they stay where they are until that is done, whether they are needed or not. */
import type { LogFile } from './log-files.ts'

export class HeldLogs {
  /** What is to be done with a file once it is released. */
  readonly #waiting = new Map<LogFile, (() => Promise<void>) | undefined>()

  hold(log: LogFile): void {
    if (!this.#waiting.has(log)) this.#waiting.set(log, undefined)
  }

  /** Removes the file, now or when it is released; what cannot be removed then is removed after the next start. */
  async removeWhenFree(log: LogFile, remove: () => Promise<void>): Promise<void> {
    if (this.#waiting.has(log)) this.#waiting.set(log, remove)
    else await remove()
  }

  async release(log: LogFile): Promise<void> {
    const remove = this.#waiting.get(log)
    this.#waiting.delete(log)
    await remove?.().catch(() => {})
  }

  /** Closes the files that only wait to be removed; what is reading them fails. */
  closings(): (() => Promise<void>)[] {
    const logs = [...this.#waiting].flatMap(([log, remove]) => (remove === undefined ? [] : [log]))
    this.#waiting.clear()
    return logs.map((log) => () => log.file.close())
  }
}
