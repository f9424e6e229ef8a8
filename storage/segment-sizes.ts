/** How large the next segment of a queue is to be: little for a queue with little in it, and few for one with much. */
import { SEGMENT_RECORDS_MAX, type Segment } from './segment.ts'
import { SEGMENT_BYTES } from './segment-pool.ts'

const FIRST_SEGMENT_BYTES = 1024
/**
 * Up to this size a segment grows, which copies it; then others follow it, so many of a size before they get larger. On disk
 * every segment has its entry: there they are few, and as large as they can be.
 */
const GROWN_BYTES_MAX = 32 * 1024
const SEGMENTS_OF_A_SIZE = 8
/** No message is added to a segment that has so many bytes of bodies beside it. */
const BESIDE_BYTES_MAX = 4 * 1024 * 1024

export class SegmentSizes {
  readonly #grownBytesMax: number
  /** How much the last segment held: the first of the next ones starts with that size. */
  #hint = FIRST_SEGMENT_BYTES
  /** Segments since there was none. */
  #count = 0

  constructor(isRecorded: boolean) {
    this.#grownBytesMax = isRecorded ? SEGMENT_BYTES : GROWN_BYTES_MAX
  }

  /** Whether the segment is to grow for a record of so many bytes, rather than be followed by another one. */
  mayGrow(segment: Segment, recordBytes: number): boolean {
    return segment.isResident && !isFull(segment) && segment.length + recordBytes <= this.#grownBytesMax
  }

  /** The size of the next one behind this one, or of the first, which is at most so large. */
  next(tail: Segment | undefined, firstBytesMax: number): number {
    this.#count = tail === undefined ? 1 : this.#count + 1
    return tail === undefined ? Math.min(this.#hint, firstBytesMax) : this.#behind(tail)
  }

  /** The last segment there was is gone. */
  emptied(segment: Segment): void {
    this.#hint = Math.min(SEGMENT_BYTES, Math.max(FIRST_SEGMENT_BYTES, segment.length))
  }

  /** What a queue holds is at most a few times as much as its last segment: many queues that grow at once stay small. */
  #behind(tail: Segment): number {
    if (tail.besideBytes >= BESIDE_BYTES_MAX) return Math.max(FIRST_SEGMENT_BYTES, tail.length)
    const size = this.#grownBytesMax << Math.min(3, Math.floor((this.#count - 1) / SEGMENTS_OF_A_SIZE))
    return Math.min(SEGMENT_BYTES, Math.max(size, tail.block.size))
  }
}

/** A segment is read back as a whole: large bodies beside it are limited, too. */
export function isFull(segment: Segment): boolean {
  return segment.count === SEGMENT_RECORDS_MAX || segment.besideBytes >= BESIDE_BYTES_MAX
}
