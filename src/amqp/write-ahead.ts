/**
 * What is written to an encrypted socket, or to a WebSocket. These say only in a later turn that they have taken a write, even if
 * they have: waiting for each would leave them idle most of the time. So their bytes are copied, and count as taken until many of
 * them wait. The stream is given one piece of memory at a time, and what is written meanwhile gathers for the next one: if it
 * were given more, Node.js would copy all of it again, into new memory.
 */
import type { Duplex } from 'node:stream'
import type { Block } from '../lib/block.ts'

/** A turn of a busy connection may read so much: what that leads to must leave in the next one, or queues grow. */
const AHEAD_BYTES = 1024 * 1024
/** What most connections write in a turn. */
const BLOCK_BYTES = 128 * 1024
/** What has no room in there moves into a larger block: the stream takes one block in a turn. */
export const LARGE_BLOCK_BYTES: number = AHEAD_BYTES + BLOCK_BYTES

/** Where an outbox writes to. */
export interface Sink {
  readonly writableLength: number
  readonly destroyed: boolean
  write(bytes: Uint8Array, written?: () => void): boolean
  cork(): void
  uncork(): void
  /** Behind all that was written. */
  end(): unknown
  destroy(error?: Error): unknown
  /** Bytes of memory that copies of what was written take. */
  readonly copiedBytes?: number
  /** What has not left this process, also of what counts as taken. Without it, the socket's own count. */
  readonly unsentBytes?: number
}

/** Lends blocks. */
export interface BlockSource {
  take(sizeBytes: number): Block
  give(block: Block): void
}

/** The part of a socket that is not public and tells how much of one write is left. With encryption, it has another one below. */
interface SocketWithHandle {
  readonly _handle?: {
    readonly writeQueueSize?: number
    readonly _parent?: { readonly writeQueueSize?: number }
  } | null
}

export class WriteAhead implements Sink {
  copiedBytes = 0
  readonly #stream: Duplex
  readonly #blocks: BlockSource
  #isCorked = false
  #isEnding = false
  /** What the stream has now. */
  #leaving: Block | undefined
  #leavingBytes = 0
  /** What it gets next, all of them full but the last one. */
  #gathered: Block[] = []
  /** So much of the last one is used. */
  #lastBytes = 0
  #gatheredBytes = 0
  #written: (() => void) | undefined

  constructor(stream: Duplex, blocks: BlockSource) {
    this.#stream = stream
    this.#blocks = blocks
  }

  /** What counts as not taken. */
  get writableLength(): number {
    return this.#gatheredBytes > AHEAD_BYTES ? this.#gatheredBytes + this.#leavingBytes : 0
  }

  get unsentBytes(): number {
    const { _handle: handle } = this.#stream as SocketWithHandle
    const below = handle?._parent?.writeQueueSize ?? handle?.writeQueueSize ?? 0
    const ours = this.#gatheredBytes + this.#leavingBytes
    return ours === 0 ? 0 : ours + below
  }

  get destroyed(): boolean {
    return this.#stream.destroyed
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error)
  }

  /** Ends the stream once it has been given everything. */
  end(): void {
    this.#isEnding = true
    this.#send()
  }

  cork(): void {
    this.#isCorked = true
  }

  uncork(): void {
    this.#isCorked = false
    this.#send()
  }

  /** `written` is told of when some of what was written has left: it is the same for all writes. */
  write(bytes: Uint8Array, written?: () => void): boolean {
    this.#written = written ?? this.#written
    this.#gatheredBytes += bytes.length
    for (let at = 0; at < bytes.length; ) at += this.#gather(bytes, at)
    if (!this.#isCorked) this.#send()
    return this.writableLength === 0
  }

  /** Copies what has room in the last block; returns how much that was. */
  #gather(bytes: Uint8Array, at: number): number {
    const block = this.#room()
    const end = Math.min(bytes.length, at + block.size - this.#lastBytes)
    block.bytes.set(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end), this.#lastBytes)
    this.#lastBytes += end - at
    return end - at
  }

  /** The last block, which has room: a new one, or a larger one in its place, if need be. */
  #room(): Block {
    const last = this.#gathered.at(-1)
    if (last !== undefined && this.#lastBytes < last.size) return last
    const block = this.#blocks.take(last === undefined ? BLOCK_BYTES : LARGE_BLOCK_BYTES)
    this.copiedBytes += block.size
    if (last?.size === BLOCK_BYTES) {
      block.bytes.set(last.bytes)
      this.#gathered.pop()
      this.#giveBack(last)
    } else this.#lastBytes = 0
    this.#gathered.push(block)
    return block
  }

  #send(): void {
    if (this.#leaving !== undefined) return
    const block = this.#gathered.shift()
    if (block === undefined) {
      if (this.#isEnding) this.#stream.end()
      return
    }
    const bytes = this.#gathered.length === 0 ? this.#lastBytes : block.size
    this.#leaving = block
    this.#leavingBytes = bytes
    this.#gatheredBytes -= bytes
    this.#stream.write(block.bytes.subarray(0, bytes), this.#onSent)
  }

  readonly #onSent = (): void => {
    if (this.#leaving !== undefined) this.#giveBack(this.#leaving)
    this.#leaving = undefined
    this.#leavingBytes = 0
    if (this.#stream.destroyed) this.#drop()
    else this.#send()
    this.#written?.()
  }

  /** The stream takes nothing more. */
  #drop(): void {
    for (const block of this.#gathered) this.#giveBack(block)
    this.#gathered = []
    this.#gatheredBytes = 0
  }

  #giveBack(block: Block): void {
    this.copiedBytes -= block.size
    this.#blocks.give(block)
  }
}
