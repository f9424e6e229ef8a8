/**
 * One client connection: the parts it is made of, what they may ask of it, and what leaves it. What comes in is `ConnectionInput`'s.
 */

import { ACK_FRAME_BYTES, BASIC_ACK, BASIC_NACK, writeSettle } from '../../protocol/basic-fast-path.ts'
import { ReplyCode } from '../../protocol/constants.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import type { FromServer, MethodInput } from '../../protocol/methods.ts'
import type { Journal } from '../../storage/journal.ts'
import type { Admission, User } from '../auth/authenticator.ts'
import type { ClientConnection, ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { ChannelState, ConnectionState } from '../broker/clients/client-info.ts'
import { refuse } from '../broker/errors.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Block } from '../lib/block.ts'
import { guarded } from '../lib/guarded.ts'
import { addressText, type Peer } from '../lib/peer.ts'
import type { Arrival } from '../listeners/arrival.ts'
import type { ChannelConnection } from './channel-connection.ts'
import { Channels } from './channels.ts'
import { ConnectionClock, WHY_CUT } from './connection-clock.ts'
import { ConnectionEnd } from './connection-end.ts'
import { ConnectionFacts } from './connection-facts.ts'
import { ConnectionInput } from './connection-input.ts'
import { ConnectionLog } from './connection-log.ts'
import type { AmqpContext, ClientCapabilities } from './context.ts'
import { Failures } from './failures.ts'
import { Handshake } from './handshake.ts'
import { HeldAnswers } from './held-answers.ts'
import { Intake } from './intake.ts'
import type { Outbox, Output } from './outbox.ts'
import type { Phase } from './phase.ts'
import type { ReadPlace } from './read-place.ts'
import { Reading } from './reading.ts'
import { type Receiver, Transport } from './transport.ts'

export class Connection implements Receiver, ClientConnection, ChannelConnection {
  readonly id: number
  readonly peer: Peer
  readonly outbox: Outbox
  /** Answers to durable changes that are not on the disk yet. */
  readonly answers: HeldAnswers
  frameMaxBytes: number
  readonly #arrival: Arrival
  readonly #context: AmqpContext
  readonly #transport: Transport
  readonly handshake: Handshake
  readonly log: ConnectionLog
  readonly failures: Failures
  readonly end: ConnectionEnd
  readonly #clock: ConnectionClock
  readonly channels: Channels
  readonly #onClosed: (connection: Connection) => void
  readonly reading: Reading
  readonly input: ConnectionInput
  readonly intake: Intake
  phase: Phase = 'header'
  details: ConnectionDetails | undefined
  readonly #facts: ConnectionFacts

  constructor(
    id: number,
    arrival: Arrival,
    context: AmqpContext,
    nowMs: number,
    onClosed: (connection: Connection) => void,
  ) {
    this.id = id
    const { peer, stream, head } = arrival
    this.peer = peer
    this.#arrival = arrival
    this.frameMaxBytes = context.limits.frameMaxBytes
    this.#context = context
    this.#onClosed = onClosed
    this.log = new ConnectionLog(context.rareLines, id, addressText(peer.address, peer.port))
    this.failures = new Failures(this, context.rareLines)
    this.end = new ConnectionEnd(this)
    this.handshake = new Handshake(this, context)
    this.channels = new Channels(this, context)
    this.#facts = new ConnectionFacts(this, stream)
    this.#transport = new Transport(stream, context.readBuffer, context.broker.inputTurn, context.flusher, this)
    this.reading = new Reading(this.#transport)
    this.input = new ConnectionInput(this, context)
    this.intake = new Intake(this, context.broker, context.limits.maxMessageSizeBytes)
    this.#clock = new ConnectionClock(this.#transport, context.limits.sendTimeoutMs, nowMs)
    this.#clock.leave(arrival.deadlineMs - nowMs)
    this.outbox = this.#transport.outbox
    this.answers = new HeldAnswers(this, context.broker.entityRegistry, this.outbox, (channelIds) =>
      this.#answered(channelIds),
    )
    this.#transport.begin(head)
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

  get state(): ConnectionState | undefined {
    const { details } = this
    return details === undefined ? undefined : this.#facts.state(details)
  }

  channelStates(): Iterable<ChannelState> {
    return this.channels.states()
  }

  get bytesReceived(): number {
    return this.#transport.bytesRead
  }

  get bytesSent(): number {
    return this.outbox.bytesWritten
  }

  /** What was read and not looked at yet waits because of us, not because the client has more to send. */
  get isInputHeld(): boolean {
    return this.reading.isStoppedByUs || this.#transport.isGoingOnLater
  }

  // --- bytes and frames in

  receive(block: Block, start: number, end: number): number {
    return this.input.receive(block, start, end)
  }

  place(place: ReadPlace): boolean {
    return this.input.place(place)
  }

  // --- frames out

  /** Where a channel's answers are written: behind those that wait for the disk, if there are any. */
  output(channelId: number): Output {
    return this.answers.isEmpty ? this.outbox : (this.answers.behind(channelId) ?? this.outbox)
  }

  send<N extends FromServer>(channelId: number, name: N, args: MethodInput<N>): void {
    this.output(channelId).write(encodeMethodFrame(channelId, name, args))
    this.input.checkUnread()
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

  // --- the handshake's wishes

  tuned(frameMaxBytes: number, channelMax: number, heartbeatSec: number): void {
    this.frameMaxBytes = frameMaxBytes
    this.input.frameMaxBytes = frameMaxBytes
    this.channels.max = channelMax
    this.#clock.heartbeatMs = heartbeatSec * 1000
    this.#facts.heartbeatSec = heartbeatSec
  }

  opened(user: User, vhost: Vhost): void {
    this.channels.enter(vhost, user)
    this.phase = 'open'
    this.#clock.leave(Number.POSITIVE_INFINITY)
    const { id, peer } = this
    const name = this.log.name
    this.details = { id, peerAddress: peer.address, peerPort: peer.port, name, user, vhost: vhost.name }
    this.#arrival.loggedIn()
    this.#facts.connectedAtMs = this.#context.wallMs()
    this.#context.broker.clientCounts.opened(this.details)
    this.log.opened(this.details)
    this.#context.onOpen(this.details)
  }

  expireIn(ms: number): void {
    this.#clock.expireIn(ms)
  }

  renewed({ user, expiresInMs = Number.POSITIVE_INFINITY }: Admission): void {
    this.#clock.expireIn(expiresInMs)
    this.#becomes(user)
  }

  /** Of the one user, the other is what is known now. */
  userChanged(before: User, now: User): void {
    this.handshake.userChanged(before, now)
    if (this.details?.user === before) this.#becomes(now)
  }

  #becomes(user: User): void {
    if (this.details !== undefined) this.details = { ...this.details, user }
    this.channels.access?.userChanged(user)
  }

  // --- the end

  closeWith(code: number, text: string, classId: number, methodId: number): void {
    this.end.closeWith(code, text, classId, methodId)
  }

  leave(ms: number): void {
    this.#clock.leave(ms)
  }

  endSocket(): void {
    this.#transport.end()
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
    if (isOfSocket(error)) this.log.socketFailed(error.code ?? error.message)
    else this.broken(error)
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
      this.release()
      this.answers.clear()
    } catch (error) {
      this.broken(error)
    }
    this.#onClosed(this)
  }

  /** Ends all channels, then deletes the queues that are exclusive to this connection. */
  release(): void {
    this.channels.closeAll()
    this.channels.deleteExclusiveQueues()
    const details = this.details
    this.details = undefined
    if (details === undefined) return
    this.#context.broker.clientCounts.ended(details)
    this.#context.onClose(details)
  }

  // --- time and memory

  /** Called about twice a second. */
  tick(nowMs: number): void {
    const over = this.#clock.tick(nowMs, this.phase === 'open', this.reading.isPaused)
    if (over === undefined) {
      this.intake.tick()
      if (this.phase === 'open') this.channels.checkAges(nowMs)
      return
    }
    if (over === 'expired') {
      this.failures.fail(ReplyCode.ACCESS_REFUSED, 'credential expired', 0, 0)
      return
    }
    if (over !== 'deadline') {
      this.log.ended('warn', WHY_CUT[over])
      this.destroy()
      return
    }
    this.failures.outOfTime()
    if (!this.end.outOfTime()) this.destroy()
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
    if (this.answers.isFull || !this.reading.isPausedFor('commit')) return
    // In the next turn: all others that waited for this commit are told first.
    const goOn = guarded(
      () => this.reading.resume('commit'),
      (error) => this.broken(error),
    )
    setImmediate(goOn)
  }

  /** Ends the connection: all publishers wait for memory that only its client could free. */
  sacrifice(): void {
    this.failures.fail(ReplyCode.RESOURCE_ERROR, refuse.memoryAlarm().message, 0, 0)
    this.end.closeNow()
  }
}

/** An error of the system, or of what the client has sent instead of encrypted bytes or WebSocket frames; the others are ours. */
function isOfSocket({ syscall, code = '' }: NodeJS.ErrnoException): boolean {
  return syscall !== undefined || /^(?:E(?!RR_)|ERR_SSL_|ERR_TLS_|WS_ERR_)/.test(code)
}
