/** The log files of a store: which there are, how much in each is still needed, which is written to. */

import type { Page, StoredSegment } from '../stored-segment.ts'
import type { DataFile, Files } from './files.ts'
import { createFileHeader, logFileName, logFileNumber, markIn } from './log-format.ts'

const NO_MARK = new Uint8Array(0)

export interface LogFile {
  readonly number: number
  readonly file: DataFile
  /** What its frames begin with; only the file that is written to knows. */
  readonly mark: Uint8Array
  /** Bytes written: the header and whole frames. */
  bytes: number
  /** Pages that may hold unsettled messages, with the segment each belongs to. */
  readonly pages: Map<Page, StoredSegment>
}

export class LogFiles {
  readonly #files: Files
  readonly #byNumber = new Map<number, LogFile>()
  #current: LogFile | undefined
  /** Bytes written since the store was opened. */
  writtenBytes = 0
  /** Catalogue entries of pages that are not needed any more. */
  unneededEntries: number[] = []

  constructor(files: Files) {
    this.#files = files
  }

  /** Opens all that there are. */
  async open(): Promise<void> {
    const numbers = (await this.#files.names()).map(logFileNumber).filter((number) => number !== undefined)
    for (const number of numbers.sort((a, b) => a - b)) await this.#add(number)
  }

  /** In order of their numbers. */
  all(): LogFile[] {
    return [...this.#byNumber.values()]
  }

  get(number: number): LogFile | undefined {
    return this.#byNumber.get(number)
  }

  /** The file being written to. */
  get current(): LogFile {
    if (this.#current === undefined) throw new Error('no log file has been started')
    return this.#current
  }

  /** Starts the next file; what is written from now on goes there. */
  async startNext(numberMin = 1): Promise<LogFile> {
    const last = this.all().at(-1)
    const header = createFileHeader()
    const next = await this.#add(Math.max(numberMin, (last?.number ?? 0) + 1), markIn(header))
    try {
      await next.file.write([header], 0)
      await this.#files.syncFolder()
    } catch (error) {
      await this.remove(next).catch(() => {}) // an empty file is in nobody's way
      throw error
    }
    next.bytes = header.length
    this.#current = next
    return next
  }

  async remove(log: LogFile): Promise<void> {
    this.#byNumber.delete(log.number)
    await log.file.close()
    await this.#files.remove(logFileName(log.number))
  }

  pageAdded(page: Page, stored: StoredSegment): void {
    this.#byNumber.get(page.file)?.pages.set(page, stored)
  }

  pageRemoved(page: Page): void {
    if (page.file === 0) this.unneededEntries.push(page.offset, ...page.bodies.map(({ offset }) => offset))
    else this.#byNumber.get(page.file)?.pages.delete(page)
  }

  get totalBytes(): number {
    return this.all().reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async close(): Promise<void> {
    for (const { file } of this.#byNumber.values()) await file.close()
    this.#byNumber.clear()
  }

  async #add(number: number, mark: Uint8Array = NO_MARK): Promise<LogFile> {
    const file = await this.#files.open(logFileName(number))
    const log = { number, file, mark, bytes: await file.size(), pages: new Map<Page, StoredSegment>() }
    this.#byNumber.set(number, log)
    return log
  }
}

/** Bytes of the messages in a log file that are not settled; pages without any are forgotten. */
export function liveBytes(log: LogFile): number {
  let live = 0
  for (const [page, stored] of log.pages) {
    const bytes = page.bodies.reduce((sum, body) => sum + (stored.isSettled(body.index) ? 0 : body.bytes), 0)
    live += bytes + (page.bytes * stored.unsettledIn(page)) / page.count
  }
  return live
}
