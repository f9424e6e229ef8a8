/**
 * Hands out segments and takes them back, by size class, so that the steady flow of messages allocates nothing. It also
 * counts the bytes in use: what the memory limit looks at.
 */
import { allocateBlock, copyBytes, EMPTY_BLOCK } from '../src/lib/block.ts'
import { processMemoryBytes } from '../src/lib/process-memory.ts'
import { Segment } from './segment.ts'

const SMALLEST_BYTES = 1024
export const SEGMENT_BYTES = 256 * 1024
const CLASSES = Math.log2(SEGMENT_BYTES / SMALLEST_BYTES) + 1

/** Free segments that are kept for reuse take at most this share of what the process may use, and at most so much. */
const FREE_SHARE_MAX = 0.125
const FREE_BYTES_MAX = 1024 * 1024 * 1024
/** Bytes of free segments that each size class keeps for good. */
const FREE_BYTES_MIN = 8 * 1024 * 1024
/** Of the free segments that nobody asked for in so long, half are let go of. */
const TRIM_MS = 5000

export class SegmentPool {
  /** Bytes of segments and of bodies beside them that queues hold now. */
  bytesInUse = 0
  /** Sequence of the next segment that is put to use. */
  nextSequence = 0
  /** Bytes of segments that are kept for reuse. */
  #freeBytes = 0
  readonly #freeBytesMax: number
  readonly #free: Segment[][] = Array.from({ length: CLASSES }, () => [])
  /** Given back while they were being written to the disk. */
  readonly #pinned: Segment[] = []
  /** The fewest free segments there have been of each class since the last trim. */
  readonly #fewest = new Uint32Array(CLASSES)
  #trimTimer: NodeJS.Timeout | undefined

  constructor(freeBytesMax: number = Math.min(FREE_BYTES_MAX, processMemoryBytes() * FREE_SHARE_MAX)) {
    this.#freeBytesMax = freeBytesMax
  }

  /** Bytes of segments that are kept for reuse. */
  get freeBytes(): number {
    return this.#freeBytes
  }

  /** A segment with room for at least `sizeBytes`. */
  take(sizeBytes: number): Segment {
    const sizeClass = classOf(sizeBytes)
    const free = this.#free[sizeClass]
    if (free?.length === 0) this.#reclaim()
    let segment = free?.pop()
    if (segment === undefined) {
      segment = new Segment()
      segment.block = allocateBlock(free === undefined ? sizeBytes : SMALLEST_BYTES << sizeClass)
    } else {
      this.#freeBytes -= segment.block.size
      if (free !== undefined && free.length < (this.#fewest[sizeClass] as number)) this.#fewest[sizeClass] = free.length
    }
    this.bytesInUse += segment.block.size
    return segment
  }

  give(segment: Segment): void {
    const { block } = segment
    this.bytesInUse -= block.size + segment.dropBodies()
    segment.clear()
    if (block.pins > 0) this.#pinned.push(segment)
    else this.#keep(segment)
  }

  #keep(segment: Segment): void {
    const { size } = segment.block
    const sizeClass = classOf(size)
    const free = this.#free[sizeClass]
    // What was read back from the disk is exactly as large as it was there: no size for others.
    if (free === undefined || size !== SMALLEST_BYTES << sizeClass) return
    if (this.#freeBytes + size > this.#freeBytesMax) return
    free.push(segment)
    this.#freeBytes += size
    if (free.length * size > FREE_BYTES_MIN) this.#armTrim()
  }

  /** Takes the records of a segment that are safe on disk out of memory; the bytes this frees. */
  evict(segment: Segment): number {
    const freed = segment.block.size + segment.dropBodies()
    this.bytesInUse -= freed
    segment.block = EMPTY_BLOCK
    segment.offsets = new Uint32Array(0)
    segment.bodies = undefined
    segment.besideBytes = 0
    return freed
  }

  /** A segment that was read back counts again, with so many bytes beside its block. */
  admit(segment: Segment, besideBytes: number): void {
    this.bytesInUse += segment.block.size + besideBytes
  }

  /** Takes back those that are not being written any more: writes end in order. */
  #reclaim(): void {
    let ended = 0
    for (let segment = this.#pinned[0]; segment?.block.pins === 0; segment = this.#pinned[++ended]) this.#keep(segment)
    if (ended > 0) this.#pinned.splice(0, ended)
  }

  #armTrim(): void {
    if (this.#trimTimer !== undefined) return
    this.#trimTimer = setTimeout(() => {
      this.#trimTimer = undefined
      this.#trim()
    }, TRIM_MS)
    this.#trimTimer.unref()
  }

  /** What a burst has left behind goes back to the system by and by. */
  #trim(): void {
    for (const [sizeClass, free] of this.#free.entries()) {
      const size = SMALLEST_BYTES << sizeClass
      const kept = FREE_BYTES_MIN / size
      const unused = Math.ceil((this.#fewest[sizeClass] as number) / 2)
      if (free.length > kept) this.#freeBytes -= free.splice(0, Math.min(unused, free.length - kept)).length * size
      this.#fewest[sizeClass] = free.length
      if (free.length > kept) this.#armTrim()
    }
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
