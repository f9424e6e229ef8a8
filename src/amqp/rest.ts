/**
 * What a connection's receiver left over of its input: the beginning of a frame, or many frames that wait for the next turn.
 * It is kept until more comes. The first is short and lies in a block that the connection keeps; for what waits only for the
 * next turn there are blocks that all connections share.
 */
import { allocateBlock, type Block, copyBytes, EMPTY_BLOCK } from '../lib/block.ts'

/** A block of up to this size is kept for the next rest. */
const SMALL_BYTES_MAX = 4096
const SMALL_BYTES_MIN = 256
const FREE_BLOCKS_MAX = 32

/** Blocks for rests that are soon looked at again. */
export class RestBlocks {
  readonly #blockBytes: number
  readonly #free: Block[] = []

  /** `readBytes`: what is read at once. A little of the last piece may lie in front of it. */
  constructor(readBytes: number) {
    this.#blockBytes = readBytes + SMALL_BYTES_MAX
  }

  take(sizeBytes: number): Block {
    if (sizeBytes > this.#blockBytes) return allocateBlock(sizeBytes)
    return this.#free.pop() ?? allocateBlock(this.#blockBytes)
  }

  give(block: Block): void {
    if (block.size === this.#blockBytes && this.#free.length < FREE_BLOCKS_MAX) this.#free.push(block)
  }
}

export class Rest {
  /** It is `block[start, end)`. */
  block: Block = EMPTY_BLOCK
  start = 0
  end = 0
  readonly #blocks: RestBlocks
  readonly #onKept: (bytes: number) => void
  #small: Block = EMPTY_BLOCK
  #large: Block = EMPTY_BLOCK

  /** `onKept` is told how many bytes of memory more, or less, are kept. */
  constructor(blocks: RestBlocks, onKept: (bytes: number) => void) {
    this.#blocks = blocks
    this.#onKept = onKept
  }

  get bytes(): number {
    return this.end - this.start
  }

  /** Keeps `source[start, end)`, which may be a part of what is kept. `isForNextTurn`: nothing else has to come before it is looked at. */
  keep(source: Block, start: number, end: number, isForNextTurn: boolean): void {
    const bytes = end - start
    if (source === this.block && (bytes > SMALL_BYTES_MAX || source === this.#small)) {
      this.start = start
      this.end = end
      return
    }
    const block = bytes > SMALL_BYTES_MAX ? this.#roomFor(bytes, isForNextTurn) : this.#smallRoomFor(bytes)
    copyBytes(block, 0, source, start, end)
    this.#lieIn(block, bytes)
  }

  /** Puts `block[start, end)` behind it. */
  append(block: Block, start: number, end: number): void {
    const bytes = this.bytes + end - start
    if (this.block !== this.#large || this.end + end - start > this.#large.size) {
      const joined = allocateBlock(bytes)
      copyBytes(joined, 0, this.block, this.start, this.end)
      this.#holdLarge(joined)
      this.#lieIn(joined, this.bytes)
    }
    copyBytes(this.block, this.end, block, start, end)
    this.end += end - start
  }

  clear(): void {
    this.#holdLarge(EMPTY_BLOCK)
    this.#holdSmall(EMPTY_BLOCK)
    this.#lieIn(EMPTY_BLOCK, 0)
  }

  #lieIn(block: Block, bytes: number): void {
    this.block = block
    this.start = 0
    this.end = bytes
    if (block !== this.#large) this.#holdLarge(EMPTY_BLOCK)
  }

  #roomFor(bytes: number, isForNextTurn: boolean): Block {
    if (bytes > this.#large.size)
      this.#holdLarge(isForNextTurn ? this.#blocks.take(bytes) : allocateBlock(Math.ceil((bytes * 1.5) / 4096) * 4096))
    return this.#large
  }

  #smallRoomFor(bytes: number): Block {
    if (bytes > this.#small.size) {
      this.#holdSmall(allocateBlock(Math.max(SMALL_BYTES_MIN, Math.min(SMALL_BYTES_MAX, bytes * 2))))
    }
    return this.#small
  }

  #holdLarge(block: Block): void {
    if (block === this.#large) return
    this.#blocks.give(this.#large)
    this.#onKept(block.size - this.#large.size)
    this.#large = block
  }

  #holdSmall(block: Block): void {
    this.#onKept(block.size - this.#small.size)
    this.#small = block
  }
}
