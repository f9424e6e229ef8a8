/**
 * Looks at a whole store without changing it: every frame of the log from its first byte, every page and body that an
 * unsettled message needs, and how they hang together. Recovery looks only at what it needs; this looks at everything.
 */
import { crc32 } from 'node:zlib'
import { Block } from '../../../src/lib/block.ts'
import { RECORD_BODY_BESIDE, RECORD_PREFIX_BYTES, recordLength } from '../../record.ts'
import { SEGMENT_RECORDS_MAX } from '../../segment.ts'
import type { Catalogue, LogPosition } from '../catalogue/catalogue.ts'
import type { CatalogueKeys } from '../catalogue/catalogue-keys.ts'
import type { CopiedEntities } from '../checkpoint/entity-copy.ts'
import type { Files } from '../disk/files.ts'
import { LogFiles } from '../log/log-files.ts'
import { NOBODY, scanLog } from '../log/log-reader.ts'
import type { Page, StoredBody, StoredSegment } from '../log/stored-segment.ts'
import { type RecoveredStore, recover } from '../recovery/recovery.ts'

/** A range of a log file that makes no sense. */
export interface DamagedRange {
  readonly file: number
  readonly offset: number
  readonly bytes: number
  /** At the end of the file: a commit that was not finished. */
  readonly isTorn: boolean
}

/** A page that cannot be used, or one body of it. */
export interface DamagedPage {
  readonly queue: number
  readonly stored: StoredSegment
  readonly page: Page
  /** Only the message with this body is damaged. */
  readonly body: StoredBody | undefined
}

export interface Inspection {
  readonly store: RecoveredStore
  readonly logFiles: number
  readonly logBytes: number
  readonly segments: number
  readonly pages: number
  readonly bodies: number
  /** Unsettled messages that can be read. */
  readonly messages: number
  /** Messages that were expected and cannot be read. */
  readonly lostMessages: number
  readonly ranges: readonly DamagedRange[]
  readonly damagedPages: readonly DamagedPage[]
  /** Catalogue entries that nothing refers to: harmless, but they take room. */
  readonly forgottenPages: readonly number[]
  /** What is odd and does no harm, one sentence each. */
  readonly notes: readonly string[]
  /** What is wrong, one sentence each. */
  readonly problems: string[]
}

export interface InspectionOptions {
  /** Told how far it is, now and then. */
  readonly onProgress?: (text: string) => void
  /** Reads the second copy of the entities, for a catalogue that is damaged. */
  readonly readCopy?: () => Promise<CopiedEntities | undefined>
}

/** Throws what recovery throws: NewerStoreError, NewerFormatError, and errors of the disk. */
export async function inspect(
  catalogue: Catalogue,
  keys: CatalogueKeys,
  diskFiles: Files,
  options: InspectionOptions = {},
): Promise<Inspection> {
  const logs = new LogFiles(readOnly(diskFiles))
  await logs.open()
  try {
    const readsWholeLog = (await catalogue.meta()) === undefined
    const { readCopy } = options
    const store = await recover(catalogue, logs, { readsWholeLog, ...(readCopy !== undefined && { readCopy }) })
    const inspector = new Inspector(store, catalogue, logs, options)
    inspector.problems.push(...store.findings.problems.filter((text) => !FOUND_AGAIN.test(text)))
    inspector.checkKeys(keys)
    await inspector.scanLogs(await catalogue.meta())
    await inspector.checkSegments()
    return inspector.result(keys)
  } finally {
    await logs.close()
  }
}

/** The same files, as whoever only looks at them may have them. */
function readOnly(files: Files): Files {
  const refuse = async (): Promise<never> => {
    throw new Error('a store that is looked at must not be changed')
  }
  return {
    folder: files.folder,
    names: () => files.names(),
    remove: refuse,
    syncFolder: refuse,
    freeBytes: () => files.freeBytes(),
    async open(name) {
      const file = await files.open(name)
      return {
        write: refuse,
        writeThrough: refuse,
        truncate: refuse,
        rename: refuse,
        // Recovery makes safe what it has read.
        sync: () => file.sync(),
        read: (buffer, offset) => file.read(buffer, offset),
        size: () => file.size(),
        isInPlace: () => file.isInPlace(),
        rest: () => file.rest(),
        close: () => file.close(),
      }
    },
  }
}

