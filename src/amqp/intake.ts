/**
 * How much a connection may put into the broker: what it holds that is in no queue yet is counted, and while memory is
 * short it has to wait once it publishes. Consumers are never held back by this.
 */
import { BASIC_CLASS_ID, PUBLISH_METHOD_ID, ReplyCode } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import type { MethodInput } from '../../protocol/methods.ts'
import type { Journal } from '../../storage/journal.ts'
import { refuse } from '../broker/errors.ts'
import type { MemoryAlarm } from '../broker/memory/memory-alarm.ts'
import type { Alarm } from '../lib/alarm.ts'
import { guarded } from '../lib/guarded.ts'
import type { Turn } from '../lib/turn.ts'
import type { ClientCapabilities } from './context.ts'
import type { Phase } from './phase.ts'
import type { Reading } from './reading.ts'

/** Bodies in progress on all channels of a connection may take this many times the largest message. */
const CONTENTS_MAX = 64

/** A client that has sent so much since the last tick, which was half a second ago at most, publishes much. */
const PACE_BYTES = 256 * 1024

/** RabbitMQ knows the first two. */
type BlockReason = 'memory' | 'disk' | 'cpu'

const BLOCK_REASONS: readonly BlockReason[] = ['memory', 'disk', 'cpu']

/** A connection, as far as what it takes in is concerned. */
export interface TakingConnection {
  readonly phase: Phase
  readonly journal: Pick<Journal, 'stagedCount' | 'isCongested' | 'trouble'>
  readonly reading: Reading
  readonly clientCapabilities: ClientCapabilities
  /** What was read and not looked at yet waits for the broker, not for the client. */
  readonly isInputHeld: boolean
  readonly bytesReceived: number
  send<N extends 'connection.blocked' | 'connection.unblocked'>(channelId: number, name: N, args: MethodInput<N>): void
  /** `hold`: looks at no further frame before reading goes on. */
  readonly input: { hold(): void }
  broken(error: unknown): void
}

/** The broker, as far as what comes in concerns it. */
export interface TakingBroker {
  readonly memory: Pick<MemoryAlarm, 'heldBytes' | 'isActive' | 'pacing' | 'check'>
  /** The event loop is late. */
  readonly loadAlarm: Pick<Alarm, 'isActive'>
  /** What is given to the store takes too long until it is safe. */
  readonly storeAlarm: Pick<Alarm, 'isActive'>
  readonly inputTurn: Pick<Turn, 'spend'>
}

export class Intake {
  /** Bytes of messages in progress and of what waits for tx.commit. */
  heldBytes = 0
  /** Bytes that were read and not looked at yet. */
  unreadBytes = 0
  /** Set when the start of a publish was seen, whether its content has come or not. */
  hasPublished = false
  readonly #connection: TakingConnection
  readonly #broker: TakingBroker
  readonly #contentBytesMax: number
  /** Bytes of bodies in progress alone. */
  contentBytes = 0
  #stagedBefore = 0
  /** Bytes that the client had sent at the last tick. */
  #receivedBefore = 0
  #isBlockedSent = false
  /** Input was left unread because memory was short. */
  #isInputHeld = false

  constructor(connection: TakingConnection, broker: TakingBroker, messageBytesMax: number) {
    this.#connection = connection
    this.#broker = broker
    this.#contentBytesMax = CONTENTS_MAX * messageBytesMax
  }

