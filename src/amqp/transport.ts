/**
 * One client's connection as bytes: what arrives goes to the receiver in place, what the receiver leaves over is put in front
 * of the next piece; what is written gathers in the outbox. All connections read into one shared buffer:
 *
 *     | headroom for the rest of the last piece | what the kernel delivers now |
 *
 * except for large bodies, which are read where they stay (`ReadPlace`).
 */
import type { Duplex } from 'node:stream'
import { allocateBlock, Block, copyBytes } from '../lib/block.ts'
import type { Turn } from '../lib/turn.ts'
import { isSlowToTell, type Reader, readDecrypted, readDirectly } from './direct-reading.ts'
import type { InputKind, Waiting } from './input-line.ts'
import { Outbox } from './outbox.ts'
import type { OutboxFlusher } from './outbox-flusher.ts'
import { READ_BYTES, type ReadBuffer } from './read-buffer.ts'
import { ReadPlace } from './read-place.ts'
import { Rest } from './rest.ts'
import { type Sink, WriteAhead } from './write-ahead.ts'

/** With encryption, so much is read at once at most. */
const RECORD_BYTES = 16 * 1024
/** A client that sends little leaves no more than this to be looked at later. */
const SHORT_BYTES_MAX = 4 * 1024
/** An encrypted socket gives so much in a turn: half of what one takes (`WriteAhead`). */
const DECRYPTED_BYTES_MAX = 512 * 1024

export interface Receiver {
  /** Looks at `block[start, end)`; returns where the part begins that it wants to see again, with what follows. */
  receive(block: Block, start: number, end: number): number
  /** Whether there is more in `block[start, end)` than the beginning of what `receive` would only leave over. */
  finds(block: Block, start: number, end: number): boolean
  /** Whether `block[start, end)` belongs to a large body, which `place` may have a place for once `receive` has begun it. */
  isInLargeBody(block: Block, start: number, end: number): boolean
  /** Tells where the next bytes are to be read to, when nothing was left over; false when that is nowhere in particular. */
  place(place: ReadPlace): boolean
  /** What was read and not looked at takes so many bytes more, or less. */
  kept(bytes: number): void
  /** The socket has taken what it was given: there is room again. */
  unblocked(): void
  /** The system has ended the connection with this error, or an error of ours has. `closed` follows. */
  failed(error: Error): void
  closed(): void
}

export class Transport implements Waiting {
  readonly outbox: Outbox
  bytesRead = 0
  readonly #socket: Duplex
  readonly #sink: Sink
  readonly #readBuffer: ReadBuffer
  readonly #receiver: Receiver
  readonly #flusher: OutboxFlusher
  #isEnding = false
  readonly #rest: Rest
  #hasInputEnded = false
  #isPaused = false
  readonly #place = new ReadPlace()
  /** What an encrypted socket had read before. */
  #ahead: Buffer | undefined
  /** What is read into now. */
  #target: Buffer
  /** It has sent more at once than what is read at first. */
  #sendsMuch = false
  readonly #turn: Turn
  /** What is left of its time in the turn of the event loop with this number. */
  #loopTurn = 0
  #leftMs = 0
  /** What an encrypted socket has given in this turn. */
  #decryptedBytes = 0
  /** It goes on in the next turn: first with what was kept, then with reading. */
  #isGoingOnLater = false

