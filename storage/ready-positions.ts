/**
 * Where the ready messages of a log are: behind its read cursor, but for what was settled or taken there already, and the few
 * in front of it that came back. What the cursor takes is counted run by run, and a run ends with its segment at the latest.
 */
import { PositionSet } from './position-set.ts'
import { NO_BYTES, type QueueBytes } from './queue-bytes.ts'
import { NONE_REQUEUED, RequeuedPositions, type ReturnOrder } from './requeued.ts'
import type { Segment } from './segment.ts'

export class ReadyPositions {
  /** Those that came back: they are due first. */
  requeued = NONE_REQUEUED
  /** Where they are due in the order in which they came back. */
  returnOrder: ReturnOrder | undefined
  /** The cursor stands in front of a record of this segment, or at its end; undefined while there is no segment. */
  cursor: Segment | undefined
  cursorIndex = 0
  readonly #bytes: QueueBytes

  constructor(bytes: QueueBytes) {
    this.#bytes = bytes
  }

  /** The segment of the one that is due next. There must be one. */
  nextSegment(): Segment {
    return this.requeued.length > 0 ? this.requeued.firstSegment() : this.advance()
  }

  /** Its index there, once `nextSegment` has found it. */
  nextIndex(): number {
    return this.requeued.length > 0 ? this.requeued.firstIndex() : this.cursorIndex
  }

  /** Moves the cursor to the next ready record: behind what is exhausted, over what is settled or taken. */
  advance(): Segment {
    let segment = this.cursor as Segment
    for (;;) {
      if ((segment.settled !== undefined || segment.taken !== undefined) && segment.isPassed(this.cursorIndex)) {
        this.#bytes.countRun(segment, this.cursorIndex)
        while (this.cursorIndex < segment.count && segment.isPassed(this.cursorIndex)) this.cursorIndex++
        this.#bytes.beginRun(this.cursorIndex)
      }
      if (this.cursorIndex < segment.count) return segment
      this.#bytes.countRun(segment, this.cursorIndex)
      segment = segment.next as Segment
      this.moveCursor(segment, 0)
    }
  }

  moveCursor(segment: Segment | undefined, index: number): void {
    this.cursor = segment
    this.cursorIndex = index
    this.#bytes.beginRun(index)
  }

  /** Counts what the cursor has taken so far. */
  countRun(): void {
    this.#bytes.countRun(this.cursor, this.cursorIndex)
  }

  /** The bytes of the log, exact. */
  countedBytes(): QueueBytes {
    this.countRun()
    return this.#bytes
  }

  /** Takes one out wherever it is; false when it is not ready. */
  remove(segment: Segment, index: number): boolean {
    if (!this.isBehindCursor(segment, index)) return this.requeued.remove(segment, index)
    if (segment.isPassed(index)) return false
    segment.taken ??= new PositionSet()
    segment.taken.add(index)
    return true
  }

  /** One that was taken is ready again. */
  putBack(segment: Segment, index: number): void {
    // The cursor has yet to come to what was taken from behind it.
    if (this.isBehindCursor(segment, index)) segment.taken?.remove(index)
    else {
      if (this.requeued === NONE_REQUEUED) this.requeued = new RequeuedPositions(this.returnOrder)
      this.requeued.insert(segment, index)
    }
  }

  has(segment: Segment, index: number): boolean {
    return this.isBehindCursor(segment, index) ? !segment.isPassed(index) : this.requeued.has(segment, index)
  }

  isBehindCursor(segment: Segment, index: number): boolean {
    const { cursor } = this
    return (
      cursor === undefined || segment.sequence > cursor.sequence || (segment === cursor && index >= this.cursorIndex)
    )
  }

  /** Whether messages of this segment are taken before long. */
  isDueSoon(segment: Segment): boolean {
    const { cursor, requeued } = this
    const isFirst = requeued.length > 0 && segment === requeued.firstSegment()
    return isFirst || segment === cursor || segment === cursor?.next
  }

  /** Bytes of the bodies of those in this segment. */
  bytesIn(segment: Segment): number {
    const { cursor } = this
    const bytes = this.requeued.sumOf(segment)
    if (cursor !== undefined && segment.sequence < cursor.sequence) return bytes
    return bytes + segment.unpassedBytesFrom(segment === cursor ? this.cursorIndex : 0)
  }

  /** The segment goes, and has its neighbours still. */
  leave(segment: Segment): void {
    if (this.cursor !== segment) return
    this.countRun()
    const { previous, next } = segment
    if (next !== undefined) this.moveCursor(next, 0)
    else this.moveCursor(previous, previous?.count ?? 0)
  }

  clear(): void {
    this.requeued = NONE_REQUEUED
    this.moveCursor(undefined, 0)
  }
}

/** Of a log without a segment: all of them share it, and it stays empty. */
export const NOTHING_READY = new ReadyPositions(NO_BYTES)
