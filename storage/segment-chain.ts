/**
 * The segments of one log, from the oldest to the one that records are appended to. Places are given in rising order, and in a
 * recorded log none is given twice: what the disk says of a place must never come to mean another message. So nothing is
 * added to a segment that others came behind, or that another process has written.
 */
import type { Segment } from './segment.ts'
import type { SegmentPool } from './segment-pool.ts'
import { FIRST_SEGMENT_BYTES, firstSizeAfter, grownBytesMax, mayGrow, nextSize } from './segment-sizes.ts'

export class SegmentChain {
  head: Segment | undefined
  tail: Segment | undefined
  /** The tail, if records may be added to it. */
  open: Segment | undefined
  readonly #pool: SegmentPool
  readonly #isRecorded: boolean
  readonly #grownBytesMax: number
  /** How large the first one is to be. */
  #firstBytes = FIRST_SEGMENT_BYTES
  /** How many followed the first one, since there was none. */
  #usedCount = 0

  constructor(pool: SegmentPool, isRecorded: boolean) {
    this.#pool = pool
    this.#isRecorded = isRecorded
    this.#grownBytesMax = grownBytesMax(isRecorded)
  }

  /** A tail with room for another record: the last one, larger than before, or a new one. */
  makeRoom(recordBytes: number): Segment {
    const { open: tail } = this
    const pool = this.#pool
    if (tail !== undefined && mayGrow(tail, recordBytes, this.#grownBytesMax, pool.nextBytesMax)) {
      pool.grow(tail, Math.max(tail.block.size * 2, tail.usedBytes + recordBytes))
      return tail
    }
    const segment = pool.take(Math.max(recordBytes, this.#nextSize()))
    segment.sequence = pool.nextSequence++
    this.add(segment)
    this.open = segment
    return segment
  }

  /** Behind one that nothing is added to, a log begins as if it were empty: it may get a few more messages only. */
  #nextSize(): number {
    const { open: tail } = this
    const pool = this.#pool
    if (tail !== undefined) return Math.min(nextSize(tail, ++this.#usedCount, this.#grownBytesMax), pool.nextBytesMax)
    this.#usedCount = 0
    return Math.min(this.#firstBytes, pool.firstBytesMax)
  }

  /** Puts a segment behind the others, to which nothing is added. */
  add(segment: Segment): void {
    const { tail } = this
    segment.previous = tail
    if (tail === undefined) this.head = segment
    else tail.next = segment
    this.tail = segment
    this.open = undefined
  }

  /** The first one whose sequence is larger than this. */
  firstBehind(sequence: number): Segment | undefined {
    let at = this.head
    while (at !== undefined && at.sequence <= sequence) at = at.next
    return at
  }

  /** The one with this sequence, if it is there. */
  at(sequence: number): Segment | undefined {
    const found = this.firstBehind(sequence - 1)
    return found?.sequence === sequence ? found : undefined
  }

  /** Takes a segment out, and gives it back to the pool. */
  remove(segment: Segment): void {
    const { previous, next } = segment
    if (next === undefined) {
      this.tail = previous
      this.open = this.#isRecorded ? undefined : previous
      this.#firstBytes = firstSizeAfter(segment, this.#usedCount, this.#grownBytesMax)
    } else next.previous = previous
    if (previous === undefined) this.head = next
    else previous.next = next
    this.#pool.give(segment)
  }

  /** Gives all of them back to the pool. */
  clear(): void {
    let segment = this.head
    while (segment !== undefined) {
      const next: Segment | undefined = segment.next
      this.#pool.give(segment)
      segment = next
    }
    this.head = this.tail = this.open = undefined
  }
}
