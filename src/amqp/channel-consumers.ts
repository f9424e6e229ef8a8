/** The consumers of one channel, the prefetch limits they are under, and whether answers have to leave before deliveries. */
import type { FieldTable } from '../../protocol/field-table.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import { refuse } from '../broker/errors.ts'
import { consumerBytes } from '../broker/memory/topology-bytes.ts'
import type { Message } from '../broker/messages/message.ts'
import { generatedName } from '../broker/names.ts'
import { Consumer } from '../broker/queues/consumer.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { ReplyConsumer, ReplySink } from '../broker/routing/reply-to.ts'
import { doForEach } from '../lib/do-all.ts'
import { AmqpConsumer } from './amqp-consumer.ts'
import type { Channel } from './channel.ts'
import { writeContent } from './delivery.ts'

export interface ConsumeRequest {
  readonly tag: string
  readonly isNoAck: boolean
  readonly isExclusive: boolean
  readonly priority: number
  readonly timeoutMs: number | undefined
  readonly arguments: FieldTable
}

export class ChannelConsumers implements ReplySink {
  /** Prefetch limit of consumers that start from now on; 0 for none. */
  prefetchCount = 0
  /** Messages that were delivered to consumers that acknowledge. */
  deliveredCount = 0
  readonly #channel: Channel
  #byTag = new Map<string, Consumer>()
  #replyConsumer: ReplyConsumer | undefined
  /** Limit shared by all consumers of the channel; 0 for none. */
  #sharedLimit = 0
  #unackedCount = 0
  /** Which of the consumers is to be woken first. */
  #wakeFrom = 0
  /** An answer waits for the disk that has to come before the next delivery. */
  #isHeld = false

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Prefetch limit of all consumers together; 0 for none. */
  get sharedLimit(): number {
    return this.#sharedLimit
  }

  get count(): number {
    return this.#byTag.size
  }

