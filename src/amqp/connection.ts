/**
 * One client connection: its frames go to the handshake, to channel 0 or to a channel; its errors become channel.close
 * or connection.close; and it decides when to read on.
 */

import type { Socket } from 'node:net'
import { ACK_FRAME_BYTES, BASIC_ACK, BASIC_NACK, writeSettle } from '../../protocol/basic-fast-path.ts'
import { PROTOCOL_HEADER, ReplyCode } from '../../protocol/constants.ts'
import { FrameScanner } from '../../protocol/frame-scanner.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import type { FromServer, MethodInput } from '../../protocol/methods.ts'
import type { Journal } from '../../storage/journal.ts'
import type { User } from '../auth/authenticator.ts'
import type { ClientConnection, ConnectionDetails } from '../broker/clients/client-directory.ts'
import { refuse } from '../broker/errors.ts'
import type { Vhost } from '../broker/vhost.ts'
import { afterNextReads } from '../lib/after-next-reads.ts'
import type { Block } from '../lib/block.ts'
import { guarded } from '../lib/guarded.ts'
import type { ChannelConnection, ConfirmingChannel } from './channel-connection.ts'
import { Channels } from './channels.ts'
import { ConnectionClock, WHY_CUT } from './connection-clock.ts'
import { ConnectionLog } from './connection-log.ts'
import type { AmqpContext, ClientCapabilities } from './context.ts'
import { Failures } from './failures.ts'
import { FrameRouter } from './frame-router.ts'
import { Handshake, isOurProtocol } from './handshake.ts'
import { HeldAnswers } from './held-answers.ts'
import { Intake } from './intake.ts'
import type { Outbox, Output } from './outbox.ts'
import type { Phase } from './phase.ts'
import type { ReadPlace } from './read-place.ts'
import { Reading } from './reading.ts'
import { type Receiver, Transport } from './transport.ts'