/** Findings of recovery that are found here too, with their places. */
const FOUND_AGAIN = /^log file \d+: \d+ bytes|^catalogue (?:entry|record) /
const PROGRESS_BYTES = 64 * 1024 * 1024

class Inspector {
  readonly problems: string[] = []
  readonly #store: RecoveredStore
  readonly #catalogue: Catalogue
  readonly #logs: LogFiles
  readonly #options: InspectionOptions
  readonly #ranges: DamagedRange[] = []
  readonly #damaged: DamagedPage[] = []
  /** Bodies that several messages share are read once. */
  readonly #bodies = new Map<string, boolean>()
  readonly #notes: string[] = []
  readonly #usedEntries = new Set<number>()
  #logBytes = 0
  #segments = 0
  #pages = 0
  #messages = 0
  #lost = 0
  #bytesRead = 0

  constructor(store: RecoveredStore, catalogue: Catalogue, logs: LogFiles, options: InspectionOptions) {
    this.#store = store
    this.#catalogue = catalogue
    this.#logs = logs
    this.#options = options
  }

  checkKeys({ foreign, hasMeta, stateKeys }: CatalogueKeys): void {
    for (const { key } of foreign) {
      this.problems.push(`catalogue record ${key.toString('hex')} is damaged or does not belong to this store`)
    }
    if (!hasMeta && stateKeys.length > 0) {
      this.problems.push('the catalogue does not say how far it has come: the whole log is read instead')
    }
  }

  async scanLogs(position: LogPosition | undefined): Promise<void> {
    const all = this.#logs.all()
    for (const [at, { number, file }] of all.entries()) {
      const fileBytes = await file.size()
      this.#options.onProgress?.(`log file ${at + 1} of ${all.length}, ${fileBytes} bytes`)
      this.#logBytes += fileBytes
      const { end, tornBytes, gaps } = await scanLog(file, 0, NOBODY)
      for (const gap of gaps) this.#rangeDamaged({ file: number, ...gap, isTorn: false }, position)
      if (tornBytes > 0) this.#rangeDamaged({ file: number, offset: end, bytes: tornBytes, isTorn: true }, position)
    }
  }

