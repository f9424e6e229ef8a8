/**
 * Delivers the messages of a queue to its consumers: in turn with other queues, or at once before something looks at the queue or
 * changes it. While messages come back turn by turn, it delivers nothing, so that the order stays what it was.
 */
import type { Segment } from '../../../storage/segment.ts'
import type { DeliveryScheduler } from '../scheduling/delivery-scheduler.ts'
import type { QueueMessages } from './queue-messages.ts'

/** Before it is looked at, a queue delivers so many messages between two looks at the clock. */
const CATCH_UP_MESSAGES = 256
/** A queue that delivers fewer messages at once delivers little. */
const LITTLE_MESSAGES = 16

/** What may have to be dropped before it is delivered. */
export interface DeliveryRules {
  /** Messages are being dropped that must not be delivered. */
  readonly isDropping: boolean
  /** Whether the next ready message, which is in memory, must not be delivered. */
  readonly isHeadDue: boolean
  beginDelivery(): void
  /** Drops what is due; false when that takes longer. */
  dropDue(): boolean
  /** Another message is the next one. */
  headChanged(): void
}

/** A consumer that can take a message. */
interface DueConsumer {
  readonly isNoAck: boolean
  credit: number
  readonly sink: { deliver(consumer: DueConsumer, segment: Segment, index: number, isRedelivered: boolean): void }
}

/** The queue, as far as its deliveries are concerned. */
export interface DeliveringQueue {
  readonly consumers: { next(): DueConsumer | undefined }
  readonly upkeep: DeliveryRules | undefined
  readonly isPaused: boolean
  unackedCount: number
  deliveredCount: number
  deliveredNoAckCount: number
  redeliveredCount: number
}

export class QueueDelivery {
  readonly #queue: DeliveringQueue
  readonly #messages: QueueMessages
  readonly #scheduler: DeliveryScheduler
  #isScheduled = false
  /** It delivered little the last time. */
  isShort = true
  /** What gives back the rest of messages that come back turn by turn. */
  #returning: Set<() => void> | undefined

  constructor(queue: DeliveringQueue, messages: QueueMessages, scheduler: DeliveryScheduler) {
    this.#queue = queue
    this.#messages = messages
    this.#scheduler = scheduler
  }

  /** Has the queue deliver in this or the next turn. */
  wake(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#scheduler.add(this)
  }

  readonly #wake = (): void => this.wake()

  /** Delivers up to `limit` ready messages to consumers that can take them; how many. */
  deliver(limit: number): number {
    this.#isScheduled = false
    this.#queue.upkeep?.beginDelivery()
    const count = this.#deliver(limit)
    this.isShort = count < LITTLE_MESSAGES
    return count
  }

  /**
   * Delivers now what is to be delivered in this turn. Consumers that take any number of messages get as many as the time allows.
   * RabbitMQ stops, too: once a channel has 200 that it has not sent.
   */
  catchUp(): void {
    if (this.#returning !== undefined) for (const finish of [...this.#returning]) finish()
    this.#queue.upkeep?.beginDelivery()
    this.deliverNow()
  }

  /** Delivers what consumers can take, for as long as the time allows. */
  deliverNow(): void {
    if (!this.#isScheduled) return
    const turn = this.#scheduler.beginCatchUp()
    while (this.#deliver(CATCH_UP_MESSAGES) === CATCH_UP_MESSAGES && !turn.spend(CATCH_UP_MESSAGES)) {
      // the next ones
    }
  }

  #deliver(limit: number): number {
    const queue = this.#queue
    const { upkeep, consumers } = queue
    if (queue.isPaused || this.#returning !== undefined || upkeep?.isDropping === true) return 0
    const messages = this.#messages
    let left = limit
    let ackCount = 0
    let noAckCount = 0
    for (; messages.readyCount > 0 && (!messages.isRecorded || messages.isReadable(this.#wake)); left--) {
      if (left === 0) {
        this.isShort = false
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
      const { isRedelivered } = messages
      if (isRedelivered) queue.redeliveredCount++
      if (consumer.isNoAck) {
        noAckCount++
        consumer.sink.deliver(consumer, segment, index, isRedelivered)
        messages.finish(segment, index)
      } else {
        ackCount++
        queue.unackedCount++
        consumer.credit--
        consumer.sink.deliver(consumer, segment, index, isRedelivered)
      }
    }
    queue.deliveredCount += ackCount + noAckCount
    queue.deliveredNoAckCount += noAckCount
    if (left < limit) upkeep?.headChanged()
    return limit - left
  }

  /** Messages come back turn by turn, until `returned` is called with the same; `finish` has them come back at once. */
  expectReturns(finish: () => void): void {
    this.#returning ??= new Set()
    this.#returning.add(finish)
  }

  returned(finish: () => void): void {
    if (this.#returning?.delete(finish) !== true || this.#returning.size > 0) return
    this.#returning = undefined
    this.wake()
  }
}
