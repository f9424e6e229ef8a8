/** A queue: its messages, its consumers, and what was delivered and is not settled yet. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import type { LookAhead } from '../../../storage/look-ahead.ts'
import type { Segment } from '../../../storage/segment.ts'
import { refuse } from '../errors.ts'
import type { Message } from '../messages/message.ts'
import type { Session } from '../session.ts'
import type { QueueTypeName } from './argument-table.ts'
import type { Consumer } from './consumer.ts'
import { hasExpiration } from './message-ttl.ts'
import { MESSAGE_TTL, type QueueSettings } from './queue-arguments.ts'
import { NO_CONSUMERS, QueueConsumers } from './queue-consumers.ts'
import { queueType } from './queue-kinds.ts'
import type { QueueMessages } from './queue-messages.ts'
import type { QueueSpec, QueueSurroundings } from './queue-spec.ts'
import { needsUpkeep, QueueUpkeep } from './queue-upkeep.ts'
import { DeadLetterLine, type DeadLetterReason, type DeadLetters, type Settlement } from './settlement.ts'

/** Before it is looked at, a queue delivers so many messages between two looks at the clock. */
const CATCH_UP_MESSAGES = 256

export class Queue {
  readonly kind = 'queue'
  readonly name: string
  readonly vhostName: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
  /** The session that an exclusive queue belongs to, until the queue is gone. */
  owner: Session | undefined
  /** What it does by its arguments and by policy. */
  settings: QueueSettings
  consumers = NO_CONSUMERS
  /** Messages came with times that its arguments do not give them, which has to be known after a restart. */
  hasExpirations: boolean
  /** Called when that is so for the first time. */
  whenExpirations: (() => void) | undefined
  /** Where messages go that leave without having been accepted; without, they are dropped. */
  deadLetters: DeadLetters | undefined
  unackedCount = 0
  publishedCount = 0
  deliveredCount = 0
  isDeleted = false
  /** It delivers nothing, whatever consumers there are, and looks empty to basic.get. */
  isPaused = false
  #isScheduled = false
  /** Made when the queue waits for the disk first. */
  #wake: (() => void) | undefined
  /** What gives back the rest of messages that come back turn by turn. */
  #returning: Set<() => void> | undefined
  /** Messages that leave for their dead letter queues, once there were any. */
  #dying: DeadLetterLine | undefined
  /** A policy gives every message a time. It may be gone after a restart. */
  #hasPolicyTtl = false
  /** Where its settings ask for more than keeping and delivering messages. */
  #upkeep: QueueUpkeep | undefined
  readonly #messages: QueueMessages
  readonly #surroundings: QueueSurroundings<Queue>

  constructor(
    vhostName: string,
    spec: QueueSpec,
    settings: QueueSettings,
    messages: QueueMessages,
    surroundings: QueueSurroundings<Queue>,
  ) {
    this.name = spec.name
    this.vhostName = vhostName
    this.durable = spec.durable
    this.autoDelete = spec.autoDelete
    this.arguments = spec.arguments
    this.settings = settings
    this.owner = spec.owner
    this.#messages = messages
    this.#surroundings = surroundings
    this.hasExpirations = spec.hasExpirations === true
    this.applySettings(settings)
  }

  get readyCount(): number {
    return this.#messages.readyCount
  }

  get type(): QueueTypeName {
    return queueType(this.arguments)
  }

  /** Whether it keeps this message across a restart. */
  keeps({ isDurable }: Message): boolean {
    return this.durable && (isDurable || this.type === 'quorum')
  }

  /** Whether its deliveries say how often their messages came back. */
  get countsDeliveries(): boolean {
    return this.settings.deliveryLimit !== undefined
  }

  get logCount(): number {
    return this.#messages.logCount
  }

  /** Bytes of the bodies of ready messages. */
  get readyBytes(): number {
    return this.#messages.readyBytes
  }

  /** Bytes of the bodies of messages that were delivered and are not settled. */
  get unackedBytes(): number {
    return this.#messages.unackedBytes
  }

  /** Shows the next ready message, which stays where it is; false when there is none in memory. */
  peek(read: (segment: Segment, index: number) => void): boolean {
    const messages = this.#messages
    if (!messages.peek()) return false
    read(messages.segment as Segment, messages.index)
    return true
  }

  /** A look at the ready messages in the order in which they are due. */
  lookAhead(): LookAhead {
    return this.#messages.lookAhead()
  }