  /** The tag as it will be: the one asked for, or one made here. Throws BrokerError when it is in use. */
  newTag(asked: string): string {
    if (asked !== '' && asked === this.#replyConsumer?.tag) throw refuse.consumerTagReused(asked)
    return this.newReplyTag(asked)
  }

  /** The same for a reply consumer. `addReplyConsumer` refuses a second one. */
  newReplyTag(asked: string): string {
    if (asked === '') return generatedName('amq.ctag-')
    if (this.#byTag.has(asked)) throw refuse.consumerTagReused(asked)
    return asked
  }

  /** `beforeDelivery` is called when the consumer is sure to start, before anything is delivered to it. */
  add(queue: Queue, request: ConsumeRequest, beforeDelivery: () => void): void {
    const { topology, removals } = this.#channel.vhost
    if (this.#sharedLimit !== 0 && queue.type === 'quorum') throw refuse.globalQos('queue', queue.name, queue.vhostName)
    const sink = new AmqpConsumer(this.#channel, request.tag)
    const consumer = new Consumer(queue, sink, { ...request, prefetchCount: this.prefetchCount })
    if (!consumer.isNoAck) sink.acknowledging = consumer
    const bytes = consumerBytes(consumer)
    removals.checkRoom(this.#channel.session, {
      ofAll: () => {
        this.#channel.connection.channels.checkConsumer(this.#byTag.size)
        if (topology.hasRoomFor(bytes)) return
        throw refuse.topologyFull('consume from', 'queue', queue.name, queue.vhostName)
      },
    })
    queue.addConsumer(consumer)
    if (consumer.timeoutMs !== undefined) this.#channel.vhost.hasConsumerTimeouts = true
    this.#byTag.set(request.tag, consumer)
    topology.add(bytes)
    this.#channel.connection.channels.countConsumers(1)
    beforeDelivery()
    this.holdBehindAnswers()
  }

  addReplyConsumer(tag: string, beforeDelivery: () => void): void {
    if (this.#replyConsumer !== undefined) throw refuse.replyConsumerExists()
    this.#replyConsumer = this.#channel.vhost.replyConsumers.add(tag, this)
    this.#channel.publisher.replyConsumer = this.#replyConsumer
    beforeDelivery()
    this.holdBehindAnswers()
  }

  cancel(tag: string): void {
    if (this.#replyConsumer?.tag === tag) this.#removeReplyConsumer()
    const consumer = this.#byTag.get(tag)
    if (consumer === undefined) return
    this.#detach(consumer)
    this.#forget(consumer)
  }

  cancelledByQueue(consumer: Consumer): void {
    this.#forget(consumer)
    const channel = this.#channel
    const { connection, id } = channel
    if (!connection.clientCapabilities.consumerCancelNotify) return
    connection.input.after(() => {
      if (!channel.isClosing) connection.send(id, 'basic.cancel', { consumerTag: consumer.tag, nowait: true })
    })
  }

  all(): Iterable<Consumer> {
    return [...this.#byTag.values()]
  }

  /** Ends a consumer because of the broker, and tells the client. False when it has ended already. */
  revoke(consumer: Consumer): boolean {
    if (this.#byTag.get(consumer.tag) !== consumer) return false
    this.#detach(consumer)
    this.cancelledByQueue(consumer)
    return true
  }

  /** What the channel has just answered leaves before its next delivery. If the answer waits for the disk, deliveries wait, too. */
  holdBehindAnswers(): void {
    const { connection, id } = this.#channel
    if (connection.answers.keepBeforeDeliveries(id)) this.hold(true)
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#checkLimit()
  }

  /** basic.qos with the global bit: one limit for all consumers of the channel. */
  limitAll(count: number): void {
    this.#sharedLimit = count
    this.#checkLimit()
  }

  countDelivered(): void {
    this.deliveredCount++
    this.#unackedCount++
    if (this.#sharedLimit !== 0) this.#checkLimit()
  }

  countSettled(): void {
    this.#unackedCount--
    if (this.#sharedLimit !== 0) this.#checkLimit()
  }

  /** Lets the queues look again whether they can deliver. The first one may use up a shared limit, so each time it is another. */
  wake(): void {
    let position = 0
    for (const consumer of this.#byTag.values()) if (position++ >= this.#wakeFrom) consumer.wake()
    for (const consumer of this.#byTag.values()) consumer.wake()
    this.#wakeFrom = this.#wakeFrom + 1 < this.#byTag.size ? this.#wakeFrom + 1 : 0
  }

  /** Replies are delivered at most once: a requester that does not read them loses them. */
  deliverReply(consumer: ReplyConsumer, message: Message): void {
    const channel = this.#channel
    const target = this.#isHeld ? channel.answering : channel.target
    if (target.outbox.isBlocked || consumer !== this.#replyConsumer) return
    const method = {
      consumerTag: consumer.tag,
      deliveryTag: channel.unacked.skip(),
      redelivered: false,
      exchange: '',
      routingKey: message.routingKey,
    }
    target.outbox.write(encodeMethodFrame(channel.id, 'basic.deliver', method))
    const { head, headerStart, headerEnd, body, bodyStart, bodyEnd } = message
    writeContent(target, head, headerStart, headerEnd, body, bodyStart, bodyEnd)
  }

  /** The channel takes nothing more: has all of them leave their queues, and puts them behind `left`. `removeLeft` is to follow. */
  close(left: Consumer[]): void {
    this.#removeReplyConsumer()
    const { vhost, unacked, connection } = this.#channel
    connection.channels.countConsumers(-this.#byTag.size)
    // One pass: there may be very many, which are nowhere near the processor.
    const consumers = this.#byTag
    this.#byTag = new Map()
    doForEach(consumers.values(), (consumer) => {
      const { queue } = consumer
      left.push(consumer)
      unacked.counted?.forget(consumer)
      if (queue.isDeleted) return
      try {
        queue.catchUp()
      } finally {
        if (queue.leave(consumer)) vhost.forgetQueue(queue)
      }
    })
  }

  #checkLimit(): void {
    const isBelowLimit = this.#sharedLimit === 0 || this.#unackedCount < this.#sharedLimit
    const takesDeliveries = isBelowLimit && !this.#isHeld
    if (this.#channel.takesDeliveries === takesDeliveries) return
    this.#channel.takesDeliveries = takesDeliveries
    if (takesDeliveries) this.wake()
  }

  #forget(consumer: Consumer): void {
    if (this.#byTag.get(consumer.tag) !== consumer) return
    this.#byTag.delete(consumer.tag)
    this.#channel.unacked.counted?.forget(consumer)
    this.#channel.connection.channels.countConsumers(-1)
    this.#channel.vhost.topology.remove(consumerBytes(consumer))
  }

  /** Before it is forgotten: its queue delivers once more, for which it may have to wait. */
  #detach(consumer: Consumer): void {
    const { queue } = consumer
    if (queue.removeConsumer(consumer)) this.#channel.vhost.removeQueue(queue)
  }

  #removeReplyConsumer(): void {
    if (this.#replyConsumer === undefined) return
    this.#channel.vhost.replyConsumers.remove(this.#replyConsumer)
    this.#channel.publisher.replyConsumer = undefined
    this.#replyConsumer = undefined
  }
}
