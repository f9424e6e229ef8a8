/**
 * Watches the log of one durable queue: notes what is new and what is settled, and puts it into the next commit. What is
 * settled before its commit starts is never written.
 */
import { SmallMap } from '../../../src/lib/small-map.ts'
import { SmallSet } from '../../../src/lib/small-set.ts'
import { IndexRuns } from '../../index-runs.ts'
import type { LogRecorder } from '../../log-recorder.ts'
import type { QueueLog } from '../../queue-log.ts'
import type { Segment } from '../../segment.ts'
import type { Page } from '../disk/places.ts'
import type { FrameBuilder } from './frame-builder.ts'
import type { LevelJournal } from './level-journal.ts'
import type { LogFile } from './log-files.ts'
import { type PageOwner, writePages } from './page-writer.ts'
import type { ReadBack, SegmentOwner } from './read-back.ts'
import type { QueuePosition, RecoveredQueue } from './recovered-queue.ts'
import type { Unneeded } from './staged-changes.ts'
import { StoredSegment, storedOf } from './stored-segment.ts'

/** The recorder writes a complete segment of more pages again, as few: each page takes memory as long as it is needed. */
const PAGES_MAX = 16
const NO_SEGMENTS: readonly StoredSegment[] = []
const NO_SEQUENCES: readonly number[] = []

export class QueueRecorder implements LogRecorder, PageOwner, SegmentOwner {
  readonly queueId: number
  /** In the journal's list of those with something to commit. */
  isTouched = false
  /** The log it watches. */
  log: QueueLog | undefined
  /** Up to where messages were delivered, as of the last commit that knew of more; before the last restart, too. */
  cursor: QueuePosition | undefined
  isCursorChanged = false
  isDeleted = false
  /** What has something for the next commit, and what goes with it; most queues have neither. */
  #dirty: StoredSegment[] | undefined
  #dropped: number[] | undefined
  #cursorSegment = 0
  #cursorIndex = 0
  #hasCursorMoved = false
  readonly #journal: LevelJournal
  readonly #readBack: ReadBack
  /** An empty queue has neither. */
  #segments: SmallMap<number, StoredSegment> | undefined
  #changed: SmallSet<number> | undefined

  constructor(queueId: number, journal: LevelJournal, readBack: ReadBack, recovered?: RecoveredQueue) {
    this.queueId = queueId
    this.#segments = recovered?.segments
    this.#changed = recovered?.changed
    this.cursor = recovered?.cursor
    this.isCursorChanged = recovered?.isCursorChanged ?? false
    this.#journal = journal
    this.#readBack = readBack
    if (recovered !== undefined) journal.changes.recorders.add(this)
  }

  /** Segments with pages, by sequence: what the catalogue knows of the queue. */
  get segments(): SmallMap<number, StoredSegment> {
    this.#segments ??= new SmallMap()
    return this.#segments
  }

  /** Segments that changed since the catalogue was last brought up to date. */
  get changed(): Iterable<number> {
    return this.#changed ?? NO_SEQUENCES
  }

