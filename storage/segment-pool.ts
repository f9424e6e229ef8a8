/**
 * Hands out segments and takes them back, so that the steady flow of messages allocates nothing. Their blocks come from
 * slabs, and slabs that stay free go back to the system by and by. It also counts the bytes in use: what the memory limit
 * looks at.
 */

import { AS_DOUBLE } from '../src/lib/as-double.ts'
import { allocateBlock, type Block, EMPTY_BLOCK } from '../src/lib/block.ts'
import { type Clock, SYSTEM_CLOCK } from '../src/lib/clock.ts'
import { IdleTimer } from '../src/lib/idle-timer.ts'
import { processMemoryBytes } from '../src/lib/process-memory.ts'
import { SPAN_BYTES } from '../src/lib/slab.ts'
import { SIZE_CLASSES, Slabs, sizeClassOf } from '../src/lib/slabs.ts'
import { Segment } from './segment.ts'
import type { StorageMemory } from './storage-memory.ts'

export const SEGMENT_BYTES = SPAN_BYTES

/** Free slabs that are kept for reuse take at most this share of what the process may use, and at most so much. */
const FREE_SHARE_MAX = 0.125
const FREE_BYTES_MAX = 1024 * 1024 * 1024
/** Of the slabs that were free for so long, half go back to the system. */
const TRIM_MS = 5000
/** What the first segments of all queues may take as long as little is in them. */
const FIRST_BYTES_MAX = 16 * 1024 * 1024
/** Among those that follow others, none need be smaller. */
const NEXT_BYTES_MIN = 8192
/** Segments without a block that are kept. */
const SPARE_SEGMENTS_MAX = 8192

export class SegmentPool implements StorageMemory {
  /** Bytes of segments and of bodies beside them that queues hold now. */
  bytesInUse = AS_DOUBLE
  /** Sequence of the next segment that is put to use. */
  nextSequence = 0
  readonly #freeBytesMax: number
  readonly #slabs = new Slabs()
  readonly #spare: Segment[] = []
  /** The fewest spare segments there have been since the last trim. */
  #fewestSpare = 0
  /** Given back while they were being written to the disk. */
  readonly #pinned: Block[] = []
  #pinnedBytes = AS_DOUBLE
  #lentBytes = AS_DOUBLE
  /** What messages may take in all. */
  #takenBytesMax = Number.POSITIVE_INFINITY
  #trimTimer: IdleTimer

  constructor(
    freeBytesMax: number = Math.min(FREE_BYTES_MAX, processMemoryBytes() * FREE_SHARE_MAX),
    clock: Clock = SYSTEM_CLOCK,
  ) {
    this.bytesInUse = this.#pinnedBytes = this.#lentBytes = 0
    this.#freeBytesMax = freeBytesMax
    this.#trimTimer = this.#trimTimerBy(clock)
  }

  /** Goes by this clock from now on. */
  setClock(clock: Clock): void {
    this.#trimTimer.stop()
    this.#trimTimer = this.#trimTimerBy(clock)
  }

  /** Gives all that is free back to the system, and needs no timer any more. */
  close(): void {
    this.#trimTimer.stop()
    this.release(Number.POSITIVE_INFINITY)
  }

  /** Bytes of memory that messages take beside `bytesInUse`: gaps between blocks, what is being written. */
  get slackBytes(): number {
    return this.#slabs.usedBytes - this.#slabs.blockBytes + this.#besideBytes
  }

  /** Bytes of memory that are free and were not given back to the system yet. */
  get freeBytes(): number {
    return this.#slabs.reservedBytes - this.#slabs.usedBytes
  }

  /** Bytes of array buffers that are there on purpose: what V8 has of them beside these is garbage. */
  get bufferBytes(): number {
    return this.#slabs.mappedBytes + this.bytesInUse - this.#slabs.blockBytes + this.#besideBytes
  }

