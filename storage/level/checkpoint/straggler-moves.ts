/**
 * Empties old log files: the few messages in them that outlive the others move into the catalogue, so that they do not
 * keep the files. A move works on what is settled between two commits: what only memory knows to be settled moves, too,
 * since nobody knows it after a crash.
 */

import type { Catalogue } from '../catalogue/catalogue.ts'
import type { CatalogueWriter } from '../catalogue/catalogue-writer.ts'
import type { LevelJournal } from '../log/level-journal.ts'
import type { LogFile, LogFiles } from '../log/log-files.ts'
import { isToEmpty, logUse } from '../log/log-use.ts'
import { readPieces } from '../log/piece-reader.ts'
import type { Page, PlacedBytes, StoredSegment } from '../log/stored-segment.ts'
import type { CatalogueIds } from './catalogue-update.ts'
import { MoveBatch, type PlannedMove } from './move-batch.ts'

/** The catalogue takes in so many bytes of old messages in one round … */
const ROUND_BYTES_MAX = 16 * 1024 * 1024
/** … and so many, or of so many pages, in one batch. */
const BATCH_BYTES = 1024 * 1024
const BATCH_PAGES = 1024
/** A round ends when so many log files were written meanwhile. */
const URGENT_FILES = 2

export interface MoveTargets {
  readonly catalogue: Catalogue
  readonly writer: CatalogueWriter
  readonly journal: LevelJournal
  readonly logs: LogFiles
  readonly ids: CatalogueIds
  readonly logFileBytes: number
}

export class StragglerMoves {
  readonly #targets: MoveTargets
  /** Pages that cannot be read: they stay where they are, and are left out once they are due. */
  readonly #damaged = new WeakSet<Page>()
  readonly #stopping = new AbortController()
  /** Bytes of the log when the round began. */
  #begunBytes = 0

  constructor(targets: MoveTargets) {
    this.#targets = targets
  }

  stop(): void {
    this.#stopping.abort()
  }

  /**
   * Empties files, those first of which least is needed, until the log is small enough for what it holds, or enough has
   * been moved for now. The catalogue knows where the messages are from the next time on, and only then the files go.
   */
  async run(): Promise<void> {
    const { logs } = this.#targets
    this.#begunBytes = logs.writtenBytes
    const use = await logUse(logs, () => this.#stopping.signal.aborted)
    let { excess } = use
    let budget = ROUND_BYTES_MAX
    for (const file of use.files) {
      if (budget <= 0 || !isToEmpty(file, excess) || this.#stopping.signal.aborted) return
      budget -= await this.#empty(file.log, budget)
      excess -= file.bytes
    }
  }

  /** Moves what is left in a log file, or about so many bytes of it; how many they were. */
  async #empty(log: LogFile, bytesMax: number): Promise<number> {
    const pages = log.pages.entries()
    let bytes = 0
    for (let isLast = log.pages.size === 0; !isLast && bytes < bytesMax; ) {
      if (this.#mustWait()) return bytesMax
      const plan = await this.#betweenCommits(() => this.#plan(pages))
      if (plan === undefined || !(await this.#move(log, plan.moves))) return bytesMax
      bytes += plan.moves.reduce((sum, move) => sum + bytesOf(move), 0)
      isLast = plan.isLast
    }
    return bytes
  }

  /** Undefined when it was stopped before. */
  #betweenCommits<T>(look: () => T): Promise<T | undefined> {
    const { signal } = this.#stopping
    if (signal.aborted) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const stopped = (): void => resolve(undefined)
      signal.addEventListener('abort', stopped)
      // The last commit is on the disk then, and the next one has not begun.
      this.#targets.journal.whenDurable(() => {
        signal.removeEventListener('abort', stopped)
        resolve(look())
      })
    })
  }

  #plan(pages: Iterator<[Page, StoredSegment]>): { readonly moves: PlannedMove[]; readonly isLast: boolean } {
    const settled = new Map<StoredSegment, Uint8Array>()
    const moves: PlannedMove[] = []
    for (let bytes = 0; bytes < BATCH_BYTES && moves.length < BATCH_PAGES; ) {
      const next = pages.next()
      if (next.done) return { moves, isLast: true }
      const [page, stored] = next.value
      if (this.#damaged.has(page)) continue
      const bits = settled.get(stored) ?? stored.settledInCommits()
      settled.set(stored, bits)
      const move = planned(page, stored, bits)
      moves.push(move)
      bytes += bytesOf(move)
    }
    return { moves, isLast: false }
  }

  /** False when the catalogue cannot be written any more. */
  async #move(log: LogFile, moves: readonly PlannedMove[]): Promise<boolean> {
    const { catalogue, writer, journal, logs, ids } = this.#targets
    const found = await readPieces(logs, log.number, moves.flatMap(piecesOf))
    const batch = new MoveBatch(ids)
    for (const move of moves) {
      if (piecesOf(move).every((piece) => found.has(piece))) batch.add(move, found)
      else {
        this.#damaged.add(move.page)
        journal.damaged(`messages in log file ${log.number} at ${move.page.offset} are damaged: they stay there`)
      }
    }
    if (batch.operations.length > 0 && !(await writer.write(batch.operations))) return false
    for (const body of batch.sharedBodies) catalogue.entries.share(body)
    for (const { page, stored, moved } of batch.moved) {
      // Meanwhile it may have been dropped, or written once more.
      if (log.pages.has(page) && stored.replacePage(page, moved)) logs.pageRemoved(page)
      else for (const unneeded of moved) logs.pageRemoved(unneeded)
    }
    return true
  }

  /** What comes in now is more urgent: the next round goes on. */
  #mustWait(): boolean {
    const { catalogue, logs, logFileBytes } = this.#targets
    return catalogue.isBehind || logs.writtenBytes - this.#begunBytes > URGENT_FILES * logFileBytes
  }
}

function planned(page: Page, stored: StoredSegment, settled: Uint8Array): PlannedMove {
  const isSettled = (index: number): boolean => ((settled[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0
  const runs: [number, number][] = []
  let run: [number, number] | undefined
  for (let index = page.first; index < page.first + page.count; index++) {
    if (isSettled(index)) run = undefined
    else if (run === undefined) {
      run = [index, 1]
      runs.push(run)
    } else run[1]++
  }
  return { page, stored, runs, bodies: page.bodies.filter(({ index }) => !isSettled(index)) }
}

function piecesOf({ page, runs, bodies }: PlannedMove): PlacedBytes[] {
  return runs.length === 0 ? [] : [page, ...bodies]
}

function bytesOf(move: PlannedMove): number {
  return piecesOf(move).reduce((sum, { bytes }) => sum + bytes, 0)
}