  /** Where changed segments are noted: from now on, the catalogue looks here. */
  #notedChanges(): SmallSet<number> {
    if (this.#changed === undefined) {
      this.#changed = new SmallSet()
      this.#journal.changes.recorders.add(this)
    }
    return this.#changed
  }

  /** Whether the catalogue has to be told something of the queue. */
  get isChanged(): boolean {
    return this.isCursorChanged || (this.#changed !== undefined && this.#changed.size > 0)
  }

  /** The catalogue was told all of it. */
  catalogued(): void {
    this.#changed?.clear()
    this.isCursorChanged = false
  }

  /** The catalogue knows nothing of it. */
  get isEmpty(): boolean {
    return this.#segments === undefined || this.#segments.size === 0
  }

  appended(segment: Segment, messageBytes: number): void {
    let stored = storedOf(segment)
    if (stored === undefined) {
      stored = new StoredSegment(segment.sequence, segment, this.#notedChanges())
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
    // The log says nothing of the others, whose places may be other records' after a crash.
    if (!segment.belongsOnDisk(index)) return
    stored.newlySettled ??= new IndexRuns()
    stored.newlySettled.add(index)
    this.#touch(stored)
  }

  returned(segment: Segment, index: number): void {
    const stored = storedOf(segment)
    if (stored === undefined || !segment.belongsOnDisk(index)) return
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
    if (!this.isTouched) this.#journal.touch(this)
  }

  released(segment: Segment): void {
    const stored = storedOf(segment)
    if (stored === undefined) return
    stored.segment = undefined
    if (this.#segments?.has(stored.sequence) !== true) return
    this.#dropped ??= []
    this.#dropped.push(stored.sequence)
    this.#journal.touch(this)
  }

  cleared(): void {
    this.isDeleted = true
    this.#dirty = this.#dropped = undefined
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
    this.#readBack.load(this, segment, whenLoaded)
  }

  /** Puts what is new into the frame that will be the next in this log file. */
  gather(builder: FrameBuilder, log: LogFile, unneeded: Unneeded): void {
    const dirty = this.#dirty ?? NO_SEGMENTS
    this.#dirty = undefined
    for (const stored of dirty) {
      stored.isDirty = false
      const { segment } = stored
      if (segment === undefined) continue
      stored.beforeChange?.()
      this.#gatherSettled(segment, stored, builder)
      stored.unsettledBytes += writePages(this, segment, stored, stored.gathered, builder, log)
      stored.gathered = segment.count
      this.#gatherReturned(stored, builder)
      this.#gatherBytes(stored, builder)
      if (isFragmented(segment, stored)) this.#consolidate(segment, stored, builder, log, unneeded)
    }
    for (const sequence of this.#dropped ?? NO_SEQUENCES) {
      builder.drop(this.queueId, sequence)
      const stored = this.segments.get(sequence)
      if (stored !== undefined) unneeded.segments.push(stored)
      this.segments.delete(sequence)
      this.#notedChanges().add(sequence)
    }
    this.#dropped = undefined
    this.#gatherCursor(builder)
  }

  // An empty queue needs no mark: nothing before the cursor is left.
  #gatherCursor(builder: FrameBuilder): void {
    if (!this.#hasCursorMoved) return
    this.#hasCursorMoved = false
    if (this.isEmpty || !this.#isCursorAhead()) return
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
    if (stored.newlySettled === undefined) return
    stored.unsettledBytes -= stored.newlySettled.bodyBytesIn(segment)
    builder.breakHere()
    builder.settle(this.queueId, stored.sequence, stored.newlySettled)
    stored.newlySettled = undefined
    stored.markChanged()
  }

  /** All of them, rather than what has changed: recovery may have missed an earlier commit. */
  #gatherBytes(stored: StoredSegment, builder: FrameBuilder): void {
    if (stored.unsettledBytes === stored.unsettledBytesInCommits || stored.pages.length === 0) return
    builder.unsettledBytes(this.queueId, stored.sequence, stored.unsettledBytes)
    stored.unsettledBytesInCommits = stored.unsettledBytes
    stored.markChanged()
  }

  /** Messages that are settled by now are left out. */
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

  pageAdded(page: Page, stored: StoredSegment): void {
    stored.pages.push(page)
    this.#journal.pageAdded(page, stored)
    this.segments.set(stored.sequence, stored)
    stored.markChanged()
  }

  /** Writes what is left of a segment that came in many small commits again, in few pages. */
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
    writePages(this, segment, stored, 0, builder, log)
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
      this.#dirty ??= []
      this.#dirty.push(stored)
    }
    if (!this.isTouched) this.#journal.touch(this)
  }
}

/** Complete, and in so many pages that finding and reading them takes longer than it should. */
function isFragmented(segment: Segment, stored: StoredSegment): boolean {
  const isDue = segment.next !== undefined && !stored.isConsolidated
  return isDue && stored.pages.length > PAGES_MAX && segment.bodies === undefined && segment.isResident
}