/** How long a client has to answer connection.close. */
const CLOSE_TIMEOUT_MS = 5000
/** How long a client has to close its side once we have closed ours. */
const END_TIMEOUT_MS = 1000
/** We stop reading from a client that leaves this much unread. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024

export class Connection implements Receiver, ClientConnection, ChannelConnection {
  readonly id: number
  readonly peerAddress: string
  readonly peerPort: number
  readonly outbox: Outbox
  /** Answers to durable changes that are not on the disk yet. */
  readonly answers: HeldAnswers
  frameMaxBytes: number
  readonly #context: AmqpContext
  readonly #transport: Transport
  readonly #scanner: FrameScanner
  readonly handshake: Handshake
  readonly log: ConnectionLog
  readonly failures: Failures
  readonly #clock: ConnectionClock
  readonly channels: Channels
  readonly #onClosed: (connection: Connection) => void
  readonly reading: Reading
  readonly intake: Intake
  phase: Phase = 'header'
  details: ConnectionDetails | undefined
  /** Channels with publishes to confirm when the input at hand is used up. */
  #confirming: ConfirmingChannel[] = []
  #isInInput = false
  /** What is to be said once the input at hand is used up: after the answers to what it asked for. */
  #afterInput: (() => void)[] = []

  constructor(
    id: number,
    socket: Socket,
    context: AmqpContext,
    nowMs: number,
    onClosed: (connection: Connection) => void,
  ) {
    this.id = id
    this.peerAddress = socket.remoteAddress ?? ''
    this.peerPort = socket.remotePort ?? 0
    this.frameMaxBytes = context.limits.frameMaxBytes
    this.#context = context
    this.#onClosed = onClosed
    this.log = new ConnectionLog(context.logger, id, `${this.peerAddress}:${this.peerPort}`)
    this.failures = new Failures(this, context.rareLines)
    this.#scanner = new FrameScanner(
      new FrameRouter(this, context.broker.inputTurn),
      context.limits.initialFrameMaxBytes,
    )
    this.handshake = new Handshake(this, context)
    this.channels = new Channels(this, context)
    this.#transport = new Transport(socket, context.readBuffer, context.broker.inputTurn, context.flusher, this)
    this.reading = new Reading(this.#transport)
    this.intake = new Intake(this, context.broker, context.limits.maxMessageSizeBytes)
    this.#clock = new ConnectionClock(this.#transport, context.limits.sendTimeoutMs, nowMs)
    this.#clock.leave(context.limits.handshakeTimeoutMs)
    this.outbox = this.#transport.outbox
    this.answers = new HeldAnswers(this, context.broker.entityRegistry, this.outbox, (channelIds) =>
      this.#answered(channelIds),
    )
  }

  /** What makes durable what its client changes; of the whole storage until it is in a virtual host. */
  get journal(): Journal {
    return this.channels.vhost?.journal ?? this.#context.broker.journal
  }

  get clientCapabilities(): ClientCapabilities {
    return this.handshake.capabilities
  }

  get userName(): string | undefined {
    return this.handshake.userName
  }

  get bytesReceived(): number {
    return this.#transport.bytesRead
  }

  get bytesSent(): number {
    return this.outbox.bytesWritten
  }

  /** What was read and not looked at yet waits for us, not for the client. */
  get isInputHeld(): boolean {
    return this.reading.isStoppedByUs || this.#transport.isGoingOnLater
  }

  // --- bytes and frames in

  receive(block: Block, start: number, end: number): number {
    this.#isInInput = true
    this.#context.flusher.hasInput = true
    this.#scanner.holdsPublishes = this.intake.beforeInput()
    try {
      let at = start
      if (this.phase === 'header') {
        const isOurs = isOurProtocol(block, start, end)
        if (isOurs === undefined) return start
        if (!isOurs) {
          this.#refuseProtocol(block.bytes.subarray(start, end))
          return end
        }
        this.phase = 'handshake'
        this.handshake.start()
        at = start + PROTOCOL_HEADER.length
      }
      at = this.phase === 'closed' ? end : this.#scanner.scan(block, at, end)
      this.#finishInput()
      return at
    } catch (error) {
      // Frames end their errors themselves, so this is the scanner's: where the next frame would begin is lost.
      this.#scanner.stop()
      this.failures.failWith(error)
      this.#finishInput()
      this.closeNow()
      return end
    } finally {
      this.#isInInput = false
    }
  }

  place(place: ReadPlace): boolean {
    const { openBodyBytes, openBodyChannel } = this.#scanner
    return openBodyBytes > 0 && this.channels.placeBody(openBodyChannel, openBodyBytes, place)
  }

  /** Once for each piece of input: tells confirms, lets the queues deliver, decides whether to read on. */
  #finishInput(): void {
    if (this.#confirming.length > 0) this.#tellConfirms()
    this.#isInInput = false
    for (const act of this.#afterInput) act()
    if (this.#afterInput.length > 0) this.#afterInput = []
    const { broker } = this.#context
    broker.scheduler.run()
    this.intake.afterInput()
    this.#checkUnread()
  }

  #tellConfirms(): void {
    for (const channel of this.#confirming) channel.tellConfirms()
    this.#confirming = []
  }

  /** Looks at nothing more while the client leaves our answers unread, or too much waits for the disk. */
  #checkUnread(): void {
    if (this.answers.isFull) {
      this.reading.pause('commit')
      this.#scanner.hold()
    }
    if (this.outbox.pendingBytes <= UNREAD_BYTES_MAX) return
    this.outbox.flush()
    if (!this.outbox.isBlocked) return
    this.reading.pause('unread')
    this.#scanner.hold()
  }

  // --- frames out

  /** Where a channel's answers are written: behind those that wait for the disk, if there are any. */
  output(channelId: number): Output {
    return this.answers.isEmpty ? this.outbox : (this.answers.behind(channelId) ?? this.outbox)
  }

  send<N extends FromServer>(channelId: number, name: N, args: MethodInput<N>): void {
    this.output(channelId).write(encodeMethodFrame(channelId, name, args))
    this.#checkUnread()
  }

  /**
   * Sends the answer to a change: it leaves once the change is durable. `isStaged` says that it is on its way to the disk,
   * even if another client asked for it before. What comes meanwhile goes on being carried out, so that changes in a row share a commit.
   */
  sendWhenDurable<N extends FromServer>(channelId: number, name: N, args: MethodInput<N>, isStaged: boolean): void {
    if (isStaged || this.answers.hasStaged) this.answers.hold(channelId)
    this.send(channelId, name, args)
  }

  /** Answers publishes: they are safe, or refused. */
  sendConfirm(channelId: number, isAck: boolean, sequence: number, isMultiple: boolean): void {
    const output = this.output(channelId)
    const block = output.reserve(ACK_FRAME_BYTES)
    const methodId = isAck ? BASIC_ACK : BASIC_NACK
    output.length = writeSettle(block, output.length, channelId, methodId, sequence, isMultiple ? 1 : 0)
  }

  /** Acts now, or behind the answers to the input that is being looked at. */
  afterInput(act: () => void): void {
    if (this.#isInInput) this.#afterInput.push(act)
    else act()
  }

  /** The channel has publishes to confirm. */
  confirming(channel: ConfirmingChannel): void {
    this.#confirming.push(channel)
  }

  /** Looks at no further frame before reading goes on. */
  holdInput(): void {
    this.#scanner.hold()
  }

  // --- the handshake's wishes

  tuned(frameMaxBytes: number, channelMax: number, heartbeatSec: number): void {
    this.frameMaxBytes = frameMaxBytes
    this.#scanner.frameMaxBytes = frameMaxBytes
    this.channels.max = channelMax
    this.#clock.heartbeatMs = heartbeatSec * 1000
  }

  opened(user: User, vhost: Vhost): void {
    this.channels.enter(vhost, user)
    this.phase = 'open'
    this.#clock.leave(Number.POSITIVE_INFINITY)
    const { id, peerAddress, peerPort } = this
    this.details = { id, peerAddress, peerPort, name: this.log.name, user, vhost: vhost.name }
    this.log.opened(this.details)
    this.#context.onOpen(this.details)
  }

  // --- the end

  /**
   * Sends connection.close and waits for the client to answer it. The close comes behind the answers that still wait for
   * the disk, unless the broker wants it itself. Then what the client has sent meanwhile is read first: if that is its own
   * close, it is answered, and the client never hears of ours; some clients wait for ever once two closes cross.
   */
  closeWith(code: number, text: string, classId: number, methodId: number): void {
    this.#tellConfirms()
    this.#release()
    const isForced = code === ReplyCode.CONNECTION_FORCED
    if (isForced || this.journal.trouble !== undefined) this.answers.clear()
    this.phase = 'closing'
    this.#clock.leave(CLOSE_TIMEOUT_MS)
    const say = (): void => this.send(0, 'connection.close', { replyCode: code, replyText: text, classId, methodId })
    const sayUnlessClosed = (): void => {
      if (this.phase === 'closing') say()
    }
    this.reading.resumeAll()
    if (isForced) afterNextReads(guarded(sayUnlessClosed, (error) => this.broken(error)))
    else this.answers.afterAll(say)
  }

  /** connection.close from the client: everything has gone before it is answered. */
  closedByClient(): void {
    this.log.ended('info', 'connection closed')
    this.#tellConfirms()
    this.#release()
    this.answers.clear()
    this.send(0, 'connection.close-ok', {})
    this.closeNow()
  }

  /** Takes nothing more from the client, and ends the socket when all that is to be said has been said. */
  closeNow(): void {
    this.phase = 'closed'
    this.#scanner.stop()
    this.#clock.leave(CLOSE_TIMEOUT_MS)
    this.answers.afterAll(() => {
      this.#transport.end()
      this.#clock.leave(END_TIMEOUT_MS)
    })
  }

  closeSilently(afterMs: number): void {
    this.phase = 'closed'
    this.#scanner.stop()
    this.reading.pause('ended')
    this.#clock.leave(afterMs)
  }

  /** Ends the connection because of us, not of the client: with 320, once it is open. */
  force(reason: string): void {
    if (this.phase === 'header' || this.phase === 'handshake') this.destroy()
    else this.failures.fail(ReplyCode.CONNECTION_FORCED, reason, 0, 0)
  }

  destroy(): void {
    this.#transport.destroy()
  }

  failed(error: NodeJS.ErrnoException): void {
    if (error.syscall === undefined) this.broken(error)
    else this.log.socketFailed(error.code ?? error.message)
  }

  /** Ends the connection because of an internal error that no frame is to blame for. */
  broken(error: unknown): void {
    this.log.ended('error', 'connection cut after an internal error', { err: error })
    this.destroy()
  }

  closed(): void {
    this.log.socketClosed()
    this.phase = 'closed'
    try {
      this.#release()
      this.answers.clear()
    } catch (error) {
      this.broken(error)
    }
    this.#onClosed(this)
  }

  /** Ends all channels, then deletes the queues that are exclusive to this connection. */
  #release(): void {
    this.channels.closeAll()
    this.channels.deleteExclusiveQueues()
    const details = this.details
    this.details = undefined
    if (details !== undefined) this.#context.onClose(details)
  }

  #refuseProtocol(input: Uint8Array): void {
    this.failures.foreignProtocol(input)
    this.outbox.write(PROTOCOL_HEADER)
    this.closeNow()
  }

  // --- time and memory

  /** Called about twice a second. */
  tick(nowMs: number): void {
    const over = this.#clock.tick(nowMs, this.phase === 'open', this.reading.isStoppedByUs)
    if (over === undefined) return
    if (over !== 'deadline') {
      this.log.ended('warn', WHY_CUT[over])
      this.destroy()
      return
    }
    this.failures.outOfTime()
    // A disk that is too slow must not keep the client from being told why its connection ends.
    if (!this.answers.giveUp()) this.destroy()
    else if (this.phase === 'closing') this.#clock.leave(CLOSE_TIMEOUT_MS)
  }

  kept(bytes: number): void {
    this.intake.keepUnread(bytes)
  }

  /** The socket takes bytes again. */
  unblocked(): void {
    this.reading.resume('unread')
    this.channels.outboxUnblocked()
  }

  /** Answers of these channels that had to wait have left. */
  #answered(channelIds: Iterable<number>): void {
    for (const id of channelIds) this.channels.open[id]?.consumers.hold(this.answers.areBeforeDeliveries(id))
    // In the next turn: whoever else waited for this commit comes first.
    if (!this.answers.isFull && this.reading.isPausedFor('commit')) setImmediate(() => this.reading.resume('commit'))
  }

  /** Ends the connection because what it holds is memory that only its client could free, and all other publishers wait for it. */
  sacrifice(): void {
    this.failures.fail(ReplyCode.RESOURCE_ERROR, refuse.memoryAlarm().message, 0, 0)
    this.closeNow()
  }
}
