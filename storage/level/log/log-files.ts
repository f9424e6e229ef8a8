/** The log files of a store: which there are, how much in each is still needed, which is written to. */
import { join } from 'node:path'
import { closeAll } from '../disk/close-all.ts'
import type { DataFile } from '../disk/data-file.ts'
import { DisplacedError, isForRoom, isNowhere } from '../disk/disk-errors.ts'
import type { Files } from '../disk/files.ts'
import type { Page } from '../disk/places.ts'
import { LOG_FOLDER } from '../disk/store-folders.ts'
import { HeldLogs } from './held-logs.ts'
import { createEnd, createFileHeader, logFileName, logFileNumber, markIn } from './log-format.ts'
import { PlaceLooks } from './place-looks.ts'
import { type SpareFile, SpareFiles } from './spare-files.ts'
import type { StoredSegment } from './stored-segment.ts'

const NO_MARK = new Uint8Array(0)
/**
 * A commit that makes its file longer costs the disk far more than one into room that is there: the length has to be
 * written, too. Small commits make room for those that follow.
 */
const SMALL_COMMIT_BYTES = 32 * 1024
export const ROOM_BYTES = 1024 * 1024 - 2 * SMALL_COMMIT_BYTES
const ROOM = Buffer.alloc(ROOM_BYTES)
/** The next file is made when this share of the current one is used up. */
const PREPARE_SHARE = 0.5

export interface LogFile {
  readonly number: number
  readonly file: DataFile
  /** What its frames begin with; only the file that is written to knows. */
  readonly mark: Uint8Array
  /** Bytes written: the header and whole frames. */
  bytes: number
  /** Length of the file on the disk. */
  roomBytes: number
  /** Reads that are under way. */
  reads: number
  /** Pages that may hold unsettled messages, with the segment each belongs to. */
  readonly pages: Map<Page, StoredSegment>
}

export class LogFiles {
  readonly #files: Files
  /** A file that has grown to so many bytes is full. */
  readonly fileBytes: number
  readonly #onElsewhereUnneeded: (page: Page) => void
  readonly #byNumber = new Map<number, LogFile>()
  readonly #spares: SpareFiles
  readonly held = new HeldLogs()
  #namesAtOpen: readonly string[] = []
  #current: LogFile | undefined
  /** What stands behind the last frame of the current file. */
  #end: Uint8Array = NO_MARK
  /** The file after the current one; undefined inside when it could not be made. */
  #next: Promise<LogFile | undefined> | undefined
  readonly #looks = new PlaceLooks()
  /** The store that files which are made belong to. */
  storeId: string | undefined
  /** Bytes written since the store was opened. */
  writtenBytes = 0

  /** `onElsewhereUnneeded` is told of pages that are not needed any more and that are not in a file of the log. */
  constructor(
    files: Files,
    fileBytes: number = Number.POSITIVE_INFINITY,
    onElsewhereUnneeded: (page: Page) => void = () => {},
  ) {
    this.#files = files
    this.fileBytes = fileBytes
    this.#onElsewhereUnneeded = onElsewhereUnneeded
    this.#spares = new SpareFiles(files, fileBytes)
  }

