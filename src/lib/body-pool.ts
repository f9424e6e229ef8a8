/**
 * Memory for bodies that are kept by reference. All that refer to such a body hold its block; when the last holder releases
 * it, its memory waits here to be used again, by size class: new memory has to be found by the allocator and zeroed and
 * mapped by the system, page by page, which takes longer than copying the bytes. What waits is bounded and counted, and
 * goes back to the system when it is not used for a while.
 */
import { allocateBlock, Block, type BlockOwner } from './block.ts'
import { type Clock, SYSTEM_CLOCK } from './clock.ts'
import { IdleTimer } from './idle-timer.ts'

/** Four size classes between one power of two and the next: at most a fifth of a block is unused. */
const STEPS = 4
/** Smaller blocks are allocated as they are asked for, and not used again. */
const SMALLEST_BYTES = 32 * 1024
const LARGEST_BYTES = 16 * 1024 * 1024
const CLASSES = sizeClassOf(LARGEST_BYTES) + 1

/** Behind the bytes of a body there is room for what follows it: mostly the beginning of the next publish. */
export const BODY_TRAILER_BYTES = 1024

const FREE_BYTES_MAX = 64 * 1024 * 1024
/** Of the blocks that were not asked for in so long, half go back to the system, and all of few. */
const TRIM_MS = 3000
const FEW_BLOCKS = 8

export class BodyPool implements BlockOwner {
  /** Bytes of memory that wait to be used again. */
  freeBytes = 0
  readonly #freeBytesMax: number
  readonly #free: Block[][] = Array.from({ length: CLASSES }, () => [])
  /** The fewest free blocks of each class since the last trim. */
  readonly #fewest = new Uint32Array(CLASSES)
  readonly #trimTimer: IdleTimer
  #isClosed = false

  constructor(freeBytesMax: number = FREE_BYTES_MAX, clock: Clock = SYSTEM_CLOCK) {
    this.#freeBytesMax = Math.min(freeBytesMax, FREE_BYTES_MAX)
    this.#trimTimer = new IdleTimer(clock, TRIM_MS, () => this.#trim())
  }

  /** A block of exactly this size that the caller holds. Behind a large one there is room for a trailer. */
  take(sizeBytes: number): Block {
    if (sizeBytes < SMALLEST_BYTES) return allocateBlock(sizeBytes)
    const sizeClass = sizeClassOf(sizeBytes)
    const free = this.#free[sizeClass]
    let block = free?.pop()
    if (free === undefined || block === undefined) {
      block = this.#first(
        sizeBytes,
        allocateBlock(free === undefined ? sizeBytes + BODY_TRAILER_BYTES : capacityOf(sizeClass)),
      )
    } else {
      const memory = block.memory as Block // whatever comes from here has one
      this.freeBytes -= memory.size
      if (free.length < (this.#fewest[sizeClass] as number)) this.#fewest[sizeClass] = free.length
      if (block.size !== sizeBytes) block = this.#first(sizeBytes, memory)
    }
    block.hold()
    return block
  }

  /** The last holder has released it. */
  released(block: Block): void {
    const bytes = block.memory?.size ?? 0
    const free = this.#free[sizeClassOf(bytes - BODY_TRAILER_BYTES)]
    if (free === undefined || this.#isClosed || this.freeBytes + bytes > this.#freeBytesMax) return
    free.push(block)
    this.freeBytes += bytes
    this.#trimTimer.arm()
  }

  /** Gives everything that waits back to the system. */
  clear(): void {
    for (const free of this.#free) free.length = 0
    this.freeBytes = 0
  }

  /** Keeps nothing any more: what is still held goes back to the system when it is released. */
  close(): void {
    this.#isClosed = true
    this.#trimTimer.stop()
    this.clear()
  }

  #first(sizeBytes: number, memory: Block): Block {
    const block = new Block(memory.bytes.subarray(0, sizeBytes))
    block.memory = memory
    block.owner = this
    return block
  }

  #trim(): void {
    for (const [sizeClass, free] of this.#free.entries()) {
      const unused = Math.min(free.length, this.#fewest[sizeClass] as number)
      const dropped = free.splice(0, unused <= FEW_BLOCKS ? unused : Math.ceil(unused / 2))
      this.freeBytes -= dropped.length * capacityOf(sizeClass)
      this.#fewest[sizeClass] = free.length
    }
    if (this.freeBytes > 0) this.#trimTimer.arm()
  }
}

/** Bytes of memory of the blocks of a class. */
function capacityOf(sizeClass: number): number {
  const doubled = SMALLEST_BYTES * 2 ** Math.floor(sizeClass / STEPS)
  return doubled + (doubled / STEPS) * (sizeClass % STEPS) + BODY_TRAILER_BYTES
}

/** The smallest class whose blocks have room for a body of so many bytes. */
function sizeClassOf(bytes: number): number {
  if (bytes <= SMALLEST_BYTES) return 0
  const doublings = 31 - Math.clz32((bytes - 1) / SMALLEST_BYTES)
  const doubled = SMALLEST_BYTES * 2 ** doublings
  return doublings * STEPS + Math.ceil((bytes - doubled) / (doubled / STEPS))
}