  // What the catalogue has taken in is needed no more; a page that somebody waits for is checked by itself.
  #rangeDamaged(range: DamagedRange, position: LogPosition | undefined): void {
    const { file, offset, bytes, isTorn } = range
    const place = `log file ${file}: ${bytes} bytes at ${offset}`
    const isPast =
      position !== undefined && (file < position.file || (file === position.file && offset + bytes <= position.offset))
    if (isPast) {
      this.#notes.push(`${place} are damaged, and nothing needs them any more`)
      return
    }
    this.#ranges.push(range)
    this.problems.push(`${place} ${isTorn ? 'are an unfinished commit, which was never confirmed' : 'are damaged'}`)
  }

  async checkSegments(): Promise<void> {
    for (const [queue, { segments }] of this.#store.queues) {
      for (const stored of segments.values()) {
        this.#segments++
        await this.#checkSegment(queue, stored)
      }
    }
  }

  result({ pageIds }: CatalogueKeys): Inspection {
    const forgottenPages = pageIds.filter((id) => !this.#usedEntries.has(id))
    if (forgottenPages.length > 0) this.#notes.push(`${forgottenPages.length} catalogue entries are needed by nobody`)
    return {
      store: this.#store,
      logFiles: this.#logs.all().length,
      logBytes: this.#logBytes,
      segments: this.#segments,
      pages: this.#pages,
      bodies: this.#bodies.size,
      messages: this.#messages,
      lostMessages: this.#lost,
      ranges: this.#ranges,
      damagedPages: this.#damaged,
      forgottenPages,
      notes: this.#notes,
      problems: this.problems,
    }
  }

  async #checkSegment(queue: number, stored: StoredSegment): Promise<void> {
    stored.pages.sort((a, b) => a.first - b.first)
    let next = 0
    for (const page of stored.pages) {
      this.#pages++
      const end = page.first + page.count
      const isInOrder = page.first >= next && end <= Math.min(stored.gathered, SEGMENT_RECORDS_MAX)
      const fault = isInOrder ? await this.#faultOf(stored, page) : 'it is out of order'
      if (fault === undefined) {
        next = end
        await this.#checkBodies(queue, stored, page)
      } else this.#pageDamaged(queue, stored, page, fault)
    }
  }

  #pageDamaged(queue: number, stored: StoredSegment, page: Page, fault: string): void {
    const lost = stored.unsettledIn(page)
    this.#use(page)
    // Nobody waits for messages that are settled.
    if (lost === 0) return
    this.#lost += lost
    this.#damaged.push({ queue, stored, page, body: undefined })
    this.problems.push(
      `queue ${queue}: ${lost} messages in ${placeOf(page.file, page.offset)} cannot be read: ${fault}`,
    )
  }

  async #checkBodies(queue: number, stored: StoredSegment, page: Page): Promise<void> {
    this.#use(page)
    this.#messages += stored.unsettledIn(page)
    for (const body of page.bodies) {
      if (stored.isSettled(body.index) || (await this.#isBodyWhole(page.file, body))) continue
      this.#messages--
      this.#lost++
      this.#damaged.push({ queue, stored, page, body })
      this.problems.push(
        `queue ${queue}: a message with its body in ${placeOf(page.file, body.offset)} cannot be read: the body is damaged`,
      )
    }
  }

  async #isBodyWhole(file: number, body: StoredBody): Promise<boolean> {
    const place = `${file}:${body.offset}`
    const known = this.#bodies.get(place)
    if (known !== undefined) return known
    const bytes = await this.#read(file, body.offset, body.bytes)
    const isWhole = bytes !== undefined && crc32(bytes) === body.crc
    this.#bodies.set(place, isWhole)
    return isWhole
  }

  /** What is wrong with a page, in words that follow a colon; undefined when nothing is. */
  async #faultOf(stored: StoredSegment, page: Page): Promise<string | undefined> {
    const bytes = await this.#read(page.file, page.offset, page.bytes)
    if (bytes === undefined) return 'the bytes are missing'
    if (crc32(bytes) !== page.crc) return 'its CRC is wrong'
    const bodyBytes = new Map(page.bodies.map((body) => [body.index, body.bytes]))
    const block = new Block(bytes)
    let at = 0
    for (let index = page.first; index < page.first + page.count; index++) {
      if (at + RECORD_PREFIX_BYTES > bytes.length) return 'it ends too early'
      const isBeside = (block.view.getUint16(at + 2) & RECORD_BODY_BESIDE) !== 0
      const bodyMatches = bodyBytes.get(index) === block.view.getUint32(at + 8)
      if (isBeside && !stored.isSettled(index) && !bodyMatches) return 'a body is missing'
      at += recordLength(block, at)
    }
    return at === bytes.length ? undefined : 'its messages do not fill it'
  }

  async #read(file: number, offset: number, bytes: number): Promise<Buffer | undefined> {
    this.#noteProgress(bytes)
    if (file === 0) {
      const entry = await this.#catalogue.page(offset)
      return entry?.length === bytes ? entry : undefined
    }
    const log = this.#logs.get(file)
    if (log === undefined || offset + bytes > (await log.file.size())) return undefined
    const buffer = Buffer.allocUnsafeSlow(bytes)
    await log.file.read(buffer, offset)
    return buffer
  }

  #use(page: Page): void {
    if (page.file !== 0) return
    this.#usedEntries.add(page.offset)
    for (const { offset } of page.bodies) this.#usedEntries.add(offset)
  }

  #noteProgress(bytes: number): void {
    const before = Math.floor(this.#bytesRead / PROGRESS_BYTES)
    this.#bytesRead += bytes
    if (Math.floor(this.#bytesRead / PROGRESS_BYTES) > before) {
      this.#options.onProgress?.(`${this.#messages} messages of ${this.#segments} segments`)
    }
  }
}

function placeOf(file: number, offset: number): string {
  return file === 0 ? `catalogue entry ${offset}` : `log file ${file} at ${offset}`
}