  /** Opens all that there are. */
  async open(): Promise<void> {
    this.#namesAtOpen = await this.#files.names()
    const numbers = this.#namesAtOpen.map(logFileNumber).filter((number) => number !== undefined)
    for (const number of numbers.sort((a, b) => a - b)) {
      const log = createLogFile(number, await this.#files.open(logFileName(number)), NO_MARK)
      this.#byNumber.set(number, log)
      log.bytes = log.roomBytes = await log.file.size()
      // There may be more of them than a process may have open.
      await log.file.rest()
    }
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

  get isFull(): boolean {
    return this.current.bytes >= this.fileBytes
  }

  /** Starts the next file; what is written from now on goes there. */
  async startNext(numberMin = 1): Promise<LogFile> {
    if (this.#current === undefined) this.#spares.removeForgotten(this.#namesAtOpen)
    const prepared = this.#next
    this.#next = undefined
    return await this.#begin((await prepared) ?? (await this.#create(numberMin, this.#spares.take())))
  }

  /** Starts the next file with one that takes no room yet. */
  async startFresh(): Promise<LogFile> {
    await this.#removeNext()
    return await this.#begin(await this.#create(1))
  }

  async #begin(next: LogFile): Promise<LogFile> {
    const last = this.#current
    this.#byNumber.set(next.number, next)
    this.#current = next
    this.#end = createEnd(next.mark)
    await last?.file.rest()
    return next
  }

  /** Appends a frame to the current file. With `isThrough` it is safe once this resolves, else after the next sync. */
  async append(frame: readonly Uint8Array[], isThrough: boolean): Promise<void> {
    const log = this.current
    const bytes = frame.reduce((sum, piece) => sum + piece.length, 0)
    const pieces = [...frame, this.#end]
    const end = log.bytes + bytes + this.#end.length
    // Looks while the file is written to: that costs the commit no time.
    const isInPlace = this.#looks.isDue() ? log.file.isInPlace() : true
    const write = (all: Uint8Array[]): Promise<void> =>
      isThrough ? log.file.writeThrough(all, log.bytes) : log.file.write(all, log.bytes)
    const makesRoom = end > log.roomBytes && bytes <= SMALL_COMMIT_BYTES
    let roomBytes = makesRoom ? Math.max(0, Math.min(ROOM_BYTES, this.fileBytes - end)) : 0
    try {
      await write(roomBytes === 0 ? pieces : [...pieces, ROOM.subarray(0, roomBytes)])
    } catch (error) {
      if (roomBytes === 0 || !isForRoom(error)) throw error
      // Acknowledgements, which make room again, must still fit into what is left.
      roomBytes = 0
      await write(pieces)
    }
    if (!(await isInPlace)) throw this.#displaced(log)
    log.roomBytes = Math.max(log.roomBytes, end + roomBytes)
    log.bytes += bytes
    this.writtenBytes += bytes
    if (log.bytes > this.fileBytes * PREPARE_SHARE)
      this.#next ??= this.#create(1, this.#spares.take()).catch(() => undefined)
  }

  /** The name of a log file that is in its folder no more. */
  async missingFile(): Promise<string | undefined> {
    const before = [...this.#byNumber.values()]
    const names = await this.#namesNow()
    if (names === undefined) return undefined
    const isMissing = ({ number }: LogFile): boolean => this.#byNumber.has(number) && !names.has(logFileName(number))
    const missing = before.find(isMissing)
    return missing === undefined ? undefined : join(LOG_FOLDER, logFileName(missing.number))
  }

  #displaced({ number }: LogFile): DisplacedError {
    return new DisplacedError(join(this.#files.folder, logFileName(number)))
  }

  /** Undefined when the system does not say: what is wrong shows where the log is written to. */
  async #namesNow(): Promise<ReadonlySet<string> | undefined> {
    try {
      return new Set(await this.#files.names())
    } catch (error) {
      return isNowhere(error) ? new Set() : undefined
    }
  }

  /** Whether files that are not needed wait to become the next ones. */
  keepSpares(isWanted: boolean): void {
    this.#spares.isWanted = isWanted
    if (!isWanted) this.#spares.removeAll()
  }

  /** False when another file has its name now and was read instead. */
  async read(number: number, buffer: Uint8Array, offset: number): Promise<boolean> {
    const log = this.#required(number)
    log.reads++
    try {
      return await log.file.read(buffer, offset)
    } finally {
      log.reads--
    }
  }

  /** Closes a file that holds nothing that is needed, and keeps it as a spare one or removes it; a held one later. */
  async remove(log: LogFile): Promise<void> {
    this.#byNumber.delete(log.number)
    await this.held.removeWhenFree(log, () => this.#giveBack(log))
  }

  async #giveBack(log: LogFile): Promise<void> {
    // What has its name now is not its own.
    if (!(await log.file.isInPlace())) return await log.file.close()
    if (log.reads === 0 && (await this.#spares.keep(log))) return
    await log.file.close()
    await this.#files.remove(logFileName(log.number))
  }

  pageAdded(page: Page, stored: StoredSegment): void {
    this.#byNumber.get(page.file)?.pages.set(page, stored)
  }

  pageRemoved(page: Page): void {
    if (page.file === 0) this.#onElsewhereUnneeded(page)
    else this.#byNumber.get(page.file)?.pages.delete(page)
  }

  /** Whether there is a file that holds nothing that is needed, but for what the catalogue has not taken in. */
  get hasFree(): boolean {
    for (const log of this.#byNumber.values()) if (log !== this.#current && log.pages.size === 0) return true
    return false
  }

  /** Another one when files or pages have come or gone. */
  get shape(): string {
    let pages = 0
    for (const log of this.#byNumber.values()) pages += log.pages.size
    return `${this.#byNumber.size} ${pages}`
  }

  /** What the log takes on the disk. */
  get totalBytes(): number {
    return this.all().reduce((sum, { roomBytes }) => sum + roomBytes, 0)
  }

  /** Closes every file, also when one of them fails to close, and rejects with the first error then. */
  async close(): Promise<void> {
    const all = this.all()
    this.#byNumber.clear()
    const held = this.held.closings()
    await closeAll([
      () => this.#removeNext(),
      () => this.#spares.close(),
      ...held,
      ...all.map((log) => () => log.file.close()),
    ])
  }

  async #removeNext(): Promise<void> {
    const next = await this.#next
    this.#next = undefined
    if (next === undefined) return
    const isInPlace = await next.file.isInPlace()
    await next.file.close()
    // One that stays does no harm.
    if (isInPlace) await this.#files.remove(logFileName(next.number)).catch(() => {})
  }

  #required(number: number): LogFile {
    const log = this.#byNumber.get(number)
    if (log === undefined) throw new RangeError(`log file ${number} is missing`)
    return log
  }

  async #create(numberMin: number, spare?: SpareFile): Promise<LogFile> {
    if (this.#current !== undefined && !(await this.#current.file.isInPlace())) throw this.#displaced(this.#current)
    const number = Math.max(numberMin, (this.all().at(-1)?.number ?? 0) + 1)
    const name = logFileName(number)
    const header = createFileHeader(spare !== undefined, this.storeId)
    const file = spare?.file ?? (await this.#files.open(name))
    const log = createLogFile(number, file, markIn(header))
    log.bytes = header.length
    try {
      await file.write([header, createEnd(log.mark)], 0)
      log.roomBytes = await file.size()
      // What a file was before must be gone when it appears under its new name.
      await file.sync()
      await spare?.file.rename(name)
      await this.#files.syncFolder()
    } catch (error) {
      // An empty file does no harm.
      await file.close().catch(() => {})
      for (const left of [name, ...(spare === undefined ? [] : [spare.name])])
        await this.#files.remove(left).catch(() => {})
      throw error
    }
    return log
  }
}

function createLogFile(number: number, file: DataFile, mark: Uint8Array): LogFile {
  return { number, file, mark, bytes: 0, roomBytes: 0, reads: 0, pages: new Map() }
}
