/** A queue: its messages, its consumers, and what was delivered and is not settled yet. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { Segment } from '../../../storage/segment.ts'
import { refuse } from '../errors.ts'
import type { Message } from '../messages/message.ts'
import type { DeliveryScheduler } from '../scheduling/delivery-scheduler.ts'
import type { Session } from '../session.ts'
import type { Consumer } from './consumer.ts'
import { type QueueSettings, queueSettings } from './queue-arguments.ts'
import { QueueConsumers } from './queue-consumers.ts'

/** Before it is looked at, a queue delivers so many messages between two looks at the clock. */
const CATCH_UP_MESSAGES = 256

export interface QueueSpec {
  readonly name: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
  /** The session that an exclusive queue belongs to. */
  readonly owner: Session | undefined
}

/** Decides whether a queue takes a message. */
export interface Admission {
  admits(message: Message): boolean
}

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
  /** Asked about each message, where the queue does not take all of them. */
  admission: Admission | undefined
  readonly consumers = new QueueConsumers()
  unackedCount = 0
  publishedCount = 0
  deliveredCount = 0
  isDeleted = false
  #isScheduled = false
  readonly #wake = (): void => this.wake()
  #isCancelling = false
  /** What gives back the rest of messages that come back turn by turn. */
  #returning: Set<() => void> | undefined
  readonly #log: QueueLog
  readonly #scheduler: DeliveryScheduler

  constructor(vhostName: string, spec: QueueSpec, log: QueueLog, scheduler: DeliveryScheduler) {
    this.name = spec.name
    this.vhostName = vhostName
    this.durable = spec.durable
    this.autoDelete = spec.autoDelete
    this.arguments = spec.arguments
    this.settings = queueSettings(spec.arguments)
    this.owner = spec.owner
    this.#log = log
    this.#scheduler = scheduler
  }

  get readyCount(): number {
    return this.#log.readyCount
  }

  /** Puts a message, whose properties are well-formed, behind the others; false when the queue refuses it. */
  publish(message: Message): boolean {
    if (this.admission !== undefined && !this.admission.admits(message)) return false
    this.#log.append(message)
    this.publishedCount++
    if (this.consumers.count > 0) this.wake()
    return true
  }

  /** Goes on by these settings. */
  applySettings(settings: QueueSettings): void {
    this.settings = settings
  }

  /** Has the queue deliver in this or the next turn. */
  wake(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#scheduler.add(this)
  }

  /** Delivers up to `limit` ready messages to consumers that can take them; how many. */
  deliver(limit: number): number {
    this.#isScheduled = false
    return this.#returning === undefined ? this.#deliver(limit) : 0
  }

  /**
   * Delivers now what is to be delivered in this turn: before the queue is looked at or changed. Consumers that take any
   * number of messages get as many as the time allows. RabbitMQ stops, too: once a channel has 200 that it has not sent.
   */
  catchUp(): void {
    if (this.#returning !== undefined) for (const finish of [...this.#returning]) finish()
    if (!this.#isScheduled) return
    const turn = this.#scheduler.beginCatchUp()
    while (this.#deliver(CATCH_UP_MESSAGES) === CATCH_UP_MESSAGES && !turn.spend(CATCH_UP_MESSAGES)) {
      // the next ones
    }
  }

  #deliver(limit: number): number {
    const log = this.#log
    const consumers = this.consumers
    let left = limit
    for (; log.readyCount > 0 && (!log.isKept || log.isReadable(this.#wake)); left--) {
      if (left === 0) {
        this.wake()
        break
      }
      const consumer = consumers.next()
      if (consumer === undefined) break
      log.take()
      const segment = log.segment as Segment
      const { index } = log
      this.deliveredCount++
      if (consumer.isNoAck) {
        consumer.sink.deliver(consumer, segment, index, log.isRedelivered)
        log.settle(segment, index)
      } else {
        this.unackedCount++
        if (consumer.prefetchCount !== 0) consumer.credit--
        consumer.sink.deliver(consumer, segment, index, log.isRedelivered)
      }
    }
    return limit - left
  }

  /**
   * Takes one message for basic.get: read it before calling anything else of the queue. With `isNoAck` it is settled
   * when `read` returns, otherwise the reader settles or requeues it later. False when no message is ready.
   */
  get(isNoAck: boolean, read: (segment: Segment, index: number, isRedelivered: boolean) => void): boolean {
    const log = this.#log
    if (log.readyCount === 0) return false
    log.makeReadable()
    // What had to be read back may have turned out to be damaged.
    if (log.readyCount === 0) return false
    log.take()
    const segment = log.segment as Segment
    const { index } = log
    this.deliveredCount++
    if (!isNoAck) this.unackedCount++
    read(segment, index, log.isRedelivered)
    if (isNoAck) log.settle(segment, index)
    return true
  }

  /** An unacked message is done with. */
  settle(segment: Segment, index: number): void {
    if (this.isDeleted) return
    this.unackedCount--
    this.#log.settle(segment, index)
  }

  /** An unacked message becomes ready again in its old place. */
  requeue(segment: Segment, index: number): void {
    if (this.isDeleted) return
    this.unackedCount--
    this.#log.requeue(segment, index)
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
    return this.#log.purge()
  }

  addConsumer(consumer: Consumer): void {
    const { consumers } = this
    if (consumers.hasExclusive || (consumer.isExclusive && consumers.count > 0)) {
      throw refuse.exclusiveUse('queue', this.name, this.vhostName)
    }
    consumers.add(consumer)
    if (this.readyCount > 0) this.wake()
  }

  /** Returns true when this was the last consumer of an auto-delete queue, which is to be deleted now. */
  removeConsumer(consumer: Consumer): boolean {
    this.catchUp()
    if (!this.consumers.remove(consumer)) return false
    return this.autoDelete && this.consumers.count === 0 && !this.isDeleted
  }

  /** Drops everything and tells the consumers. Called by the vhost, which has forgotten the queue already. */
  close(): void {
    if (this.#isCancelling) return
    this.#isCancelling = true
    this.isDeleted = true
    for (const consumer of this.consumers.all()) {
      this.consumers.remove(consumer)
      consumer.sink.cancelled(consumer)
    }
    this.#log.clear()
    this.unackedCount = 0
    this.owner = undefined // remembered routes may know this queue for a while: not its connection as well
  }
}
