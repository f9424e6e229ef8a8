/** What was handed to code in this process and is not settled yet, by delivery tag. */
import type { Segment } from '../../storage/segment.ts'
import { refuse } from '../broker/errors.ts'
import type { Consumer } from '../broker/queues/consumer.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { Settlement } from '../broker/queues/settlement.ts'
import { checkOptions, notA } from '../lib/checks.ts'
import {
  ACK_CHECKS,
  type AckOptions,
  NACK_CHECKS,
  type NackOptions,
  REJECT_CHECKS,
  type RejectOptions,
} from './call-options.ts'
import type { ReceivedMessage } from './received-message.ts'

export interface Delivery {
  readonly tag: number
  readonly queue: Queue
  readonly segment: Segment
  readonly index: number
  /** Undefined for a message that was taken by `get`. */
  readonly consumer: Consumer | undefined
  /** False while it waits for its handler. */
  isSeen: boolean
}

/** A message, or its delivery tag. */
export type Settled = ReceivedMessage | number

/** What one consumer, or `get` on one queue, has: its first open delivery, and the tags of that and of the last. */
export interface OpenSpan {
  readonly first: Delivery
  readonly oldest: number
  newest: number
}

/** From this many open deliveries on, those of deleted queues are looked for. */
const SWEEP_MIN = 1024

export class Deliveries {
  /** In the order of their tags. */
  readonly #open = new Map<number, Delivery>()
  /** Called when something was handed out that is to be settled. */
  whenOpened: (() => void) | undefined
  readonly #nextTag: () => number
  #sweepAt = SWEEP_MIN
  /** Up to here, tags may be unknown because their queue was deleted. */
  #sweptTag = 0

  constructor(nextTag: () => number) {
    this.#nextTag = nextTag
  }

  /** Takes up a tag for a message that needs no settling. */
  skip(): number {
    return this.#nextTag()
  }

  add(queue: Queue, segment: Segment, index: number, consumer: Consumer | undefined): number {
    const tag = this.#nextTag()
    this.#open.set(tag, { tag, queue, segment, index, consumer, isSeen: consumer === undefined })
    if (this.#open.size >= this.#sweepAt) this.#sweep(tag)
    this.whenOpened?.()
    return tag
  }

  /** Whether something is to be settled, of queues that are there. */
  get hasOpen(): boolean {
    for (const { queue } of this.#open.values()) if (!queue.isDeleted) return true
    return false
  }

  /** What is open of queues that are there, by the consumer, or by the queue for what `get` has taken. */
  spans(): Map<Consumer | Queue, OpenSpan> {
    const spans = new Map<Consumer | Queue, OpenSpan>()
    for (const delivery of this.#open.values()) {
      const { tag, queue, consumer } = delivery
      const span = spans.get(consumer ?? queue)
      if (span !== undefined) span.newest = tag
      else if (!queue.isDeleted) spans.set(consumer ?? queue, { first: delivery, oldest: tag, newest: tag })
    }
    return spans
  }

  /** Gives back all that a consumer has. */
  giveBack(consumer: Consumer): void {
    for (const delivery of [...this.#open.values()]) {
      if (delivery.consumer === consumer) this.settle(delivery, 'requeue')
    }
  }

  at(tag: number): Delivery | undefined {
    return this.#open.get(tag)
  }

  /** The handler gets it now. */
  see(tag: number): void {
    const delivery = this.#open.get(tag)
    if (delivery !== undefined) delivery.isSeen = true
  }

  /**
   * What a settling call means: one delivery; with `isMultiple` also those before it that the same consumer, or `get` on
   * the same queue, received. Empty when the queue is gone; throws BrokerError when the tag is not open, or is not one of
   * the queue that is named.
   */
  select(tag: number, isMultiple: boolean, queueName: string | undefined): Delivery[] {
    const delivery = this.#open.get(tag)
    if (delivery === undefined && tag > 0 && tag <= this.#sweptTag) return []
    if (delivery === undefined) throw refuse.unknownDeliveryTag(tag)
    if (queueName !== undefined && delivery.queue.name !== queueName) throw refuse.unknownDeliveryTag(tag)
    return isMultiple ? this.#upTo(delivery) : [delivery]
  }

  /** Everything handed over and not settled, oldest first. */
  seen(): Delivery[] {
    return [...this.#open.values()].filter((delivery) => delivery.isSeen)
  }

  settle(delivery: Delivery, settlement: Settlement): void {
    if (!this.#open.delete(delivery.tag)) return
    const { queue, segment, index } = delivery
    queue.settle(segment, index, settlement)
    if (settlement === 'ack') queue.ackedCount++
    delivery.consumer?.returnCredit()
  }

  /** Here as below: throws like `select`, and TypeError for what is no message, or makes no sense. */
  ack(message: Settled, options: AckOptions): void {
    checkOptions('ack', options, ACK_CHECKS)
    this.#settleAll(message, options.multiple ?? false, 'ack')
  }

  nack(message: Settled, options: NackOptions): void {
    checkOptions('nack', options, NACK_CHECKS)
    this.#settleAll(message, options.multiple ?? false, (options.requeue ?? true) ? 'requeue' : 'reject')
  }

  reject(message: Settled, options: RejectOptions): void {
    checkOptions('reject', options, REJECT_CHECKS)
    this.#settleAll(message, false, (options.requeue ?? true) ? 'requeue-failed' : 'reject')
  }

  /** Gives back everything that was handed over; how many messages came back. */
  recover(): number {
    const seen = this.seen()
    for (const delivery of seen) this.settle(delivery, 'requeue')
    return seen.filter(({ queue }) => !queue.isDeleted).length
  }

  #settleAll(message: Settled, isMultiple: boolean, settlement: Settlement): void {
    for (const delivery of this.select(deliveryTagOf(message), isMultiple, undefined)) this.settle(delivery, settlement)
  }

  #upTo({ tag, queue, consumer }: Delivery): Delivery[] {
    const found: Delivery[] = []
    for (const delivery of this.#open.values()) {
      if (delivery.tag > tag) break
      if (delivery.queue === queue && delivery.consumer === consumer) found.push(delivery)
    }
    return found
  }

  // Messages of deleted queues need no settling, so it may never be done.
  #sweep(lastTag: number): void {
    for (const delivery of this.#open.values()) {
      if (delivery.queue.isDeleted) this.#open.delete(delivery.tag)
    }
    this.#sweptTag = lastTag
    this.#sweepAt = Math.max(SWEEP_MIN, this.#open.size * 2)
  }
}

/** Throws TypeError. */
function deliveryTagOf(message: Settled): number {
  const tag: unknown = typeof message === 'object' ? message?.deliveryTag : message
  if (typeof tag !== 'number') throw notA('a message that was received, or its delivery tag', message, 'the message')
  return tag
}
