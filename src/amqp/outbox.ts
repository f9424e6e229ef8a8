/**
 * Bytes on their way to a socket. Writers reserve room at the end of one large block and write in place; the whole
 * block goes to the socket once per turn of the event loop, or when it is full. While the socket has not taken
 * everything, nothing more is handed to it: `isBlocked` says so, and deliveries wait.
 */
import { type Block, EMPTY_BLOCK } from '../lib/block.ts'
import type { OutboxFlusher } from './outbox-flusher.ts'
import type { UnsentMemory } from './unsent-memory.ts'
import type { Sink } from './write-ahead.ts'

/** Referenced bytes go to the socket when they are so many: while they are still in the processor's cache. */
const REFERENCED_BYTES_MAX = 512 * 1024
/** An outbox from which so much left at once gathers for a while longer: a long write costs little more than a short one. */
const STREAM_BYTES_MIN = 32 * 1024
const GATHERING_MS = 0.4

/** Where frames are written. */
export interface Output {
  /** Write at this place of the block that `reserve` returned, then move it. */
  length: number
  /** No more deliveries should be written. */
  readonly isBlocked: boolean
  /** Makes room for this many bytes behind `length`. */
  reserve(sizeBytes: number): Block
  /** Appends a copy of these bytes. */
  write(bytes: Uint8Array): void
  /** Appends bytes without copying them, and holds the block they are in until they have left. */
  writeReference(bytes: Uint8Array, block: Block): void
}

export class Outbox implements Output {
  /** The block being filled; write at `length` after `reserve`, then move `length`. */
  block: Block = EMPTY_BLOCK
  length = 0
  /** The socket has not taken what it was given. */
  isBlocked = false
  /** In the flusher's list. */
  isWaiting = false
  bytesWritten = 0
  readonly #socket: Sink
  readonly #flusher: OutboxFlusher
  readonly #onUnblocked: () => void
  /** Pieces in front of the current block that the socket has not been given yet. */
  #pieces: Uint8Array[] = []
  #piecesBytes = 0
  /** What left when the socket was last given something. */
  #flushedBytes = 0
  #flushedAtMs = 0
  /** Where the part of the block begins that is not among the pieces yet. */
  #start = 0
  /** Full blocks whose bytes are in `pieces` or in the socket. */
  #lentBlocks: Block[] = []
  /** Blocks of others whose bytes are there. */
  #held: Block[] = []

  constructor(socket: Sink, flusher: OutboxFlusher, onUnblocked: () => void) {
    this.#socket = socket
    this.#flusher = flusher
    this.#onUnblocked = onUnblocked
  }

  /** Bytes that have not left this process. */
  get pendingBytes(): number {
    return this.length - this.#start + this.#piecesBytes + this.#socket.writableLength
  }

