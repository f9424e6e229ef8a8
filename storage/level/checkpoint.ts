/**
 * Brings the catalogue up to the log, and lets go of log files that nothing needs any more. A few messages that outlive
 * their log file move into the catalogue, so that they do not keep it.
 */
import { crc32 } from 'node:zlib'
import { allocateBlock, type Block } from '../../src/lib/block.ts'
import type { Page, PlacedBytes, StoredBody, StoredSegment } from '../stored-segment.ts'
import {
  CATALOGUE_VERSION,
  type Catalogue,
  type CatalogueOperation,
  putCursor,
  putEntity,
  putMeta,
  putPage,
  putSegment,
  removeCursor,
  removeEntity,
  removePage,
  removeSegment,
} from './catalogue.ts'
import type { LevelJournal } from './level-journal.ts'
import { type LogFile, type LogFiles, liveBytes } from './log-files.ts'
import { recordBytes } from './page-reader.ts'

/** Log bytes written since the last time that make another one due, as a share of a log file. */
const DUE_SHARE = 0.5
/** The log may take this many times the bytes of its unsettled messages, and one log file more. */
const LOG_SHARE_MAX = 2
/** A log file in which less than this share is needed is emptied in any case. */
const SPARSE_SHARE = 0.05
/** The catalogue takes in so many bytes of old messages at a time. */
const MOVED_BYTES_MAX = 16 * 1024 * 1024

export interface CatalogueIds {
  nextQueueId: number
  nextPageId: number
  readonly nextSequence: number
}

export class Checkpointer {
  readonly #catalogue: Catalogue
  readonly #journal: LevelJournal
  readonly #logs: LogFiles
  readonly #ids: CatalogueIds
  readonly #logFileBytes: number
  #bytesAtLast = 0
  #running: Promise<void> | undefined

  constructor(catalogue: Catalogue, journal: LevelJournal, logs: LogFiles, ids: CatalogueIds, logFileBytes: number) {
    this.#catalogue = catalogue
    this.#journal = journal
    this.#logs = logs
    this.#ids = ids
    this.#logFileBytes = logFileBytes
  }

  isDue(): boolean {
    return this.#running === undefined && this.#logs.writtenBytes - this.#bytesAtLast >= this.#logFileBytes * DUE_SHARE
  }

  /** Must be called between two commits: the state that is written is that of the last one. One runs at a time. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Brings the catalogue up to the very end of the log, which grows no more. */
  async finish(): Promise<void> {
    await this.#running
    await this.run()
  }

