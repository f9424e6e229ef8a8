/**
 * The messages of one queue: a chain of segments, a read cursor and the few positions that came back. What lies behind
 * the cursor is ready, what lies before it was delivered; a million ready messages are their bytes and four bytes each.
 *
 *     segment ─ segment ─ segment ─ segment
 *        requeued ↑   cursor ↑        ↑ tail: appended here
 */
import { RECORD_BODY_BESIDE, type RecordSource } from './record.ts'
import { RequeuedPositions } from './requeued.ts'
import { SEGMENT_RECORDS_MAX, Segment } from './segment.ts'
import { SEGMENT_BYTES, type SegmentPool } from './segment-pool.ts'

const FIRST_SEGMENT_BYTES = 1024

export class QueueLog {
  readyCount = 0
  /** What `take` took. */
  segment: Segment | undefined
  index = 0
  isRedelivered = false

  readonly #pool: SegmentPool
  readonly #requeued = new RequeuedPositions()
  #head: Segment | undefined
  #tail: Segment | undefined
  #cursor: Segment | undefined
  #cursorIndex = 0
  #sequence = 0
  /** How much the last segment held: the next one starts with that size. */
  #sizeHint = FIRST_SEGMENT_BYTES

  constructor(pool: SegmentPool) {
    this.#pool = pool
  }

  append(source: RecordSource): void {
    const recordBytes = Segment.recordBytes(source)
    let tail = this.#tail
    if (tail === undefined || tail.length + recordBytes > tail.block.size || tail.count === SEGMENT_RECORDS_MAX) {
      tail = this.#makeRoom(recordBytes)
    }
    this.#pool.bytesInUse += tail.append(source)
    this.readyCount++
  }

  /** Takes the next ready message: it is in `segment`, `index` and `isRedelivered` then. There must be one. */
  take(): void {
    this.readyCount--
    if (this.#requeued.length > 0) {
      this.segment = this.#requeued.firstSegment()
      this.index = this.#requeued.firstIndex()
      this.isRedelivered = true
      this.#requeued.shift()
      return
    }
    let segment = this.#cursor as Segment
    while (this.#cursorIndex === segment.count) {
      segment = segment.next as Segment
      this.#cursor = segment
      this.#cursorIndex = 0
    }
    this.segment = segment
    this.index = this.#cursorIndex++
    this.isRedelivered = false
  }

  /** The message is done with: its segment goes when it was the last one. */
  settle(segment: Segment, index: number): void {
    if (segment.bodies !== undefined) this.#pool.bytesInUse -= segment.dropBody(index)
    if (++segment.settledCount === segment.count) this.#release(segment)
  }

  /** A message that was taken becomes ready again, in its old place. */
  requeue(segment: Segment, index: number): void {
    this.#requeued.insert(segment, index)
    this.readyCount++
  }

  /** Drops all ready messages; how many there were. */
  purge(): number {
    const count = this.readyCount
    while (this.#requeued.length > 0) {
      this.take()
      this.settle(this.segment as Segment, this.index)
    }
    let segment = this.#cursor
    let from = this.#cursorIndex
    while (segment !== undefined) {
      const next: Segment | undefined = segment.next
      this.#dropFrom(segment, from)
      segment = next
      from = 0
    }
    this.readyCount = 0
    return count
  }

  /** Gives everything back, whether settled or not. */
  clear(): void {
    let segment = this.#head
    while (segment !== undefined) {
      const next: Segment | undefined = segment.next
      this.#pool.give(segment)
      segment = next
    }
    this.#requeued.clear()
    this.#head = this.#tail = this.#cursor = this.segment = undefined
    this.#cursorIndex = this.readyCount = 0
  }

  #dropFrom(segment: Segment, from: number): void {
    for (let index = from; segment.bodies !== undefined && index < segment.bodies.length; index++) {
      this.#pool.bytesInUse -= segment.dropBody(index)
    }
    const dropped = segment.count - from
    this.#cursor = segment
    this.#cursorIndex = segment.count
    segment.settledCount += dropped
    if (segment.settledCount === segment.count) this.#release(segment)
  }

  #makeRoom(recordBytes: number): Segment {
    const tail = this.#tail
    if (tail !== undefined && tail.count < SEGMENT_RECORDS_MAX && tail.length + recordBytes <= SEGMENT_BYTES) {
      this.#pool.grow(tail, Math.max(tail.block.size * 2, tail.length + recordBytes))
      return tail
    }
    if (tail !== undefined) this.#sizeHint = SEGMENT_BYTES
    const segment = this.#pool.take(Math.max(recordBytes, this.#sizeHint))
    segment.sequence = this.#sequence++
    segment.previous = tail
    if (tail === undefined) this.#head = segment
    else tail.next = segment
    this.#tail = segment
    if (this.#cursor === undefined) {
      this.#cursor = segment
      this.#cursorIndex = 0
    }
    return segment
  }

  #release(segment: Segment): void {
    const { previous, next } = segment
    if (next === undefined) {
      this.#tail = previous
      this.#sizeHint = Math.min(SEGMENT_BYTES, Math.max(FIRST_SEGMENT_BYTES, segment.length))
    } else next.previous = previous
    if (previous === undefined) this.#head = next
    else previous.next = next
    if (this.#cursor === segment) {
      this.#cursor = next ?? previous
      this.#cursorIndex = next === undefined ? (previous?.count ?? 0) : 0
    }
    if (this.segment === segment) this.segment = undefined
    this.#pool.give(segment)
  }
}

/** Whether the body of this record is kept by reference. */
export function isBodyBeside(segment: Segment, index: number): boolean {
  return segment.block.view.getUint16((segment.offsets[index] as number) + 2) === RECORD_BODY_BESIDE
}
