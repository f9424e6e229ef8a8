/**
 * Hands out segments and takes them back, by size class, so that the steady flow of messages allocates nothing. It also
 * counts the bytes in use: what the memory limit looks at.
 */
import { allocateBlock, copyBytes } from '../src/lib/block.ts'
import { Segment } from './segment.ts'

const SMALLEST_BYTES = 1024
export const SEGMENT_BYTES = 256 * 1024
const CLASSES = Math.log2(SEGMENT_BYTES / SMALLEST_BYTES) + 1

/** How many bytes of free segments each size class keeps for reuse. */
const FREE_BYTES_PER_CLASS = 8 * 1024 * 1024

export class SegmentPool {
  /** Bytes of segments and of bodies beside them that queues hold now. */
  bytesInUse = 0
  readonly #free: Segment[][] = Array.from({ length: CLASSES }, () => [])

  /** A segment with room for at least `sizeBytes`. */
  take(sizeBytes: number): Segment {
    const sizeClass = classOf(sizeBytes)
    const free = this.#free[sizeClass]
    let segment = free?.pop()
    if (segment === undefined) {
      segment = new Segment()
      segment.block = allocateBlock(free === undefined ? sizeBytes : SMALLEST_BYTES << sizeClass)
    }
    this.bytesInUse += segment.block.size
    return segment
  }

  give(segment: Segment): void {
    const size = segment.block.size
    this.bytesInUse -= size + segment.dropBodies()
    segment.clear()
    const free = this.#free[classOf(size)]
    if (free !== undefined && (free.length + 1) * size <= FREE_BYTES_PER_CLASS) free.push(segment)
  }

  /** Moves the segment to a larger block. */
  grow(segment: Segment, sizeBytes: number): void {
    const larger = this.take(sizeBytes)
    const block = larger.block
    copyBytes(block, 0, segment.block, 0, segment.length)
    larger.block = segment.block
    segment.block = block
    this.give(larger)
  }
}

/** The size class, or CLASSES for what is larger than a normal segment (allocated exactly, never kept). */
function classOf(sizeBytes: number): number {
  if (sizeBytes > SEGMENT_BYTES) return CLASSES
  return sizeBytes <= SMALLEST_BYTES ? 0 : 32 - Math.clz32((sizeBytes - 1) >>> 10)
}
