/** A queue: its messages, its consumers, and what was delivered and is not settled yet. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import type { LookAhead } from '../../../storage/look-ahead.ts'
import type { Segment } from '../../../storage/segment.ts'
import { doAll, doForEach } from '../../lib/do-all.ts'
import { refuse } from '../errors.ts'
import type { Message } from '../messages/message.ts'
import type { Session } from '../session.ts'
import type { QueueTypeName } from './argument-table.ts'
import type { Consumer } from './consumer.ts'
import { clearWhenThrough, Departures } from './departures.ts'
import type { Discards } from './discards.ts'
import { hasExpiration } from './message-ttl.ts'
import { MESSAGE_TTL, type QueueSettings } from './queue-arguments.ts'
import { NO_CONSUMERS, QueueConsumers } from './queue-consumers.ts'
import { QueueDelivery } from './queue-delivery.ts'
import { queueKind, queueType } from './queue-kinds.ts'
import type { QueueLogs } from './queue-logs.ts'
import type { QueueMessages } from './queue-messages.ts'
import { QueuePull } from './queue-pull.ts'
import type { QueueSpec, QueueSurroundings } from './queue-spec.ts'
import { needsUpkeep, QueueUpkeep } from './queue-upkeep.ts'
import type { DeadLetterReason, DeadLetters, Settlement } from './settlement.ts'

export class Queue {
  readonly kind = 'queue'
  readonly name: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
  /** Who declared it; an older version's record does not say it. */
  readonly user: string | undefined
  readonly logs: QueueLogs
  /** The session that an exclusive queue belongs to, until the queue is gone. */
  owner: Session | undefined
  /** What it does by its arguments and by policy. */
  settings: QueueSettings
  consumers = NO_CONSUMERS
  /** Messages came with times that its arguments do not give them, which has to be known after a restart. */
  hasExpirations: boolean
  /** Where messages go that leave without having been accepted; without, they are dropped. */
  deadLetters: DeadLetters | undefined
  unackedCount = 0
  publishedCount = 0
  /** In any way, each time that a message was handed out. */
  deliveredCount = 0
  /** Of these, to consumers that do not acknowledge. */
  deliveredNoAckCount = 0
  /** By basic.get. */
  gotCount = 0
  /** Of these, without acknowledgement. */
  gotNoAckCount = 0
  gotEmptyCount = 0
  redeliveredCount = 0
  ackedCount = 0
  /** It is gone for all who look, though what it holds may take some turns to go. */
  isDeleted = false
  #isClosed = false
  /** It delivers nothing, whatever consumers there are, and looks empty to basic.get. */
  isPaused = false
  /** Where its settings ask for more than keeping and delivering messages. */
  upkeep: QueueUpkeep | undefined
  /** Made with the first consumer. */
  #delivery: QueueDelivery | undefined
  /** Made when a message is asked for. */
  #pull: QueuePull | undefined
  /** Made for the first message that is not accepted. */
  #departures: Departures | undefined
  /** A policy gives every message a time. It may be gone after a restart. */
  #hasPolicyTtl = false
  readonly #messages: QueueMessages
  readonly #surroundings: QueueSurroundings<Queue>

  constructor(spec: QueueSpec, settings: QueueSettings, logs: QueueLogs, surroundings: QueueSurroundings<Queue>) {
    this.name = spec.name
    this.durable = spec.durable
    this.autoDelete = spec.autoDelete
    this.arguments = spec.arguments
    this.user = spec.user
    this.settings = settings
    this.owner = spec.owner
    this.logs = logs
    this.#messages = queueKind(spec.arguments).messages(logs, settings)
    this.#surroundings = surroundings
    logs.owner = this
    this.hasExpirations = spec.hasExpirations === true
    this.applySettings(settings)
  }

  get vhostName(): string {
    return this.#surroundings.name
  }

  logMade(): void {
    this.#surroundings.logMade(this)
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

  /** What has died and waits to go; undefined where dead letters need not arrive. */
  get discards(): Discards | undefined {
    return this.#messages.discards
  }

  /** Bytes of the bodies of ready messages. */
  get readyBytes(): number {
    return this.#messages.readyBytes
  }

  /** Bytes of the bodies of messages that were delivered and are not settled. */
  get unackedBytes(): number {
    return this.#messages.unackedBytes - this.delayedBytes - (this.upkeep?.retries?.leavingBytes ?? 0)
  }

  /** Messages that came back and wait before they are delivered again, and bytes of their bodies. */
  get delayedCount(): number {
    return this.upkeep?.retries?.count ?? 0
  }

  get delayedBytes(): number {
    return this.upkeep?.retries?.bytes ?? 0
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
    if (this.upkeep !== undefined || message.extension !== undefined) return this.#publishWithCare(message)
    this.append(message)
    return true
  }

  #publishWithCare(message: Message): boolean {
    if (!this.hasExpirations && (this.#hasPolicyTtl || hasExpiration(message))) {
      this.hasExpirations = true
      // Its settings are what they were: to apply them again would give the queue more time (x-expires).
      if (this.upkeep === undefined) this.applySettings(this.settings)
      else this.upkeep.expectExpirations()
      this.#surroundings.queueChanged(this)
    }
    if (this.upkeep !== undefined) return this.upkeep.publish(message)
    this.append(message)
    return true
  }

  /** Whether its limits refuse a message with so many bytes. */
  refuses(bodyBytes: number): boolean {
    return this.upkeep?.refuses(bodyBytes) === true
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
    if (this.hasExpirations || needsUpkeep(settings) || this.logs.beside.retries !== undefined)
      this.upkeep ??= new QueueUpkeep(this, this.#messages, this.#surroundings)
    if (this.hasExpirations) this.upkeep?.expectExpirations()
    this.upkeep?.apply(settings)
    if (!this.#surroundings.isRestoring) this.discards?.goOn(this.deadLetters)
  }

  /** Everything that there was before the restart is there again. */
  restored(): void {
    this.upkeep?.begin()
    this.discards?.goOn(this.deadLetters)
  }

  /** The queue is used, by a declaration or a basic.get. */
  renewLease(): void {
    this.upkeep?.renewLease()
  }

  end(): void {
    this.#surroundings.removeQueue(this)
  }

  /** Has the queue deliver in this or the next turn, if it has had consumers. */
  wake(): void {
    this.#delivery?.wake()
  }

  /** Delivers now what is to be delivered in this turn: before the queue is looked at or changed. */
  catchUp(): void {
    this.#delivery?.catchUp()
    this.upkeep?.dropDue()
  }

  /** Delivers what consumers can take, for as long as the time allows. */
  deliverNow(): void {
    this.#delivery?.deliverNow()
  }

  get #deliveries(): QueueDelivery {
    this.#delivery ??= new QueueDelivery(this, this.#messages, this.#surroundings.scheduler)
    return this.#delivery
  }

  get pull(): QueuePull {
    this.#pull ??= new QueuePull(this, this.#messages)
    return this.#pull
  }

  /** Ends the time of an unacked message: it is done with, becomes ready again in its old place, or is a dead letter. */
  settle(segment: Segment, index: number, settlement: Settlement): void {
    if (this.isDeleted) return
    if (settlement === 'ack') {
      this.unackedCount--
      this.#messages.settle(segment, index)
    } else this.#exits.settle(segment, index, settlement)
  }

  /** Drops the next ready message. There must be one, and it must be in memory. */
  dropHead(reason: DeadLetterReason): void {
    this.#exits.dropHead(reason)
  }

  get #exits(): Departures {
    this.#departures ??= new Departures(this, this.#messages, this.#surroundings.memory)
    return this.#departures
  }

  /** Messages come back turn by turn, until `returned` is called with the same; `finish` has them come back at once. */
  expectReturns(finish: () => void): void {
    this.#deliveries.expectReturns(finish)
  }

  returned(finish: () => void): void {
    this.#deliveries.returned(finish)
  }

  /** Drops the messages that no consumer has; how many there were. */
  purge(): number {
    const count = this.#messages.purge() + (this.upkeep?.retries?.purge() ?? 0)
    this.upkeep?.headChanged()
    return count
  }

  addConsumer(consumer: Consumer): void {
    const { isSingleActiveConsumer } = this.settings
    if (!this.consumers.admits(consumer, isSingleActiveConsumer)) {
      throw refuse.exclusiveUse('queue', this.name, this.vhostName)
    }
    if (this.consumers === NO_CONSUMERS)
      this.consumers = new QueueConsumers(isSingleActiveConsumer, this.type === 'quorum')
    const deliveries = this.#deliveries
    this.consumers.add(consumer)
    this.renewLease()
    if (this.readyCount > 0) deliveries.wake()
  }

  /** Returns true when this was the last consumer of an auto-delete queue, which is to be deleted now. */
  removeConsumer(consumer: Consumer): boolean {
    this.catchUp()
    return this.#takeAway(consumer)
  }

  #takeAway(consumer: Consumer): boolean {
    const { active } = this.consumers
    if (!this.consumers.remove(consumer)) return false
    this.renewLease()
    if (this.consumers.active !== active && this.readyCount > 0) this.wake()
    return this.#isUnused
  }

  /** After `catchUp`, the same for one of very many whose client goes: for all who look it is gone; `consumers.remove` is to follow. */
  leave(consumer: Consumer): boolean {
    // The next one is active at once.
    if (this.consumers.hasSingleActive) return this.#takeAway(consumer)
    if (!this.consumers.leave(consumer)) return false
    this.renewLease()
    return this.#isUnused
  }

  get #isUnused(): boolean {
    return this.autoDelete && this.consumers.count === 0 && !this.isDeleted
  }

  /** Drops everything and tells the consumers. Called by the vhost, which has forgotten the queue already. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = this.isDeleted = true
    this.unackedCount = 0
    this.owner = undefined // remembered routes may know this queue for a while: not its connection as well
    doAll(
      () => this.upkeep?.stop(),
      () => doForEach(this.consumers.all(), (consumer) => this.#cancel(consumer)),
      () => clearWhenThrough(this.#messages, this.#departures),
    )
  }

  #cancel(consumer: Consumer): void {
    this.consumers.remove(consumer)
    consumer.sink.cancelled(consumer)
  }
}