  async #run(): Promise<void> {
    this.#bytesAtLast = this.#logs.writtenBytes
    const { number, bytes } = this.#logs.current
    const unneeded = this.#logs.all().filter((log) => log.number < number && log.pages.size === 0)
    const operations = this.#operations()
    const { nextQueueId, nextPageId, nextSequence } = this.#ids
    const { commit } = this.#journal
    const meta = {
      version: CATALOGUE_VERSION,
      commit,
      file: number,
      offset: bytes,
      nextQueueId,
      nextPageId,
      nextSequence,
    }
    // Once a file is removed, what it told is in the catalogue alone.
    await this.#catalogue.write([...operations, putMeta(meta)], unneeded.length > 0)
    for (const log of unneeded) await this.#logs.remove(log)
    await this.#moveStragglers()
  }

  #operations(): CatalogueOperation[] {
    const operations: CatalogueOperation[] = []
    for (const { kind, key, value } of this.#journal.changedEntities.values()) {
      operations.push(value === undefined ? removeEntity(kind, key) : putEntity(kind, key, value))
    }
    this.#journal.changedEntities.clear()
    for (const [queue, sequences] of this.#journal.deletedQueues) {
      for (const sequence of sequences) operations.push(removeSegment(queue, sequence))
      operations.push(removeCursor(queue))
    }
    this.#journal.deletedQueues.clear()
    for (const recorder of this.#journal.recorders) {
      for (const sequence of recorder.changed) {
        const stored = recorder.segments.get(sequence)
        if (stored === undefined) operations.push(removeSegment(recorder.queueId, sequence))
        else operations.push(putSegment(recorder.catalogued(stored)))
      }
      recorder.changed.clear()
      if (recorder.isCursorChanged && recorder.cursor !== undefined) {
        operations.push(putCursor(recorder.queueId, recorder.cursor.segment, recorder.cursor.index))
      }
      recorder.isCursorChanged = false
    }
    for (const entry of this.#logs.unneededEntries) operations.push(removePage(entry))
    this.#logs.unneededEntries = []
    return operations
  }

  /**
   * Empties old log files into the catalogue, those first of which least is needed, until the log is small enough for
   * what it holds. Their pages are found there from the next time on, and only then the files are removed.
   */
  async #moveStragglers(): Promise<void> {
    const candidates = this.#logs
      .all()
      .filter((log) => log !== this.#logs.current && log.bytes > 0)
      .map((log) => ({ log, live: liveBytes(log) }))
      .sort((a, b) => a.live / a.log.bytes - b.live / b.log.bytes)
    const live = candidates.reduce((sum, candidate) => sum + candidate.live, 0)
    let excess = this.#logs.totalBytes - this.#logFileBytes - LOG_SHARE_MAX * live
    let budget = MOVED_BYTES_MAX
    for (const { log, live } of candidates) {
      if (budget <= 0 || (excess <= 0 && live > log.bytes * SPARSE_SHARE)) return
      for (const [page, stored] of [...log.pages]) budget -= await this.#movePage(log, page, stored)
      excess -= log.bytes
    }
  }

  /** Moves what is unsettled in a page; how many bytes that is. */
  async #movePage(log: LogFile, page: Page, stored: StoredSegment): Promise<number> {
    const block = await readIntact(log, page)
    // A damaged page stays where it is: the queue leaves it out once it is due.
    if (block === undefined) return 0
    const operations: CatalogueOperation[] = []
    const moved: Page[] = []
    for (const run of unsettledRuns(block, page, stored)) {
      const bodies: StoredBody[] = []
      for (const body of page.bodies) {
        if (body.index < run.first || body.index >= run.first + run.count) continue
        if (stored.isSettled(body.index)) continue
        const bytes = await readIntact(log, body)
        if (bytes === undefined) return 0
        const offset = this.#ids.nextPageId++
        operations.push(putPage(offset, bytes.bytes))
        bodies.push({ ...body, offset })
      }
      const offset = this.#ids.nextPageId++
      const bytes = Buffer.from(block.bytes.subarray(run.start, run.end))
      operations.push(putPage(offset, bytes))
      moved.push({
        file: 0,
        offset,
        bytes: bytes.length,
        first: run.first,
        count: run.count,
        crc: crc32(bytes),
        bodies,
      })
    }
    await this.#catalogue.write(operations, false)
    if (log.pages.delete(page)) stored.replacePage(page, moved)
    else for (const unneeded of moved) this.#logs.pageRemoved(unneeded)
    return operations.length === 0 ? 0 : page.bytes
  }
}

/** The bytes at this place, or undefined when they are not what was written. */
async function readIntact(log: LogFile, { offset, bytes, crc }: PlacedBytes): Promise<Block | undefined> {
  const block = allocateBlock(bytes)
  try {
    await log.file.read(block.bytes, offset)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
  return crc32(block.bytes) === crc ? block : undefined
}

interface Run {
  readonly first: number
  count: number
  readonly start: number
  end: number
}

/** The runs of records in a page that are not settled. */
function unsettledRuns(block: Block, page: Page, stored: StoredSegment): Run[] {
  const runs: Run[] = []
  let at = 0
  let run: Run | undefined
  for (let index = page.first; index < page.first + page.count; index++) {
    const end = at + recordBytes(block, at)
    if (stored.isSettled(index)) run = undefined
    else if (run === undefined) {
      run = { first: index, count: 1, start: at, end }
      runs.push(run)
    } else {
      run.count++
      run.end = end
    }
    at = end
  }
  return runs
}
