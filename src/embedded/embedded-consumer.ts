/**
 * A consumer in this process. What the queue delivers is copied and waits; the handler is called when the call that
 * delivered it is over, so that it may publish, settle, declare and delete as it likes. No more than the prefetch count
 * of messages waits or is unsettled at a time.
 */
import type { Segment } from '../../storage/segment.ts'
import { Consumer, type ConsumerOptions, type DeliverySink } from '../broker/queues/consumer.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { Settlement } from '../broker/queues/settlement.ts'
import type { Deliveries } from './deliveries.ts'
import { type ReceivedMessage, readMessage } from './received-message.ts'

/** Calls of the handler in one turn of the event loop. */
const TURN_MESSAGES = 256

/** May be async; a promise is not waited for before the next message comes. */
export type MessageHandler = (message: ReceivedMessage) => void | Promise<void>

export interface EmbeddedConsumerOptions extends ConsumerOptions {
  /** Messages are settled as they are handed over. */
  readonly isAutoSettled: boolean
  readonly handler: MessageHandler
  /** The handler failed. */
  readonly onError: (error: unknown, message: ReceivedMessage) => void
  /** The queue is gone, or the consumer took too long. */
  readonly onCancelled: () => void
  /** One of the two above failed. */
  readonly onDefect: (error: unknown) => void
}

export class EmbeddedConsumer implements DeliverySink {
  readonly consumer: Consumer
  readonly isAutoSettled: boolean
  isActive = true
  readonly #options: EmbeddedConsumerOptions
  readonly #deliveries: Deliveries
  #waiting: ReceivedMessage[] = []
  #isTurnDue = false

  constructor(queue: Queue, deliveries: Deliveries, options: EmbeddedConsumerOptions) {
    this.consumer = new Consumer(queue, this, options)
    this.isAutoSettled = options.isAutoSettled
    this.#options = options
    this.#deliveries = deliveries
  }

  get isOpen(): boolean {
    return this.isActive
  }

  deliver(consumer: Consumer, segment: Segment, index: number, redelivered: boolean): void {
    consumer.deliveredCount++
    const { queue } = consumer
    const deliveryTag = this.#deliveries.add(queue, segment, index, consumer)
    this.#waiting.push(readMessage(segment, index, { queue: queue.name, deliveryTag, redelivered }))
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    queueMicrotask(this.#turn)
  }

  /** The queue is gone, and with it what waits here. */
  cancelled(): void {
    this.#stop('reject')
    queueMicrotask(() => this.#call(this.#options.onCancelled))
  }

  /** Ends the consumer, which took too long: all that it has goes back to the queue. True when the queue has to go too. */
  timeOut(): boolean {
    const isLast = this.cancel()
    this.#deliveries.giveBack(this.consumer)
    queueMicrotask(() => this.#call(this.#options.onCancelled))
    return isLast
  }

  /** Ends the consumer: what its handler has not seen yet goes back to the queue. True when the queue has to go too. */
  cancel(): boolean {
    if (!this.isActive) return false
    const { consumer } = this
    const isLast = consumer.queue.removeConsumer(consumer)
    this.#stop('requeue')
    return isLast
  }

  #stop(settlement: Settlement): void {
    this.isActive = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const { deliveryTag } of waiting) this.#settle(deliveryTag, settlement)
  }

  readonly #turn = (): void => {
    this.#isTurnDue = false
    for (const message of this.#waiting.splice(0, TURN_MESSAGES)) {
      try {
        // A handler that cancels its own consumer gets nothing more: the rest goes back.
        if (this.isActive) this.#hand(message)
        else this.#settle(message.deliveryTag, 'requeue')
      } catch (error) {
        this.#options.onDefect(error)
      }
    }
    if (this.#waiting.length === 0 || this.#isTurnDue) return
    this.#isTurnDue = true
    setImmediate(this.#turn)
  }

  #hand(message: ReceivedMessage): void {
    if (this.isAutoSettled) this.#settle(message.deliveryTag, 'ack')
    else this.#deliveries.see(message.deliveryTag)
    const { handler, onError } = this.#options
    const failed = (error: unknown): void => this.#call(() => onError(error, message))
    try {
      const result = handler(message)
      if (result !== undefined) Promise.resolve(result).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  /** The caller's functions may be async, whatever their type says. */
  #call(work: () => unknown): void {
    const { onDefect } = this.#options
    try {
      const result = work()
      if (result !== undefined) Promise.resolve(result).catch(onDefect)
    } catch (error) {
      onDefect(error)
    }
  }

  #settle(tag: number, settlement: Settlement): void {
    const delivery = this.#deliveries.at(tag)
    if (delivery !== undefined) this.#deliveries.settle(delivery, settlement)
  }
}
