/**
 * Watches the log of one durable queue: notes what is new and what is settled, and puts it into the next commit. What is
 * settled before its commit starts is never written.
 */
import type { LogRecorder } from '../../log-recorder.ts'
import type { QueueLog } from '../../queue-log.ts'
import type { Segment } from '../../segment.ts'
import type { CatalogueSegment } from '../catalogue/segment-entry.ts'
import type { QueuePosition, RecoveredQueue } from '../recovery/recovery.ts'
import type { FrameBuilder, PageBody } from './frame-builder.ts'
import type { LevelJournal, Unneeded } from './level-journal.ts'
import type { LogFile } from './log-files.ts'
import type { DamagedRecords, PageReader } from './page-reader.ts'
import { type Page, StoredSegment, storedOf } from './stored-segment.ts'

/** A complete segment of more pages is written once more: each takes memory as long as it is needed. */
const PAGES_MAX = 16
const NO_BODIES: readonly PageBody[] = []

export class QueueRecorder implements LogRecorder {
  readonly queueId: number
  /** Segments with pages, by sequence: what the catalogue knows of the queue. */
  readonly segments: Map<number, StoredSegment>
  /** Segments that changed since the catalogue was last brought up to date. */
  readonly changed: Set<number>
  /** In the journal's list of those with something to commit. */
  isWaiting = false
  /** The log it watches. */
  log: QueueLog | undefined
  isCursorChanged = false
  isDeleted = false
  #dirty: StoredSegment[] = []
  #dropped: number[] = []
  #cursorSegment = 0
  #cursorIndex = 0
  #hasCursorMoved = false
  readonly #journal: LevelJournal
  readonly #reader: PageReader
  #loading: Map<Segment, (() => void)[]> | undefined

  constructor(queueId: number, journal: LevelJournal, reader: PageReader, recovered?: RecoveredQueue) {
    this.queueId = queueId
    this.segments = recovered?.segments ?? new Map()
    this.changed = recovered?.changed ?? new Set()
    this.cursor = recovered?.cursor
    this.isCursorChanged = recovered?.isCursorChanged ?? false
    this.#journal = journal
    this.#reader = reader
  }

  appended(segment: Segment, messageBytes: number): void {
    let stored = storedOf(segment)
    if (stored === undefined) {
      stored = new StoredSegment(segment.sequence, segment, this.changed)
      segment.notes = stored
      segment.settled = stored.settled
      const complete = segment.previous && storedOf(segment.previous)
      if (complete !== undefined && complete.pages.length + 1 > PAGES_MAX) this.#touch(complete)
    }
    stored.appended++
    this.#touch(stored)
    this.#journal.staged(messageBytes)
  }

  settled(segment: Segment, index: number): void {
    const stored = storedOf(segment)
    if (stored === undefined || !stored.settle(index)) return
    if (index >= stored.gathered || stored.pages.length === 0) return
    if (!isKept(segment, index)) return
    stored.newlySettled.push(index)
    this.#touch(stored)
  }

  returned(segment: Segment, index: number): void {
    const stored = storedOf(segment)
    if (stored === undefined || !isKept(segment, index)) return
    stored.deliveries = segment.deliveries
    stored.newlyReturned ??= new Set()
    stored.newlyReturned.add(index)
    this.#touch(stored)
  }

  delivered(segment: Segment, index: number): void {
    if (segment.notes === undefined) return
    this.#cursorSegment = segment.sequence
    this.#cursorIndex = index
    this.#hasCursorMoved = true
    if (!this.isWaiting) this.#journal.touch(this)
  }

  released(segment: Segment): void {
    const stored = storedOf(segment)
    if (stored === undefined) return
    stored.segment = undefined
    if (!this.segments.has(stored.sequence)) return
    this.#dropped.push(stored.sequence)
    this.#journal.touch(this)
  }

  cleared(): void {
    this.isDeleted = true
    this.#dirty = []
    this.#dropped = []
    this.#journal.queueDeleted(this)
  }

  isSafe(segment: Segment): boolean {
    const stored = storedOf(segment)
    return (
      stored !== undefined &&
      stored.gathered === segment.count &&
      !stored.isDirty &&
      !this.#holdsTransient(segment, stored)
    )
  }

