/**
 * One client connection: the parts it is made of, what they may ask of it, and what leaves it. What comes in is `ConnectionInput`'s.
 */

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
import { doAll } from '../lib/do-all.ts'
import { guarded } from '../lib/guarded.ts'
import { addressText, type Peer } from '../lib/peer.ts'
import type { Arrival } from '../listeners/arrival.ts'
import type { ChannelConnection } from './channel-connection.ts'
import { Channels } from './channels.ts'
import { ConnectedClient } from './connected-client.ts'
import { ConnectionClock } from './connection-clock.ts'
import { ConnectionEnd } from './connection-end.ts'
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
  /** Why we are to close it, and the number of the removal that does. */
  #stopped: { readonly reason: string; readonly removal: number } | undefined
  readonly #client: ConnectedClient

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
    this.#client = new ConnectedClient(this, context, stream)
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
    arrival.watchHeld?.((bytes) => this.kept(bytes))
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

  get details(): ConnectionDetails | undefined {
    return this.#client.details
  }

  get state(): ConnectionState | undefined {
    return this.#client.state
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

  finds(block: Block, start: number, end: number): boolean {
    return this.input.finds(block, start, end)
  }

  isInLargeBody(block: Block, start: number, end: number): boolean {
    return this.input.isInLargeBody(block, start, end)
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

  // --- the handshake's wishes

  tuned(frameMaxBytes: number, channelMax: number, heartbeatSec: number): void {
    this.frameMaxBytes = frameMaxBytes
    this.input.frameMaxBytes = frameMaxBytes
    this.channels.max = channelMax
    this.#clock.heartbeatMs = heartbeatSec * 1000
    this.#client.heartbeatSec = heartbeatSec
  }

  opened(user: User, vhost: Vhost): void {
    this.channels.enter(vhost, user)
    this.phase = 'open'
    this.#clock.leave(Number.POSITIVE_INFINITY)
    this.#arrival.loggedIn()
    this.#client.opened(user, vhost.name)
  }

  expireIn(ms: number): void {
    this.#clock.expireIn(ms)
  }

  renewed({ user, expiresInMs = Number.POSITIVE_INFINITY }: Admission): void {
    this.#clock.expireIn(expiresInMs)
    this.#becomes(user)
  }

  userChanged(before: User, now: User): void {
    const user = this.handshake.userChanged(before, now)
    if (user !== undefined) this.#becomes(user)
  }

  #becomes(user: User): void {
    this.#client.becomes(user)
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

  stop(reason: string, removal: number): void {
    // A client that is still logging in would get in.
    if (this.phase === 'header' || this.phase === 'handshake') this.destroy()
    if (this.phase !== 'open') return
    this.phase = 'stopped'
    this.#stopped = { reason, removal }
    // Changes of what its user may do do not concern it any more.
    this.channels.stop()
    this.#client.ended()
  }

  closeStopped(): void {
    if (this.phase === 'stopped' && this.#stopped !== undefined) this.force(this.#stopped.reason)
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
    this.failures.ofStream(error)
  }

  /** Ends the connection because of an internal error that no frame is to blame for. */
  broken(error: unknown): void {
    this.failures.broken(error)
  }

  closed(): void {
    this.phase = 'closed'
    try {
      doAll(
        () => this.log.socketClosed(),
        () => this.release(),
        () => this.answers.clear(),
      )
    } catch (error) {
      this.broken(error)
    }
    this.#onClosed(this)
  }

  /** Ends all channels, then deletes the queues that are exclusive to this connection. */
  release(): void {
    doAll(
      () => this.#closeChannels(),
      () => this.#client.ended(),
    )
  }

  #closeChannels(): void {
    const closeAll = (): void => this.channels.closeAll()
    if (this.#stopped === undefined) closeAll()
    else this.#context.broker.removals.asPartOf(this.#stopped.removal, closeAll)
  }

  // --- time and memory

  /** Called about twice a second. */
  tick(nowMs: number): void {
    const isInputHeld = this.reading.isPaused || this.#transport.isGoingOnLater
    const over = this.#clock.tick(nowMs, this.phase === 'open', isInputHeld)
    if (over === 'deadline') {
      this.failures.outOfTime()
      if (!this.end.outOfTime()) this.destroy()
      return
    }
    if (over !== undefined) {
      this.failures.timeOver(over)
      return
    }
    this.intake.tick()
    if (this.phase === 'open') this.channels.checkAges(nowMs)
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
