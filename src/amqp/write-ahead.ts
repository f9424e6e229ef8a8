/**
 * What is written to an encrypted socket, or to a WebSocket. These say only in a later turn that they have taken a write, even if
 * they have: waiting for each would leave them idle most of the time. So their bytes are copied, together where they are written
 * together, and count as taken until there are many of them.
 */
import type { Duplex } from 'node:stream'
import type { Block } from '../lib/block.ts'

const AHEAD_BYTES = 512 * 1024

/** Where an outbox writes to. */
export interface Sink {
  readonly writableLength: number
  readonly destroyed: boolean
  write(bytes: Uint8Array, written?: () => void): boolean
  cork(): void
  uncork(): void
  destroy(error?: Error): unknown
  /** Bytes of memory that copies of what was written take. */
  readonly copiedBytes?: number
  /** What has not left this process. Without it, the socket's own count. */
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
  #corked: Uint8Array[] = []
  #written: (() => void) | undefined

  constructor(stream: Duplex, blocks: BlockSource) {
    this.#stream = stream
    this.#blocks = blocks
  }

  /** What counts as not taken. */
  get writableLength(): number {
    const { writableLength } = this.#stream
    return writableLength > AHEAD_BYTES ? writableLength : 0
  }

  get unsentBytes(): number {
    const { _handle: handle } = this.#stream as SocketWithHandle
    const below = handle?._parent?.writeQueueSize ?? handle?.writeQueueSize ?? 0
    return this.writableLength === 0 ? 0 : this.#stream.writableLength + below
  }

  get destroyed(): boolean {
    return this.#stream.destroyed
  }

  destroy(error?: Error): void {
    this.#stream.destroy(error)
  }

  cork(): void {
    this.#isCorked = true
  }

  uncork(): void {
    this.#isCorked = false
    const [pieces, written] = [this.#corked, this.#written]
    this.#corked = []
    this.#written = undefined
    if (pieces.length > 0) this.#copy(pieces, written)
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.#isCorked) {
      this.#corked.push(bytes)
      this.#written = written
    } else this.#copy([bytes], written)
    return this.writableLength === 0
  }

  #copy(pieces: readonly Uint8Array[], written: (() => void) | undefined): void {
    let bytes = 0
    for (const piece of pieces) bytes += piece.length
    const block = this.#blocks.take(bytes)
    let at = 0
    for (const piece of pieces) {
      block.bytes.set(piece, at)
      at += piece.length
    }
    this.copiedBytes += block.size
    this.#stream.write(block.bytes.subarray(0, bytes), () => {
      this.copiedBytes -= block.size
      this.#blocks.give(block)
      written?.()
    })
  }
}