  load(segment: Segment, whenLoaded: (() => void) | undefined): void {
    const waiting = this.#loading?.get(segment)
    if (waiting !== undefined) {
      if (whenLoaded !== undefined) waiting.push(whenLoaded)
      return
    }
    const callbacks = whenLoaded === undefined ? [] : [whenLoaded]
    this.#loading ??= new Map()
    this.#loading.set(segment, callbacks)
    this.#reader
      .load(segment, () => this.#admitted(segment))
      .then(
        (damaged) => {
          this.#loading?.delete(segment)
          this.#discard(segment, damaged)
          for (const callback of callbacks) this.#journal.call(callback)
        },
        (error: unknown) => {
          this.#loading?.delete(segment)
          this.#journal.unreadable(error)
        },
      )
  }

  /** What the bodies were counted with may have been an estimate, and some of it may be damaged. */
  #admitted(segment: Segment): void {
    this.log?.loaded(segment)
    const stored = storedOf(segment)
    if (stored === undefined) return
    stored.unsettledBytes = 0
    for (let index = 0; index < segment.count; index++) {
      if (!stored.isSettled(index)) stored.unsettledBytes += segment.bodyBytes(index)
    }
    for (const index of stored.newlySettled) stored.unsettledBytes += segment.bodyBytes(index)
  }

