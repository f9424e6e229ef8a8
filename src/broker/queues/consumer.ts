import type { FieldTable } from '../../../protocol/field-table.ts'
import type { Segment } from '../../../storage/segment.ts'
import type { Queue } from './queue.ts'

/** Credit of a consumer without prefetch limit. */
const UNLIMITED_CREDIT = 0x3fff_ffff

/** A channel of a connection, by their numbers. */
export interface ConsumerOrigin {
  readonly connection: number
  readonly channel: number
}

/** Where a consumer's messages go: a channel of a connection, or a consumer in this process. */
export interface DeliverySink {
  /** False while nothing may be delivered: the connection is not writable, or the channel's shared credit is used up. */
  readonly isOpen: boolean
  /** The channel that it is on; undefined when it runs in this process. */
  readonly origin?: ConsumerOrigin | undefined
  /** The bytes of the message must be read before this returns when the consumer does not acknowledge. */
  deliver(consumer: Consumer, segment: Segment, index: number, isRedelivered: boolean): void
  /** The queue is gone. */
  cancelled(consumer: Consumer): void
}

export interface ConsumerOptions {
  readonly tag: string
  readonly isNoAck: boolean
  readonly isExclusive: boolean
  readonly priority: number
  /** How long a message may be unacked, if not what its queue says; 0 for any time. */
  readonly timeoutMs?: number | undefined
  /** How many messages may be unacked at a time; 0 for no limit. */
  readonly prefetchCount: number
  readonly arguments: FieldTable
}

export class Consumer {
  readonly isConsumer = true
  readonly queue: Queue
  readonly sink: DeliverySink
  readonly tag: string
  readonly isNoAck: boolean
  readonly isExclusive: boolean
  readonly priority: number
  readonly timeoutMs: number | undefined
  readonly prefetchCount: number
  readonly arguments: FieldTable
  isCancelled = false
  /** Messages that were delivered to it. */
  deliveredCount = 0
  /** Deliveries that the prefetch limit still allows: none while it is to make room for another consumer. */
  credit: number
  readonly #creditMax: number
  /** Takes turns with the other consumers of its queue. */
  isInRound = false

  constructor(queue: Queue, sink: DeliverySink, options: ConsumerOptions) {
    this.queue = queue
    this.sink = sink
    this.tag = options.tag
    this.isNoAck = options.isNoAck
    this.isExclusive = options.isExclusive
    this.priority = options.priority
    this.timeoutMs = options.timeoutMs
    this.prefetchCount = options.prefetchCount
    this.arguments = options.arguments
    this.#creditMax = options.prefetchCount === 0 || options.isNoAck ? UNLIMITED_CREDIT : options.prefetchCount
    this.credit = this.#creditMax
  }

  /** It gets nothing more; once all that it has is settled, its credit is above 0 again, and it is woken. */
  quiesce(): void {
    this.credit = 1 - (this.#creditMax - this.credit)
  }

  /** It may get messages again. There is nothing that it has not settled. */
  resume(): void {
    this.credit = this.#creditMax
  }

  /** One of its messages was settled or requeued. */
  returnCredit(): void {
    if (this.credit++ === 0) this.wake()
  }

  /** It may be able to take messages again. */
  wake(): void {
    this.queue.consumers.enter(this)
    this.queue.wake()
  }
}