  /** Counts the memory that the bytes lie in which have not left. */
  countMemory(memory: UnsentMemory): void {
    memory.add(this.block.size)
    for (const block of this.#lentBlocks) memory.add(block.size)
    for (const block of this.#held) memory.addReferenced(block)
    memory.add(this.#socket.copiedBytes ?? 0)
  }

  /** Bytes that have left this process: of a large write, those that the system has taken so far, too. */
  get bytesTaken(): number {
    return this.bytesWritten - unsentBytes(this.#socket)
  }

  /** The client, or the network, has not taken all that it was sent: also if there is room for more. */
  get hasUntaken(): boolean {
    return this.isBlocked || unsentBytes(this.#socket) > 0
  }

  reserve(sizeBytes: number): Block {
    if (this.length + sizeBytes > this.block.size) this.#makeRoom(sizeBytes)
    if (!this.isWaiting) {
      this.isWaiting = true
      this.#flusher.add(this)
    }
    return this.block
  }

  write(bytes: Uint8Array): void {
    this.reserve(bytes.length).bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  writeReference(bytes: Uint8Array, block: Block): void {
    if (this.#piecesBytes >= REFERENCED_BYTES_MAX) this.flush()
    this.#seal()
    if (block !== this.#held.at(-1)) {
      block.hold()
      this.#held.push(block)
    }
    this.#pieces.push(bytes)
    this.#piecesBytes += bytes.length
    this.reserve(0)
  }

  /** Much left a moment ago, so that more is likely to come: worth waiting for. */
  isGathering(nowMs: number): boolean {
    return !this.isBlocked && this.#flushedBytes >= STREAM_BYTES_MIN && nowMs - this.#flushedAtMs < GATHERING_MS
  }

  /** Hands everything to the socket, unless it is still busy with what it has. */
  flush(): void {
    const socket = this.#socket
    if (socket.destroyed) {
      this.close()
      return
    }
    if (this.isBlocked || (this.length === this.#start && this.#pieces.length === 0)) return
    this.#flushedBytes = this.length - this.#start + this.#piecesBytes
    this.#flushedAtMs = performance.now()
    if (this.#pieces.length === 0) {
      const bytes = this.block.bytes.subarray(this.#start, this.length)
      this.bytesWritten += bytes.length
      // Before it is written: to take a block for it may have all outboxes flushed that wait.
      this.#start = this.length
      socket.write(bytes, this.#onWritten)
    } else this.#writePieces()
    if (socket.writableLength > 0) this.#waitForSocket()
    else if (this.#pieces.length === 0) this.#returnBlocks()
  }

  /** Something of ours went wrong: ends the connection, whose socket tells of it. */
  fail(error: unknown): void {
    this.#socket.destroy(error instanceof Error ? error : new Error(String(error)))
  }

  /** The socket is gone: it takes nothing more. */
  close(): void {
    this.isBlocked = true
    this.#pieces = []
    this.#returnLent()
    this.block = EMPTY_BLOCK
    this.#piecesBytes = this.#start = this.length = 0
  }

  #writePieces(): void {
    this.#seal()
    const pieces = this.#pieces
    this.#pieces = []
    const last = pieces.pop()
    if (last === undefined) return
    this.#socket.cork()
    for (const piece of pieces) this.#countWritten(piece)
    for (const piece of pieces) this.#socket.write(piece)
    this.#countWritten(last)
    this.#socket.write(last, this.#onWritten)
    this.#socket.uncork()
  }

  #countWritten(piece: Uint8Array): void {
    this.#piecesBytes -= piece.length
    this.bytesWritten += piece.length
  }

  #returnBlocks(): void {
    this.#start = this.length = 0
    if (this.block !== EMPTY_BLOCK) this.#flusher.give(this.block)
    this.block = EMPTY_BLOCK
    this.#returnLent()
  }

  /** Everything has left: the blocks it lay in are free. */
  #returnLent(): void {
    for (const block of this.#lentBlocks) this.#flusher.give(block)
    for (const block of this.#held) block.release()
    this.#lentBlocks = []
    this.#held = []
  }

  #waitForSocket(): void {
    this.isBlocked = true
    this.#lendBlock()
  }

  #lendBlock(): void {
    if (this.block !== EMPTY_BLOCK) this.#lentBlocks.push(this.block)
    this.block = EMPTY_BLOCK
    this.#start = this.length = 0
  }

  readonly #onWritten = (): void => {
    if (!this.isBlocked || this.#socket.destroyed || this.#socket.writableLength > 0) return
    try {
      this.#writeOn()
    } catch (error) {
      this.fail(error)
    }
  }

  #writeOn(): void {
    this.isBlocked = false
    if (this.#pieces.length === 0) this.#returnLent()
    this.flush()
    if (!this.isBlocked) this.#onUnblocked()
  }

  #makeRoom(sizeBytes: number): void {
    if (this.block !== EMPTY_BLOCK) {
      this.flush()
      this.#seal()
      this.#lendBlock()
    }
    this.block = this.#flusher.take(sizeBytes)
  }

  /** Puts the filled part of the block behind the pieces; what follows stays in the same block. */
  #seal(): void {
    if (this.length === this.#start) return
    this.#pieces.push(this.block.bytes.subarray(this.#start, this.length))
    this.#piecesBytes += this.length - this.#start
    this.#start = this.length
  }
}

/** The part of a socket that is not public and tells how much of one write is left; Node's own timeouts look at it, too. */
interface SocketWithHandle {
  readonly _handle?: { readonly writeQueueSize?: number } | null
}

/** What was handed to a socket and is still in this process. We hand it one write at a time. */
function unsentBytes(socket: Sink): number {
  if (socket.unsentBytes !== undefined) return socket.unsentBytes
  const { writableLength } = socket
  if (writableLength === 0) return 0
  return (socket as unknown as SocketWithHandle)._handle?.writeQueueSize ?? writableLength
}
