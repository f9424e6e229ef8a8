/** When the outboxes of all connections go to their sockets: once per turn of the event loop, and a little later while more is likely to come. */
import { allocateBlock, type Block } from '../lib/block.ts'
import { NextTurn } from '../lib/next-turn.ts'
import type { Outbox } from './outbox.ts'
import { LARGE_BLOCK_BYTES } from './write-ahead.ts'

const BLOCK_BYTES = 128 * 1024
const FREE_BLOCKS_MAX = 64
const FREE_LARGE_BLOCKS_MAX = 4
/** While input comes in turn after turn, output may wait this many turns for more of it. */
const WAITING_TURNS_MAX = 4
/** It waits only if the last output left no longer ago than this. */
const STREAMING_MS = 0.1
/** In a turn that thousands of clients make long, nothing waits longer than this. */
const LATE_MS = 4

/** Flushes all outboxes that were written to, once no more input is at hand, and lends them their blocks. */
export class OutboxFlusher {
  /** A connection sets it when it reads input that may lead to output. */
  hasInput = false
  #turnsWaited = 0
  #flushedAtMs = 0
  #outboxes: Outbox[] = []
  readonly #nextTurn = new NextTurn(setImmediate, () => this.#flush())
  readonly #free: Block[] = []
  readonly #freeLarge: Block[] = []

  add(outbox: Outbox): void {
    this.#outboxes.push(outbox)
    this.#nextTurn.expect()
  }

  take(sizeBytes: number): Block {
    if (sizeBytes > BLOCK_BYTES)
      return (sizeBytes === LARGE_BLOCK_BYTES ? this.#freeLarge.pop() : undefined) ?? allocateBlock(sizeBytes)
    // Thousands of clients may be answered in one turn: their blocks are used again within it.
    if (this.#free.length === 0 && this.#outboxes.length > FREE_BLOCKS_MAX) this.#flushEarly()
    return this.#free.pop() ?? allocateBlock(BLOCK_BYTES)
  }

  /** A turn of the event loop is long already, or will be, and there is more to do in it: probably for so long. */
  flushLate(nowMs: number, aheadMs = 0): void {
    if (aheadMs < LATE_MS && nowMs - this.#flushedAtMs < LATE_MS) return
    this.#flushedAtMs = nowMs
    this.#flushEarly()
  }

  #flushEarly(): void {
    const outboxes = this.#outboxes
    this.#outboxes = []
    for (const outbox of outboxes) flushWaiting(outbox)
  }

  give(block: Block): void {
    if (block.size === BLOCK_BYTES && this.#free.length < FREE_BLOCKS_MAX) this.#free.push(block)
    else if (block.size === LARGE_BLOCK_BYTES && this.#freeLarge.length < FREE_LARGE_BLOCKS_MAX)
      this.#freeLarge.push(block)
  }

  #flush(): void {
    // Otherwise each small piece of a stream would be answered by a write of its own.
    const nowMs = performance.now()
    if (this.hasInput && this.#turnsWaited < WAITING_TURNS_MAX && nowMs - this.#flushedAtMs < STREAMING_MS) {
      this.hasInput = false
      this.#turnsWaited++
      this.#nextTurn.expect()
      return
    }
    const hasInput = this.hasInput
    this.hasInput = false
    this.#turnsWaited = 0
    this.#flushedAtMs = nowMs
    const outboxes = this.#outboxes
    this.#outboxes = []
    for (let i = 0; i < outboxes.length; i++) {
      const outbox = outboxes[i] as Outbox
      if (hasInput && outbox.isGathering(nowMs)) {
        this.add(outbox)
        continue
      }
      flushWaiting(outbox)
    }
  }
}

function flushWaiting(outbox: Outbox): void {
  outbox.isWaiting = false
  try {
    outbox.flush()
  } catch (error) {
    outbox.fail(error)
  }
}