  constructor(accepted: Duplex, readBuffer: ReadBuffer, turn: Turn, flusher: OutboxFlusher, receiver: Receiver) {
    this.#readBuffer = readBuffer
    this.#turn = turn
    this.#receiver = receiver
    this.#flusher = flusher
    this.#rest = new Rest(readBuffer.rests, (bytes) => receiver.kept(bytes))
    this.#target = readBuffer.shortTarget
    const reader = { buffer: () => this.#target, callback: (bytes: number) => this.#receiveDirectly(bytes, false) }
    const direct = readDirectly(accepted, reader)
    this.#socket = direct ?? accepted
    this.#sink = isSlowToTell(this.#socket) ? new WriteAhead(this.#socket, flusher) : this.#socket
    this.outbox = new Outbox(this.#sink, flusher, () => this.#unblocked())
    this.#socket.on('error', (error) => {
      receiver.failed(error)
      this.#socket.destroy() // one with encryption tells of an error and stays open
    })
    // Otherwise Node.js closes it in the turn in which the client has ended its side: of thousands that leave at once, too.
    this.#socket.allowHalfOpen = true
    this.#socket.on('end', () => readBuffer.leaving.add(() => this.#inputEnded()))
    this.#socket.on('close', () => {
      this.outbox.close()
      this.#place.clear()
      this.#rest.clear()
      readBuffer.shares.forget(this)
      readBuffer.leaving.add(() => receiver.closed())
    })
    if (direct === undefined) this.#read(reader)
  }

  /** `head` was read by the part that has let the client in: it comes before all that is read from now on. */
  begin(head: Buffer | undefined = this.#ahead): void {
    this.#ahead = undefined
    if (head === undefined || head.length === 0) return
    const block = allocateBlock(head.length)
    block.bytes.set(head)
    this.bytesRead += head.length
    this.#rest.keep(block, 0, head.length, true)
    this.#goOnLater()
  }

  /** What was kept waits for the next turn. */
  get isGoingOnLater(): boolean {
    return this.#isGoingOnLater
  }

  /** Reads nothing more; what was read and not looked at is kept. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  /** Reads on, first of all what was kept. */
  resume(): void {
    this.#isPaused = false
    this.#goOnLater()
  }

  /** Sends what is in the outbox, then ends our side. What was read and not looked at is forgotten. */
  end(): void {
    this.#isEnding = true
    this.#rest.clear()
    this.outbox.flush()
    this.#endWhenEmpty()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /**
   * The client sends nothing more. An encrypted socket tells of that also while it is not read from, before what the client has sent
   * last was looked at: this comes first.
   */
  #inputEnded(): void {
    this.#hasInputEnded = true
    // What is to be said before the end leaves first; there is little time for that, and then the socket closes by itself.
    if (!this.#isEnding && !this.#isPaused && !this.#isGoingOnLater) this.#socket.destroy()
  }

  #endWhenEmpty(): void {
    if (this.outbox.pendingBytes === 0) this.#sink.end()
  }

  #unblocked(): void {
    if (this.#isEnding) this.#endWhenEmpty()
    else this.#receiver.unblocked()
  }

  /** Starts to read from what has no handle that we could take. */
  #read(reader: Reader): void {
    const socket = this.#socket
    this.#ahead = readDecrypted(socket, { ...reader, callback: (bytes) => this.#receiveDecrypted(bytes) })
    if (this.#ahead === undefined)
      socket.on('data', (chunk: Buffer) => {
        for (let at = 0; at < chunk.length; at += READ_BYTES) {
          // At once: piece by piece, the rest would be copied again for each.
          if (this.#isPaused || this.#isGoingOnLater) return this.#keepBehind(new Block(chunk), at, chunk.length)
          const piece = chunk.subarray(at, at + READ_BYTES)
          this.#readBuffer.target.set(piece)
          if (!this.#receive(piece.length, chunk.length >= RECORD_BYTES)) socket.pause()
        }
      })
    socket.resume()
  }

  /** To decrypt takes time that no turn counts: after so much, the others are next, and what was read can leave. */
  #receiveDecrypted(bytes: number): boolean {
    const readsOn = this.#receiveDirectly(bytes, bytes >= RECORD_BYTES)
    this.#decryptedBytes += bytes
    if (this.#decryptedBytes >= DECRYPTED_BYTES_MAX) this.#goOnLater('busy')
    return readsOn && !this.#isGoingOnLater
  }

  /**
   * So many bytes lie where they were read to. Decides where the next ones go, and whether to read on in this turn. `isRecord`: as
   * much as encryption takes together.
   */
  #receiveDirectly(bytes: number, isRecord: boolean): boolean {
    const wasPlaced = this.#place.isSet
    const isFull = bytes === this.#target.length
    if (isFull) this.#sendsMuch = true
    const readsOn = this.#receive(bytes, isRecord || isFull)
    try {
      this.#aim(wasPlaced, !this.#sendsMuch || (!(isFull && readsOn) && this.#readBuffer.line.isCrowded))
      return readsOn
    } catch (error) {
      this.outbox.fail(error)
      return false
    }
  }

  /**
   * Decides where the next bytes are read to. `wasPlaced`: the last ones went to a place of their own. `isLittle`: of a client that has not
   * sent much yet, or that waits among hundreds, little is read at first. They may all be read from in the same turn, which stays short
   * so. Behind a part of a large body that has to wait, little is read, too: what comes then goes to its place.
   */
  #aim(wasPlaced: boolean, isLittle: boolean): void {
    const { block, start, end, bytes } = this.#rest
    if (bytes === 0 && this.#receiver.place(this.#place)) this.#target = this.#place.target
    else {
      if (wasPlaced) this.#place.clear()
      const isBody = bytes > SHORT_BYTES_MAX && this.#receiver.isInLargeBody(block, start, end)
      this.#target = wasPlaced || isLittle || isBody ? this.#readBuffer.shortTarget : this.#readBuffer.target
    }
  }

  /** Whether to read on in this turn. `isFull`: it was as much as can be read at once, so there probably is more. */
  #receive(bytes: number, isFull: boolean): boolean {
    try {
      if (this.#isPaused) this.#receivePaused(bytes)
      else if (this.#place.isSet) this.#receivePlaced(bytes, isFull)
      else this.#receiveShared(bytes, isFull)
      return !this.#isGoingOnLater
    } catch (error) {
      this.outbox.fail(error)
      return false
    }
  }

  /** Encryption gives what it has read already, also once it is told to read nothing more. */
  #receivePaused(bytes: number): void {
    const { isSet, memory, start } = this.#place
    if (isSet) this.#keepBehind(memory, start, start + bytes)
    else
      this.#keepBehind(this.#readBuffer.block, this.#readBuffer.headroomBytes, this.#readBuffer.headroomBytes + bytes)
  }

  /** Keeps this behind what was left over, to be looked at later. */
  #keepBehind(block: Block, start: number, end: number): void {
    this.bytesRead += end - start
    this.#rest.append(block, start, end)
  }

  /** So many bytes lie in the body that they belong to. */
  #receivePlaced(bytes: number, isFull: boolean): void {
    const { memory, start } = this.#place
    this.bytesRead += bytes
    this.#look(memory, start, start + bytes, isFull)
  }

  /** So many bytes lie in the shared buffer, behind the headroom. */
  #receiveShared(bytes: number, isFull: boolean): void {
    const { block, headroomBytes } = this.#readBuffer
    const rest = this.#rest
    this.bytesRead += bytes
    const end = headroomBytes + bytes
    const start = headroomBytes - rest.bytes
    if (start >= 0) {
      copyBytes(block, start, rest.block, rest.start, rest.end)
      this.#look(block, start, end, isFull)
    } else {
      rest.append(block, headroomBytes, end)
      this.#look(rest.block, rest.start, rest.end, isFull)
    }
  }

  #goOnLater(kind: InputKind = this.#rest.bytes <= SHORT_BYTES_MAX ? 'short' : 'busy'): void {
    if (this.#isGoingOnLater) return
    this.#isGoingOnLater = true
    this.#readBuffer.line.add(this, kind)
  }

  /** Its turn in the line has come. */
  goOn(): void {
    this.#isGoingOnLater = false
    if (this.#isPaused || this.#socket.destroyed) return
    try {
      if (this.#rest.bytes > 0) this.#look(this.#rest.block, this.#rest.start, this.#rest.end, false, true)
      if (this.#isPaused || this.#isGoingOnLater) return
      if (this.#hasInputEnded) this.#inputEnded()
      else this.#socket.resume()
    } catch (error) {
      this.outbox.fail(error)
    }
  }

  /**
   * Lets the receiver look at this, for as long as the connection has time in this turn, and keeps what it leaves over. A client whose
   * input is used up need not wait for another turn, even if what others wanted has taken the rest of its time. `isDue`: it stood in the
   * line for that.
   */
  #look(block: Block, start: number, end: number, isFull: boolean, isDue = false): void {
    const { shares } = this.#readBuffer
    const loopTurn = this.#readBuffer.turns.current()
    if (loopTurn !== this.#loopTurn) {
      this.#loopTurn = loopTurn
      this.#decryptedBytes = 0
      const nowMs = performance.now()
      this.#leftMs = shares.shareMs(this, loopTurn, nowMs)
      if (shares.isLate) this.#flusher.flushLate(nowMs)
    }
    const isLate = shares.isLate && !isDue
    // What lies in its body already takes less to look at than to keep, and the beginning of a frame takes nothing.
    if (isLate && end - start > SHORT_BYTES_MAX && !this.#place.isSet && this.#receiver.finds(block, start, end)) {
      this.#rest.keep(block, start, end, true)
      this.#goOnLater('busy')
      return
    }
    const turn = this.#turn
    turn.begin(this.#leftMs, isLate)
    const restStart = this.#receiver.receive(block, start, end)
    this.#leftMs = turn.leftMs()
    const isMore = isFull ? isLate || this.#leftMs <= 0 || turn.isOver : turn.isOver && restStart < end
    if (isMore)
      this.#goOnLater(turn.hasPutOff ? 'method' : isFull || end - restStart > SHORT_BYTES_MAX ? 'busy' : 'short')
    this.#rest.keep(block, restStart, end, this.#isGoingOnLater)
  }
}