  get #besideBytes(): number {
    return this.#pinnedBytes + this.#lentBytes
  }

  get untouchedBytes(): number {
    return this.#slabs.mappedBytes - this.#slabs.reservedBytes
  }

  /** How large the first segment of a queue may be: the more segments there are, the smaller it starts. */
  get firstBytesMax(): number {
    return FIRST_BYTES_MAX / (this.#slabs.blockCount + 1)
  }

  /**
   * How large a segment behind others may be. Many queues that get the same messages need their next ones at the same moment:
   * all of them together must not take more than the room there is.
   */
  get nextBytesMax(): number {
    const roomBytes = this.#takenBytesMax - this.bytesInUse - this.slackBytes
    return 2 ** Math.floor(Math.log2(Math.max(NEXT_BYTES_MIN, (2 * roomBytes) / (this.#slabs.blockCount + 1))))
  }

  setRoom(bytes: number): void {
    this.#takenBytesMax = this.bytesInUse + this.slackBytes + bytes
  }

  /** A segment with room for at least `sizeBytes`. */
  take(sizeBytes: number): Segment {
    const segment = this.#spare.pop() ?? new Segment()
    if (this.#spare.length < this.#fewestSpare) this.#fewestSpare = this.#spare.length
    segment.block = this.#blockOf(sizeBytes)
    this.bytesInUse += segment.block.size
    return segment
  }

  #blockOf(sizeBytes: number): Block {
    if (this.#pinned.length > 0) this.#reclaim()
    const sizeClass = sizeClassOf(sizeBytes)
    return sizeClass < SIZE_CLASSES ? this.#slabs.take(sizeClass) : allocateBlock(sizeBytes)
  }

  /** A block that is no segment's, until `takeBack`. */
  lend(sizeBytes: number): Block {
    const block = this.#blockOf(sizeBytes)
    this.#lentBytes += block.size
    return block
  }

  takeBack(block: Block): void {
    this.#lentBytes -= block.size
    this.#free(block)
  }

  give(segment: Segment): void {
    const { block } = segment
    this.bytesInUse -= block.size + (segment.bodies?.dropAll() ?? 0)
    segment.block = EMPTY_BLOCK
    this.#free(block)
    segment.clear()
    if (this.#spare.length < SPARE_SEGMENTS_MAX) this.#spare.push(segment)
  }

  /** The block of a segment, which has no use for it any more. */
  #free(block: Block): void {
    this.#trimTimer.arm()
    // What was read back from the disk is exactly as large as it was there, and what is larger than normal is on its own.
    if (block.home === undefined) return
    if (block.pins > 0) {
      this.#pinned.push(block)
      this.#pinnedBytes += block.size
      return
    }
    this.#slabs.give(block)
    const excess = this.#slabs.freeSlabBytes - this.#freeBytesMax
    if (excess > 0) this.#slabs.release(excess)
  }

  /** Takes the records of a segment that are safe on disk out of memory; the bytes this frees. */
  evict(segment: Segment): number {
    const { block } = segment
    const freed = block.size + (segment.bodies?.dropAll() ?? 0)
    this.bytesInUse -= freed
    segment.leaveMemory()
    this.#free(block)
    return freed
  }

  /** A segment that was read back counts again, with so many bytes beside its block. */
  admit(segment: Segment, besideBytes: number): void {
    this.bytesInUse += segment.block.size + besideBytes
  }

  /** Moves the segment to a larger block. */
  grow(segment: Segment, sizeBytes: number): void {
    const { block } = segment
    const larger = this.#blockOf(sizeBytes)
    segment.moveTo(larger)
    this.bytesInUse += larger.size - block.size
    this.#free(block)
  }

  /** Gives free memory back to the system, so many bytes if there are so many. */
  release(bytes: number): void {
    this.#reclaim()
    this.#slabs.release(bytes)
  }

  /** Takes back those that are not being written any more: writes end in order. */
  #reclaim(): void {
    let ended = 0
    for (let block = this.#pinned[0]; block?.pins === 0; block = this.#pinned[++ended]) {
      this.#pinnedBytes -= block.size
      this.#slabs.give(block)
    }
    if (ended > 0) this.#pinned.splice(0, ended)
  }

  #trimTimerBy(clock: Clock): IdleTimer {
    return new IdleTimer(clock, TRIM_MS, () => this.#trim())
  }

  /** What a burst has left behind goes back to the system by and by. */
  #trim(): void {
    this.#reclaim()
    this.#slabs.release(this.#slabs.takeUnusedBytes() / 2)
    this.#spare.splice(0, Math.ceil(this.#fewestSpare / 2))
    this.#fewestSpare = this.#spare.length
    if (this.#slabs.mappedBytes > 0 || this.#spare.length > 0) this.#trimTimer.arm()
  }
}