  #discard(segment: Segment, damaged: readonly DamagedRecords[]): void {
    for (const { page, first, count } of damaged) {
      const place = page.file === 0 ? `catalogue entry ${page.offset}` : `log file ${page.file} at ${page.offset}`
      this.#journal.damaged(`${count} messages of queue ${this.queueId} in ${place} are damaged and left out`)
      this.log?.discard(segment, first, count)
    }
  }

  /** What the catalogue is to know of a segment: the state of the last commit. */
  catalogued(stored: StoredSegment): CatalogueSegment {
    const { sequence, gathered, pages, unsettledBytesInCommits: unsettledBytes, returnedInCommits } = stored
    const settled = stored.settledInCommits()
    return { queue: this.queueId, sequence, gathered, settled, pages, unsettledBytes, returnedInCommits }
  }

  /** Puts what is new into the frame that will be the next in this log file. */
  gather(builder: FrameBuilder, log: LogFile, unneeded: Unneeded): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const stored of dirty) {
      stored.isDirty = false
      const { segment } = stored
      if (segment === undefined) continue
      stored.beforeChange?.()
      this.#gatherSettled(segment, stored, builder)
      stored.unsettledBytes += this.#writePages(segment, stored, stored.gathered, builder, log)
      stored.gathered = segment.count
      this.#gatherReturned(stored, builder)
      this.#gatherBytes(stored, builder)
      if (isFragmented(segment, stored)) this.#consolidate(segment, stored, builder, log, unneeded)
    }
    for (const sequence of this.#dropped) {
      builder.drop(this.queueId, sequence)
      const stored = this.segments.get(sequence)
      if (stored !== undefined) unneeded.segments.push(stored)
      this.segments.delete(sequence)
      this.changed.add(sequence)
    }
    this.#dropped = []
    this.#gatherCursor(builder)
  }

  /** Up to where messages were delivered, as of the last commit that knew of more; before the last restart, too. */
  cursor: QueuePosition | undefined

  // An empty queue needs no mark: nothing before the cursor is left.
  #gatherCursor(builder: FrameBuilder): void {
    if (!this.#hasCursorMoved) return
    this.#hasCursorMoved = false
    if (this.segments.size === 0 || !this.#isCursorAhead()) return
    builder.cursor(this.queueId, this.#cursorSegment, this.#cursorIndex)
    this.cursor = { segment: this.#cursorSegment, index: this.#cursorIndex }
    this.isCursorChanged = true
  }

  #isCursorAhead(): boolean {
    const { cursor } = this
    if (cursor === undefined || this.#cursorSegment > cursor.segment) return true
    return this.#cursorSegment === cursor.segment && this.#cursorIndex > cursor.index
  }

  #gatherSettled(segment: Segment, stored: StoredSegment, builder: FrameBuilder): void {
    if (stored.newlySettled.length === 0) return
    for (const index of stored.newlySettled) stored.unsettledBytes -= segment.bodyBytes(index)
    stored.newlySettled.sort((a, b) => a - b)
    builder.breakHere()
    builder.settle(this.queueId, stored.sequence, stored.newlySettled)
    stored.newlySettled = []
    stored.markChanged()
  }

  /** All of them, rather than what has changed: recovery may have missed an earlier commit. */
  #gatherBytes(stored: StoredSegment, builder: FrameBuilder): void {
    if (stored.unsettledBytes === stored.unsettledBytesInCommits || stored.pages.length === 0) return
    builder.unsettledBytes(this.queueId, stored.sequence, stored.unsettledBytes)
    stored.unsettledBytesInCommits = stored.unsettledBytes
    stored.markChanged()
  }

  /** A message that is settled by now is nobody's business any more. */
  #gatherReturned(stored: StoredSegment, builder: FrameBuilder): void {
    const { newlyReturned, deliveries } = stored
    if (newlyReturned === undefined || deliveries === undefined) return
    stored.newlyReturned = undefined
    const returned = [...newlyReturned].filter((index) => !stored.isSettled(index))
    if (returned.length === 0) return
    builder.breakHere()
    builder.returned(this.queueId, stored.sequence, deliveries.ofAll(returned.sort((a, b) => a - b)))
    stored.markChanged()
  }

  /** Every run of durable records from this one on that are not settled becomes a page. Returns the bytes of their bodies. */
  #writePages(segment: Segment, stored: StoredSegment, from: number, builder: FrameBuilder, log: LogFile): number {
    const { count } = segment
    let bodyBytes = 0
    // Nearly always: then nobody need look at each of them.
    const areAllDue = stored.settledEnd <= from && stored.appended === count
    const isDue = (index: number): boolean => !stored.isSettled(index) && segment.isRecordDurable(index)
    for (let first = from; first < count; ) {
      if (!areAllDue && !isDue(first)) {
        first++
        continue
      }
      let end = areAllDue ? count : first + 1
      while (end < count && isDue(end)) end++
      const page = this.#writePage(segment, first, end, builder, log)
      stored.pages.push(page)
      this.#journal.pageAdded(page, stored)
      this.segments.set(stored.sequence, stored)
      stored.markChanged()
      bodyBytes += segment.bodyBytesIn(first, end)
      first = end
    }
    return bodyBytes
  }

  /** Writes what is left of a segment that came in many small commits once more, in few pages. */
  #consolidate(
    segment: Segment,
    stored: StoredSegment,
    builder: FrameBuilder,
    log: LogFile,
    { pages }: Unneeded,
  ): void {
    stored.isConsolidated = true
    for (const page of stored.pages) pages.push(page)
    stored.pages = []
    this.#writePages(segment, stored, 0, builder, log)
  }

  #writePage(segment: Segment, first: number, end: number, builder: FrameBuilder, log: LogFile): Page {
    builder.breakHere()
    const bodies: PageBody[] = []
    for (let index = first; segment.bodies !== undefined && index < end; index++) {
      const body = segment.bodies[index]
      if (body !== undefined) bodies.push({ index, ...builder.body(body) })
    }
    const start = segment.offsets[first] as number
    const placed = builder.page(
      this.queueId,
      segment.sequence,
      first,
      end - first,
      bodies,
      segment.block,
      start,
      segment.recordEnd(end - 1),
    )
    return {
      file: log.number,
      offset: log.bytes + placed.offset,
      bytes: placed.bytes,
      crc: placed.crc,
      first,
      count: end - first,
      bodies: bodies.length === 0 ? NO_BODIES : bodies.map((body) => ({ ...body, offset: log.bytes + body.offset })),
    }
  }

  /** Whether a record that is not on disk is still unsettled: it exists in memory alone. */
  #holdsTransient(segment: Segment, stored: StoredSegment): boolean {
    let unsettled = segment.count - segment.settledCount
    for (const page of stored.pages) unsettled -= stored.unsettledIn(page)
    return unsettled > 0
  }

  #touch(stored: StoredSegment): void {
    if (!stored.isDirty) {
      stored.isDirty = true
      this.#dirty.push(stored)
    }
    if (!this.isWaiting) this.#journal.touch(this)
  }
}

/** Whether the record is on the disk or will be: nobody is told of what only memory knew, whose place may be another's. */
function isKept(segment: Segment, index: number): boolean {
  return !segment.isResident || segment.damaged?.has(index) === true || segment.isRecordDurable(index)
}

/** Complete, and in so many pages that finding and reading them takes longer than it should. */
function isFragmented(segment: Segment, stored: StoredSegment): boolean {
  const isDue = segment.next !== undefined && !stored.isConsolidated
  return isDue && stored.pages.length > PAGES_MAX && segment.bodies === undefined && segment.isResident
}
