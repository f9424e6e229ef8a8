import { deliverPrefix } from '../../protocol/basic-fast-path.ts'
import type { Segment } from '../../storage/segment.ts'
import type { UnackedBytes } from '../broker/clients/unacked-bytes.ts'
import type { Consumer, ConsumerOrigin, DeliverySink } from '../broker/queues/consumer.ts'
import { Block } from '../lib/block.ts'
import type { Channel } from './channel.ts'
import { writeCountedDelivery, writeDelivery } from './delivery.ts'

/** A consumer of a channel: what the queue delivers becomes basic.deliver. */
export class AmqpConsumer implements DeliverySink {
  readonly #channel: Channel
  readonly #prefix: Block
  /** The consumer itself, if it has to acknowledge what it gets. */
  acknowledging: Consumer | undefined

  constructor(channel: Channel, tag: string) {
    this.#channel = channel
    this.#prefix = new Block(deliverPrefix(channel.id, Buffer.from(tag)))
  }

  get isOpen(): boolean {
    const { takesDeliveries, isClosing, target, unacked } = this.#channel
    if (!takesDeliveries || isClosing || target.outbox.isBlocked) return false
    return unacked.counted === undefined || this.#hasRoom(unacked.counted)
  }

  /** Whether no limit on unacked bytes is reached; otherwise it waits, and is woken. */
  #hasRoom({ full }: UnackedBytes): boolean {
    const consumer = this.acknowledging
    if (full === undefined || consumer === undefined) return true
    if (full.wait(consumer)) this.#channel.connection.log.deliveriesWait(full)
    return false
  }

  get origin(): ConsumerOrigin {
    return { connection: this.#channel.connection.id, channel: this.#channel.id }
  }

  deliver(consumer: Consumer, segment: Segment, index: number, isRedelivered: boolean): void {
    consumer.deliveredCount++
    const channel = this.#channel
    const tag = consumer.isNoAck ? channel.unacked.skip() : channel.unacked.add(consumer, segment, index)
    if (isRedelivered) this.#deliverAgain(consumer, tag, segment, index)
    else writeDelivery(channel.target, this.#prefix, tag, false, segment, index)
    if (!consumer.isNoAck) channel.consumers.countDelivered()
  }

  #deliverAgain({ queue }: Consumer, tag: number, segment: Segment, index: number): void {
    const { target, counts } = this.#channel
    counts.redelivered++
    if (queue.countsDeliveries) writeCountedDelivery(target, this.#prefix, tag, segment, index)
    else writeDelivery(target, this.#prefix, tag, true, segment, index)
  }

  cancelled(consumer: Consumer): void {
    this.#channel.consumerCancelled(consumer)
  }
}
