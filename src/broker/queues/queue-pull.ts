/** Messages that are not delivered to a consumer, but asked for: one at a time, by basic.get and by what moves messages. */
import type { Segment } from '../../../storage/segment.ts'
import type { QueueMessages } from './queue-messages.ts'

/** What may have to be dropped before the next message is there. */
export interface PullRules {
  /** Drops what is due; false when that takes longer. */
  dropDue(): boolean
  /** Calls back when the queue drops nothing any more. */
  whenDropped(work: () => void): void
  /** Another message is the next one. */
  headChanged(): void
}

/** The queue, as far as it is asked for messages. */
export interface PulledQueue {
  readonly isPaused: boolean
  readonly upkeep: PullRules | undefined
  unackedCount: number
  deliveredCount: number
  gotCount: number
  gotNoAckCount: number
  gotEmptyCount: number
  redeliveredCount: number
  renewLease(): void
  settle(segment: Segment, index: number, settlement: 'ack' | 'requeue'): void
}

export class QueuePull {
  readonly #queue: PulledQueue
  readonly #messages: QueueMessages

  constructor(queue: PulledQueue, messages: QueueMessages) {
    this.#queue = queue
    this.#messages = messages
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
    const queue = this.#queue
    const state = queue.isPaused ? 'empty' : this.findNext(whenReadable)
    if (state === 'empty') queue.gotEmptyCount++
    if (state !== 'found') return state
    this.takeFound(isNoAck, read)
    queue.deliveredCount++
    queue.gotCount++
    if (isNoAck) queue.gotNoAckCount++
    if (this.#messages.isRedelivered) queue.redeliveredCount++
    return 'taken'
  }

  /** Finds the next ready message, which stays where it is and in memory until the queue is used again. */
  findNext(whenReadable: () => void): 'found' | 'empty' | 'unread' {
    const messages = this.#messages
    const { upkeep } = this.#queue
    this.#queue.renewLease()
    if (upkeep?.dropDue() === false) {
      upkeep.whenDropped(whenReadable)
      return 'unread'
    }
    if (messages.readyCount === 0) return 'empty'
    return messages.isReadable(whenReadable) ? 'found' : 'unread'
  }

  /** Takes what `findNext` has found. */
  takeFound(isNoAck: boolean, read: (segment: Segment, index: number, isRedelivered: boolean) => void): void {
    const messages = this.#messages
    const queue = this.#queue
    messages.take(true)
    const segment = messages.segment as Segment
    const { index, isRedelivered } = messages
    queue.unackedCount++
    // RabbitMQ: the messages that are told to be left are those that have not expired.
    queue.upkeep?.dropDue()
    try {
      read(segment, index, isRedelivered)
    } catch (error) {
      queue.settle(segment, index, 'requeue')
      throw error
    }
    if (isNoAck) queue.settle(segment, index, 'ack')
    queue.upkeep?.headChanged()
  }
}