  /** Puts a message, whose properties are well-formed, behind the others; false when the queue refuses it. */
  publish(message: Message): boolean {
    if (this.#upkeep !== undefined || message.extension !== undefined) return this.#publishWithCare(message)
    this.append(message)
    return true
  }

  #publishWithCare(message: Message): boolean {
    if (!this.hasExpirations && (this.#hasPolicyTtl || hasExpiration(message))) {
      this.hasExpirations = true
      this.applySettings(this.settings)
      this.whenExpirations?.()
    }
    if (this.#upkeep !== undefined) return this.#upkeep.publish(message)
    this.append(message)
    return true
  }

  /** Whether its limits refuse a message with so many bytes. */
  refuses(bodyBytes: number): boolean {
    return this.#upkeep?.refuses(bodyBytes) === true
  }

  /** Puts a message behind the others, whatever the settings say. */
  append(message: Message): void {
    this.#messages.append(message)
    this.publishedCount++
    if (this.consumers.count > 0) this.wake()
  }

  applySettings(settings: QueueSettings): void {
    this.settings = settings
    this.#hasPolicyTtl = settings.messageTtlMs !== undefined && !this.arguments.has(MESSAGE_TTL)
    if (settings.consumerTimeoutMs !== undefined) this.#surroundings.hasConsumerTimeouts = true
    this.deadLetters = settings.deadLetterExchange === undefined ? undefined : this.#surroundings.deadLettersOf(this)
    if (this.hasExpirations || needsUpkeep(settings))
      this.#upkeep ??= new QueueUpkeep(this, this.#messages, this.#surroundings)
    if (this.hasExpirations) this.#upkeep?.expectExpirations()
    this.#upkeep?.apply(settings)
  }

  /** Everything that there was before the restart is there again. */
  restored(): void {
    this.#upkeep?.begin()
  }

  /** The queue is used, by a declaration or a basic.get. */
  renewLease(): void {
    this.#upkeep?.renewLease()
  }

  end(): void {
    this.#surroundings.removeQueue(this)
  }

  get #waker(): () => void {
    this.#wake ??= () => this.wake()
    return this.#wake
  }

  /** Has the queue deliver in this or the next turn. */
  wake(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#surroundings.scheduler.add(this)
  }

  /** Delivers up to `limit` ready messages to consumers that can take them; how many. */
  deliver(limit: number): number {
    this.#isScheduled = false
    this.#upkeep?.beginDelivery()
    return this.#deliver(limit)
  }

  /**
   * Delivers now what is to be delivered in this turn: before the queue is looked at or changed. Consumers that take any
   * number of messages get as many as the time allows. RabbitMQ stops, too: once a channel has 200 that it has not sent.
   */
  catchUp(): void {
    if (this.#returning !== undefined) for (const finish of [...this.#returning]) finish()
    this.#upkeep?.beginDelivery()
    this.deliverNow()
    this.#upkeep?.dropDue()
  }

  /** Delivers what consumers can take, for as long as the time allows. */
  deliverNow(): void {
    if (!this.#isScheduled) return
    const turn = this.#surroundings.scheduler.beginCatchUp()
    while (this.#deliver(CATCH_UP_MESSAGES) === CATCH_UP_MESSAGES && !turn.spend(CATCH_UP_MESSAGES)) {
      // the next ones
    }
  }

  #deliver(limit: number): number {
    const upkeep = this.#upkeep
    if (this.isPaused || this.#returning !== undefined || upkeep?.isDropping === true) return 0
    const messages = this.#messages
    const consumers = this.consumers
    let left = limit
    for (; messages.readyCount > 0 && (!messages.isRecorded || messages.isReadable(this.#waker)); left--) {
      if (left === 0) {
        this.wake()
        break
      }
      if (upkeep?.isHeadDue === true) {
        if (upkeep.dropDue()) continue
        break
      }
      const consumer = consumers.next()
      if (consumer === undefined) break
      messages.take(!consumer.isNoAck)
      const segment = messages.segment as Segment
      const { index } = messages
      this.deliveredCount++
      if (consumer.isNoAck) {
        consumer.sink.deliver(consumer, segment, index, messages.isRedelivered)
        messages.finish(segment, index)
      } else {
        this.unackedCount++
        consumer.credit--
        consumer.sink.deliver(consumer, segment, index, messages.isRedelivered)
      }
    }
    if (left < limit) upkeep?.headChanged()
    return limit - left
  }

  /**
   * Takes one message for basic.get: read it before calling anything else of the queue. It comes back when `read` throws.
   * With `isNoAck` it is settled when `read` returns, otherwise the reader settles or requeues it later. What is `unread` has
   * to be read back from the disk first: `whenReadable` is called when the caller should try again.
   */
  get(
    isNoAck: boolean,
    read: (segment: Segment, index: number, isRedelivered: boolean) => void,
    whenReadable: () => void,
  ): 'taken' | 'empty' | 'unread' {
    const state = this.isPaused ? 'empty' : this.findNext(whenReadable)
    if (state !== 'found') return state
    this.takeFound(isNoAck, read)
    this.deliveredCount++
    return 'taken'
  }

  /** Finds the next ready message, which stays where it is and in memory until the queue is used again. */
  findNext(whenReadable: () => void): 'found' | 'empty' | 'unread' {
    const messages = this.#messages
    this.renewLease()
    if (this.#upkeep?.dropDue() === false) {
      this.#upkeep.whenDropped(whenReadable)
      return 'unread'
    }
    if (messages.readyCount === 0) return 'empty'
    return messages.isReadable(whenReadable) ? 'found' : 'unread'
  }

  /** Takes what `findNext` has found. */
  takeFound(isNoAck: boolean, read: (segment: Segment, index: number, isRedelivered: boolean) => void): void {
    const messages = this.#messages
    messages.take(true)
    const segment = messages.segment as Segment
    const { index } = messages
    this.unackedCount++
    try {
      read(segment, index, messages.isRedelivered)
    } catch (error) {
      this.settle(segment, index, 'requeue')
      throw error
    }
    if (isNoAck) this.settle(segment, index, 'ack')
    this.#upkeep?.headChanged()
  }

  /** Ends the time of an unacked message: it is done with, becomes ready again in its old place, or is a dead letter. */
  settle(segment: Segment, index: number, settlement: Settlement): void {
    if (this.isDeleted) return
    if (settlement === 'requeue') this.#requeue(segment, index)
    else if (settlement === 'ack' || this.deadLetters === undefined) {
      this.unackedCount--
      this.#messages.settle(segment, index)
    } else {
      this.#dying ??= new DeadLetterLine(this, this.#messages)
      this.#dying.add(this.deadLetters, segment, index, settlement)
    }
  }

  /** Takes a ready message out of the queue, wherever it is; false when it is not ready. Its segment must be in memory. */
  drop(segment: Segment, index: number, reason: DeadLetterReason): boolean {
    if (!this.#messages.takeAt(segment, index)) return false
    this.unackedCount++
    this.settle(segment, index, reason)
    this.#upkeep?.headChanged()
    return true
  }

  /** Takes the next ready message out of the queue. There must be one, and it must be in memory. */
  dropHead(reason: DeadLetterReason): void {
    const messages = this.#messages
    const isDeadLetter = this.deadLetters !== undefined
    messages.take(isDeadLetter)
    const segment = messages.segment as Segment
    if (isDeadLetter) {
      this.unackedCount++
      this.settle(segment, messages.index, reason)
    } else messages.finish(segment, messages.index)
  }

  #requeue(segment: Segment, index: number): void {
    if (this.#upkeep?.hasReturnedEnough(segment, index) === true) {
      this.settle(segment, index, 'delivery-limit')
      return
    }
    this.unackedCount--
    this.#messages.requeue(segment, index)
    this.#upkeep?.returned()
    if (this.consumers.count > 0) this.wake()
  }

  /** Messages come back turn by turn, until `returned` is called with the same; `finish` has them come back at once. */
  expectReturns(finish: () => void): void {
    this.#returning ??= new Set()
    this.#returning.add(finish)
  }

  returned(finish: () => void): void {
    if (this.#returning?.delete(finish) !== true || this.#returning.size > 0) return
    this.#returning = undefined
    if (this.consumers.count > 0) this.wake()
  }

  /** Drops the ready messages; how many there were. */
  purge(): number {
    const count = this.#messages.purge()
    this.#upkeep?.headChanged()
    return count
  }

  addConsumer(consumer: Consumer): void {
    const { hasExclusive, count } = this.consumers
    const { isSingleActiveConsumer } = this.settings
    // RabbitMQ: of the consumers of a queue that has a single active one, none is exclusive.
    if (hasExclusive || (consumer.isExclusive && (count > 0 || isSingleActiveConsumer))) {
      throw refuse.exclusiveUse('queue', this.name, this.vhostName)
    }
    if (this.consumers === NO_CONSUMERS)
      this.consumers = new QueueConsumers(isSingleActiveConsumer, this.type === 'quorum')
    this.consumers.add(consumer)
    this.renewLease()
    if (this.readyCount > 0) this.wake()
  }

  /** Returns true when this was the last consumer of an auto-delete queue, which is to be deleted now. */
  removeConsumer(consumer: Consumer): boolean {
    this.catchUp()
    const { active } = this.consumers
    if (!this.consumers.remove(consumer)) return false
    this.renewLease()
    if (this.consumers.active !== active && this.readyCount > 0) this.wake()
    return this.autoDelete && this.consumers.count === 0 && !this.isDeleted
  }

  /** Drops everything and tells the consumers. Called by the vhost, which has forgotten the queue already. */
  close(): void {
    if (this.isDeleted) return
    this.isDeleted = true
    this.#upkeep?.stop()
    for (const consumer of this.consumers.all()) {
      this.consumers.remove(consumer)
      consumer.sink.cancelled(consumer)
    }
    this.#messages.clear()
    this.unackedCount = 0
    this.owner = undefined // remembered routes may know this queue for a while: not its connection as well
  }
}
