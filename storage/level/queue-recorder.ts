/**
 * Watches the log of one durable queue: notes what is new and what is settled, and puts it into the next commit. What is
 * settled before its commit starts is never written.
 */
import type { LogRecorder } from '../log-recorder.ts'
import type { QueueLog } from '../queue-log.ts'
import type { Segment } from '../segment.ts'
import { type Page, StoredSegment } from '../stored-segment.ts'
import type { CatalogueSegment } from './catalogue.ts'
import type { FrameBuilder, PageBody } from './frame-builder.ts'
import type { LevelJournal } from './level-journal.ts'
import type { DamagedRecords, PageReader } from './page-reader.ts'
import type { QueuePosition, RecoveredQueue } from './recovery.ts'

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
  readonly #loading = new Map<Segment, (() => void)[]>()

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
    segment.stored ??= new StoredSegment(segment.sequence, segment, this.changed)
    this.#touch(segment.stored)
    this.#journal.staged(messageBytes)
  }

  settled(segment: Segment, index: number): void {
    const { stored } = segment
    if (stored === undefined || !stored.settle(index)) return
    if (index >= stored.gathered || stored.pages.length === 0) return
    // Nobody is told of what only memory knew: after a crash, its place may be another message's.
    if (segment.isResident && !segment.isRecordDurable(index)) return
    stored.newlySettled.push(index)
    this.#touch(stored)
  }

  delivered(segment: Segment, index: number): void {
    if (segment.stored === undefined) return
    this.#cursorSegment = segment.sequence
    this.#cursorIndex = index
    this.#hasCursorMoved = true
    if (!this.isWaiting) this.#journal.touch(this)
  }

  settledFrom(segment: Segment, first: number): number {
    const { stored } = segment
    if (stored === undefined) return segment.count - first
    const unsettled = stored.unsettledIn({ first, count: segment.count - first })
    // It is released as a whole then: nobody asks for its records any more.
    if (segment.settledCount + unsettled === segment.count) return unsettled
    let count = 0
    for (let index = first; index < segment.count; index++) {
      if (stored.isSettled(index)) continue
      this.settled(segment, index)
      count++
    }
    return count
  }

  released(segment: Segment): void {
    const { stored } = segment
    if (stored === undefined) return
    stored.segment = undefined
    if (stored.pages.length === 0) return
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
    const { stored } = segment
    return (
      stored !== undefined &&
      stored.gathered === segment.count &&
      !stored.isDirty &&
      !this.#holdsTransient(segment, stored)
    )
  }

  load(segment: Segment, whenLoaded: (() => void) | undefined): void {
    const waiting = this.#loading.get(segment)
    if (waiting !== undefined) {
      if (whenLoaded !== undefined) waiting.push(whenLoaded)
      return
    }
    const callbacks = whenLoaded === undefined ? [] : [whenLoaded]
    this.#loading.set(segment, callbacks)
    this.#reader.load(segment).then(
      (damaged) => {
        this.#loading.delete(segment)
        this.#discard(segment, damaged)
        for (const callback of callbacks) callback()
      },
      (error: unknown) => {
        this.#loading.delete(segment)
        this.#journal.unreadable(error)
      },
    )
  }

  loadNow(segment: Segment): void {
    this.#discard(segment, this.#reader.loadNow(segment))
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
    const settled = stored.settledBefore(stored.gathered)
    for (const index of stored.newlySettled)
      settled[index >>> 3] = (settled[index >>> 3] as number) & ~(1 << (index & 7))
    const { sequence, gathered, pages } = stored
    return { queue: this.queueId, sequence, gathered, settled, pages }
  }

  /**
   * Puts what is new into the frame, which will start at `offset` of the log file. Returns the pages that are not needed
   * any more once the frame is durable.
   */
  gather(builder: FrameBuilder, file: number, offset: number): Page[] {
    const dirty = this.#dirty
    this.#dirty = []
    for (const stored of dirty) {
      stored.isDirty = false
      if (stored.segment !== undefined) this.#gatherSegment(stored, stored.segment, builder, file, offset)
    }
    const unneeded: Page[] = []
    for (const sequence of this.#dropped) {
      builder.drop(this.queueId, sequence)
      for (const page of this.segments.get(sequence)?.pages ?? []) unneeded.push(page)
      this.segments.delete(sequence)
      this.changed.add(sequence)
    }
    this.#dropped = []
    this.#gatherCursor(builder)
    return unneeded
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

  #gatherSegment(stored: StoredSegment, segment: Segment, builder: FrameBuilder, file: number, offset: number): void {
    if (stored.newlySettled.length > 0) {
      stored.newlySettled.sort((a, b) => a - b)
      builder.settle(this.queueId, stored.sequence, stored.newlySettled)
      stored.newlySettled = []
      stored.markChanged()
    }
    for (let first = stored.gathered; first < segment.count; ) {
      if (stored.isSettled(first) || !segment.isRecordDurable(first)) {
        first++
        continue
      }
      let end = first + 1
      while (end < segment.count && !stored.isSettled(end) && segment.isRecordDurable(end)) end++
      const page = this.#writePage(segment, first, end, builder, file, offset)
      stored.pages.push(page)
      this.#journal.pageAdded(page, stored)
      this.segments.set(stored.sequence, stored)
      stored.markChanged()
      first = end
    }
    stored.gathered = segment.count
  }

  #writePage(segment: Segment, first: number, end: number, builder: FrameBuilder, file: number, offset: number): Page {
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
      file,
      offset: offset + placed.offset,
      bytes: placed.bytes,
      crc: placed.crc,
      first,
      count: end - first,
      bodies: bodies.map((body) => ({ ...body, offset: offset + body.offset })),
    }
  }

  /** Whether a record that is not on disk is still unsettled: it exists in memory alone. */
  #holdsTransient(segment: Segment, stored: StoredSegment): boolean {
    let next = 0
    for (const page of stored.pages) {
      for (; next < page.first; next++) if (!stored.isSettled(next)) return true
      next = page.first + page.count
    }
    for (; next < segment.count; next++) if (!stored.isSettled(next)) return true
    return false
  }

  #touch(stored: StoredSegment): void {
    if (!stored.isDirty) {
      stored.isDirty = true
      this.#dirty.push(stored)
    }
    if (!this.isWaiting) this.#journal.touch(this)
  }
}
