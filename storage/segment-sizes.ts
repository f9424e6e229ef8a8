/**
 * How large the segments of a log are to be: small ones for a log with little in it, and few for one with much, unless memory
 * is short.
 */
import { SEGMENT_RECORDS_MAX, type Segment } from './segment.ts'
import { SEGMENT_BYTES } from './segment-pool.ts'

export const FIRST_SEGMENT_BYTES = 1024
/**
 * Up to this size a segment grows, which copies it; then others follow it, so many of a size before they get larger. On disk
 * every segment has its entry: there they are few, and as large as they can be.
 */
const GROWN_BYTES_MAX = 32 * 1024
const SEGMENTS_OF_A_SIZE = 8
/** No message is added to a segment that has so many bytes of bodies beside it. */
const BESIDE_BYTES_MAX = 4 * 1024 * 1024

/** How large a segment may grow. */
export function grownBytesMax(isRecorded: boolean): number {
  return isRecorded ? SEGMENT_BYTES : GROWN_BYTES_MAX
}

/** Whether the segment is to grow, to `roomBytes` at most, for a record of so many bytes, rather than be followed by another one. */
export function mayGrow(segment: Segment, recordBytes: number, grownMax: number, roomBytes: number): boolean {
  if (!segment.isResident || isFull(segment) || segment.block.size * 2 > roomBytes) return false
  return segment.usedBytes + recordBytes <= grownMax
}

/**
 * The size of the one behind this one, which is the last of so many. What a queue holds is at most a few times as much as its
 * last segment: many queues that grow at once stay small.
 */
export function nextSize(tail: Segment, count: number, grownMax: number): number {
  if (isFullBeside(tail)) return Math.max(FIRST_SEGMENT_BYTES, tail.usedBytes)
  const size = grownMax << Math.min(3, Math.floor(count / SEGMENTS_OF_A_SIZE))
  return Math.min(SEGMENT_BYTES, Math.max(size, tail.block.size))
}

/**
 * The size that a log begins with again when this was its last segment, which followed so many others: what it held, but no less than
 * a segment grows to when others came before it. The next burst is likely to be as long.
 */
export function firstSizeAfter(last: Segment, followed: number, grownMax: number): number {
  const heldBytes = Math.max(last.usedBytes, followed > 0 ? grownMax : FIRST_SEGMENT_BYTES)
  return Math.min(SEGMENT_BYTES, heldBytes)
}

/** A segment is read back as a whole: large bodies beside it are limited, too. */
export function isFull(segment: Segment): boolean {
  return segment.count === SEGMENT_RECORDS_MAX || isFullBeside(segment)
}

function isFullBeside({ bodies }: Segment): boolean {
  return bodies !== undefined && bodies.givenBytes >= BESIDE_BYTES_MAX
}
