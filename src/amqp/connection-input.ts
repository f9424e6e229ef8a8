/**
 * What a client sends, piece by piece as it arrives: its frames are carried out, then confirms are told, the queues deliver,
 * and it is decided whether to read on.
 */
import { PROTOCOL_HEADER } from '../../protocol/constants.ts'
import { FrameScanner } from '../../protocol/frame-scanner.ts'
import type { Block } from '../lib/block.ts'
import type { Turn } from '../lib/turn.ts'
import type { ChannelInput, ConfirmingChannel } from './channel-connection.ts'
import type { AmqpContext } from './context.ts'
import { type FramedConnection, FrameRouter } from './frame-router.ts'
import type { HeldAnswers } from './held-answers.ts'
import type { Outbox } from './outbox.ts'
import type { Phase } from './phase.ts'
import { isOurProtocol } from './protocol-header.ts'
import type { ReadPlace } from './read-place.ts'
import type { Reading } from './reading.ts'

/** We stop reading from a client that leaves this much unread. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024

/** A connection, as its input knows it. */
export interface ReceivingConnection extends FramedConnection {
  phase: Phase
  readonly outbox: Outbox
  readonly answers: HeldAnswers
  readonly reading: Reading
}

export class ConnectionInput implements ChannelInput {
  readonly #connection: ReceivingConnection
  readonly #context: AmqpContext
  readonly #scanner: FrameScanner
  readonly #turn: Turn
  /** Channels with publishes to confirm when the piece at hand is used up. */
  #confirming: ConfirmingChannel[] = []
  #isInPiece = false
  /** What is to be said once the piece at hand is used up: after the answers to what it asked for. */
  #afterPiece: (() => void)[] = []
  /** The answer to the last method is still to come. */
  #isAnswerDue = false

  constructor(connection: ReceivingConnection, context: AmqpContext) {
    this.#connection = connection
    this.#context = context
    this.#turn = context.broker.inputTurn
    const router = new FrameRouter(connection, this.#turn)
    this.#scanner = new FrameScanner(router, context.limits.initialFrameMaxBytes)
  }

  set frameMaxBytes(bytes: number) {
    this.#scanner.frameMaxBytes = bytes
  }

  /** Whether there is something to carry out in `block[start, end)`. */
  finds(block: Block, start: number, end: number): boolean {
    return this.#connection.phase === 'header' || this.#scanner.finds(block, start, end)
  }

  isInLargeBody(block: Block, start: number, end: number): boolean {
    return this.#scanner.isInLargeBody(block, start, end)
  }

  /** Looks at `block[start, end)`; returns where the part begins that it wants to see again, with what follows. */
  receive(block: Block, start: number, end: number): number {
    const connection = this.#connection
    this.#isInPiece = true
    this.#context.flusher.hasInput = true
    this.#scanner.holdsPublishes = connection.intake.beforeInput()
    this.#scanner.holdsMethods = this.#turn.isLate
    try {
      let at = start
      if (connection.phase === 'header') {
        if (this.#turn.isLate) {
          this.#turn.putOff()
          return start
        }
        const isOurs = isOurProtocol(block, start, end)
        if (isOurs === undefined) return start
        if (!isOurs) {
          this.#refuseProtocol(block.bytes.subarray(start, end))
          return end
        }
        connection.phase = 'handshake'
        connection.handshake.start()
        at = start + PROTOCOL_HEADER.length
      }
      at = connection.phase === 'closed' ? end : this.#scanner.scan(block, at, end)
      this.#finish()
      return at
    } catch (error) {
      // The router has caught the errors of frames. This one is the scanner's: it does not know where the next frame begins.
      this.#scanner.stop()
      connection.failures.failWith(error)
      this.#finish()
      connection.end.closeNow()
      return end
    } finally {
      this.#isInPiece = false
    }
  }

  /** Tells where the next bytes are to be read to, when nothing was left over; false when that is nowhere in particular. */
  place(place: ReadPlace): boolean {
    const { openBodyBytes, openBodyChannel } = this.#scanner
    return openBodyBytes > 0 && this.#connection.channels.placeBody(openBodyChannel, openBodyBytes, place)
  }

  /** Once for each piece. */
  #finish(): void {
    if (this.#confirming.length > 0) this.tellConfirms()
    this.#isInPiece = false
    if (this.#afterPiece.length > 0 && !this.#isAnswerDue) this.#actAfterPiece()
    // The queues deliver in the next turn if this one is long already.
    if (!this.#turn.isLate) this.#context.broker.scheduler.run()
    this.#connection.intake.afterInput()
    this.checkUnread()
  }

  #refuseProtocol(input: Uint8Array): void {
    const connection = this.#connection
    connection.failures.foreignProtocol(input)
    connection.outbox.write(PROTOCOL_HEADER)
    connection.end.closeNow()
  }

  /** The channel has publishes to confirm. */
  confirming(channel: ConfirmingChannel): void {
    this.#confirming.push(channel)
  }

  tellConfirms(): void {
    for (const channel of this.#confirming) channel.tellConfirms()
    this.#confirming = []
  }

  /** Acts now, or behind the answers to the piece that is being looked at. */
  after(act: () => void): void {
    if (this.#isInPiece || this.#isAnswerDue) this.#afterPiece.push(act)
    else act()
  }

  carryOut(act: () => void): void {
    this.#isInPiece = true
    try {
      act()
    } finally {
      this.#isInPiece = false
      if (!this.#isAnswerDue) this.#actAfterPiece()
    }
  }

  answerLater(): void {
    this.#isAnswerDue = true
  }

  answered(): void {
    this.#isAnswerDue = false
    this.#actAfterPiece()
  }

  #actAfterPiece(): void {
    const acts = this.#afterPiece
    this.#afterPiece = []
    for (const act of acts) act()
  }

  /** Looks at nothing more while the client leaves our answers unread, or too much waits for the disk. */
  checkUnread(): void {
    const { answers, outbox, reading } = this.#connection
    if (answers.isFull) {
      reading.pause('commit')
      this.#scanner.hold()
    }
    if (outbox.pendingBytes <= UNREAD_BYTES_MAX) return
    outbox.flush()
    if (!outbox.isBlocked) return
    reading.pause('unread')
    this.#scanner.hold()
  }

  /** Looks at no further frame before reading goes on. */
  hold(): void {
    this.#scanner.hold()
  }

  /** Looks at no further frame. */
  stop(): void {
    this.#scanner.stop()
  }
}