  /** Messages in progress take so many bytes more, or less. Throws FrameError when they are too many. */
  contentAllocated(bytes: number): void {
    this.contentBytes += bytes
    this.hold(bytes)
    if (bytes <= 0 || this.contentBytes <= this.#contentBytesMax) return
    const text = `message bodies in progress take more than ${this.#contentBytesMax} bytes`
    throw new FrameError(ReplyCode.RESOURCE_ERROR, text, BASIC_CLASS_ID, PUBLISH_METHOD_ID)
  }

  /** What only the client can finish takes so many bytes more, or less. */
  hold(bytes: number): void {
    this.heldBytes += bytes
    this.#broker.memory.heldBytes += bytes
  }

  /** What was read and not looked at yet takes so many bytes more, or less. */
  keepUnread(bytes: number): void {
    this.unreadBytes += bytes
    this.#broker.memory.heldBytes += bytes
  }

  /** What only the client can free: of what is unread, a frame that it has not finished. */
  get bytesOfClient(): number {
    return this.#connection.isInputHeld ? this.heldBytes : this.heldBytes + this.unreadBytes
  }

  /** A publish went to many queues at once: it took its time, and memory may be short before this piece of input is used up. */
  published(copies: number): void {
    this.#broker.inputTurn.spend(copies)
    this.#broker.memory.check()
    if (!this.#broker.memory.isActive) return
    this.#connection.input.hold()
    this.#isInputHeld = true
  }

  /** A method takes several turns, or waits for the disk to be read: the rest of the input waits. */
  beginLongWork(): void {
    this.#connection.reading.pause('long-work')
    this.#connection.input.hold()
  }

  endLongWork(): void {
    this.#connection.reading.resume('long-work')
  }

  /** Throws BrokerError while memory is short: for what cannot wait because it would never be freed. */
  refuseIfShortOfMemory(): void {
    if (this.#broker.memory.isActive) throw refuse.memoryAlarm()
  }

  /** A piece of input is about to be looked at: whether publishes in it have to wait. */
  beforeInput(): boolean {
    const { memory, loadAlarm } = this.#broker
    const { journal } = this.#connection
    this.#stagedBefore = journal.stagedCount
    return (memory.isActive || loadAlarm.isActive) && this.#connection.phase === 'open'
  }

  /** The rest of the input waits, because it begins with a publish. */
  publishHeld(): void {
    this.hasPublished = true
    this.#isInputHeld = true
  }

  /** A piece of input is used up: a client that published in it may have to wait now. */
  afterInput(): void {
    this.#broker.memory.check()
    const { memory, loadAlarm, storeAlarm } = this.#broker
    const { journal } = this.#connection
    const hasStaged = journal.stagedCount !== this.#stagedBefore
    if (this.hasPublished && memory.isActive) this.#block('memory')
    else if (this.hasPublished && memory.pacing.isActive) this.#slowDown()
    if (this.hasPublished && loadAlarm.isActive) this.#block('cpu')
    if (this.hasPublished && journal.trouble !== undefined) this.#block('disk')
    else if (hasStaged && storeAlarm.isActive) this.#block('disk')
    // A disk that is a little slow raises no alarm: a client that gave it more to do waits for a moment.
    else if (hasStaged && journal.isCongested) this.#connection.reading.pause('disk')
    this.hasPublished = false
    if (this.#isInputHeld && !memory.isActive && !loadAlarm.isActive) this.#goOnSoon()
    this.#isInputHeld = false
  }

  /** Waits for a moment when it has sent much: the rest of the room is for those that send little. */
  #slowDown(): void {
    const { bytesReceived, phase, reading } = this.#connection
    if (phase === 'open' && bytesReceived - this.#receivedBefore > PACE_BYTES) reading.pause('pace')
  }

  /** Called twice a second. */
  tick(): void {
    this.#receivedBefore = this.#connection.bytesReceived
  }

  /** What was delivered meanwhile has made room: the rest of the input is looked at in the next turn. */
  #goOnSoon(): void {
    this.#connection.reading.pause('memory')
    const connection = this.#connection
    setImmediate(
      guarded(
        () => this.unblock('memory'),
        (error) => connection.broken(error),
      ),
    )
  }

  /** The disk is in trouble: tells a publisher that was waiting because it was slow. */
  diskFailed(): void {
    if (this.#connection.reading.isPausedFor('disk')) this.tellBlocked('disk')
  }

  /** Memory, or the disk, is as it should be again. */
  unblock(reason: BlockReason): void {
    const { reading } = this.#connection
    reading.resume(reason)
    if (!this.#isBlockedSent || BLOCK_REASONS.some((other) => reading.isPausedFor(other))) return
    if (this.#connection.phase !== 'open') return
    this.#connection.send(0, 'connection.unblocked', {})
    this.#isBlockedSent = false
  }

  #block(reason: BlockReason): void {
    const { phase, reading } = this.#connection
    if (phase !== 'open' || reading.isPausedFor(reason)) return
    this.tellBlocked(reason)
    reading.pause(reason)
  }

  /** The client is told to wait, if it can be. */
  tellBlocked(reason: BlockReason): void {
    const connection = this.#connection
    if (connection.phase !== 'open' || !connection.clientCapabilities.connectionBlocked || this.#isBlockedSent) return
    connection.send(0, 'connection.blocked', { reason: `low on ${reason}` })
    this.#isBlockedSent = true
  }
}
