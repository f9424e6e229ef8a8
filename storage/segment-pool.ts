/**
 * Hands out segments and takes them back, by size class, so that the steady flow of messages allocates nothing. It also
 * counts the bytes in use: what the memory limit looks at.
 */
import { allocateBlock, copyBytes, EMPTY_BLOCK } from '../src/lib/block.ts'
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
    const sizeClass = classOf(size)
    const free = this.#free[sizeClass]
    // What was read back from the disk is exactly as large as it was there: no size for others.
    if (free === undefined || size !== SMALLEST_BYTES << sizeClass) return
    if ((free.length + 1) * size <= FREE_BYTES_PER_CLASS) free.push(segment)
  }

  /** Takes the records of a segment that are safe on disk out of memory; the bytes this frees. */
  evict(segment: Segment): number {
    const freed = segment.block.size + segment.dropBodies()
    this.bytesInUse -= freed
    segment.block = EMPTY_BLOCK
    segment.offsets = new Uint32Array(0)
    segment.bodies = undefined
    return freed
  }

  /** A segment that was read back counts again, with so many bytes beside its block. */
  admit(segment: Segment, besideBytes: number): void {
    this.bytesInUse += segment.block.size + besideBytes
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
