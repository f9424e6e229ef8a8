/** Messages into and out of one virtual host, for code in the same process: what `EmbeddedBroker` says of them. */
import type { Permission } from '../broker/authorizer.ts'
import { refuse } from '../broker/errors.ts'
import { moveMessages } from '../broker/publishing/message-move.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { Session } from '../broker/session.ts'
import { checkOptions } from '../lib/checks.ts'
import {
  GET_CHECKS,
  type GetOptions,
  MOVE_CHECKS,
  type MoveOptions,
  PEEK_CHECKS,
  type PeekOptions,
} from './call-options.ts'
import type { ConsumeOptions, InProcessConsumer } from './consume-options.ts'
import { Deliveries } from './deliveries.ts'
import { DeliveryTimeouts } from './delivery-timeouts.ts'
import { durable } from './durable.ts'
import type { MessageHandler } from './embedded-consumer.ts'
import { EmbeddedConsumers } from './embedded-consumers.ts'
import { EmbeddedPublisher } from './embedded-publisher.ts'
import type { EmbeddedVhosts } from './embedded-vhosts.ts'
import type { LiveVhost } from './live-vhost.ts'
import { type AddressedMessage, encodeAddressed, type OutgoingMessage } from './outgoing-message.ts'
import type { PeekedMessage, ReceivedMessage } from './received-message.ts'
import { type DiskWaits, peekMessages, takeMessage } from './take-message.ts'

/** Finds a queue for a use: to be read from, when nothing is said. Throws BrokerError. */
export type AccessQueue = (name: string, permission?: Permission) => Queue

export interface PublishResult {
  /** Whether the message was put into at least one queue. */
  readonly routed: boolean
}

export class EmbeddedMessages {
  readonly deliveries: Deliveries
  readonly #live: LiveVhost
  readonly #publisher: EmbeddedPublisher
  readonly #diskWaits: DiskWaits
  readonly #accessQueue: AccessQueue
  readonly #consumers: EmbeddedConsumers

  constructor(live: LiveVhost, vhosts: EmbeddedVhosts, session: Session, accessQueue: AccessQueue) {
    const { context } = vhosts
    const vhost = live.require()
    const { core, logger, maxMessageSizeBytes, clock } = context
    this.#live = live
    this.#diskWaits = vhosts.diskWaits
    this.#accessQueue = accessQueue
    this.deliveries = new Deliveries(vhosts.nextTag)
    this.#publisher = new EmbeddedPublisher(vhost, core, session, maxMessageSizeBytes)
    const consumers = new EmbeddedConsumers(vhost, this.deliveries, logger)
    this.#consumers = consumers
    const tools = {
      clock,
      vhost,
      // It may change.
      get consumerTimeoutMs() {
        return context.consumerTimeoutMs
      },
    }
    const timeouts = new DeliveryTimeouts(this.deliveries, tools, (consumer, timeoutMs) =>
      consumers.timeOut(consumer, timeoutMs),
    )
    this.deliveries.whenOpened = () => timeouts.expectLook()
  }

  /** For messages that come in. */
  get publisher(): EmbeddedPublisher {
    this.#live.require()
    return this.#publisher
  }

  /** What was handed out and can be settled. */
  get handedOut(): Deliveries {
    this.#live.require()
    return this.deliveries
  }

  publish(exchange: string, routingKey: string, message: OutgoingMessage): PublishResult {
    return { routed: this.publisher.publish(exchange, routingKey, message) }
  }

  publishBatch(messages: Iterable<AddressedMessage>): PublishResult[] {
    const { publisher } = this
    const publications = Array.from(messages, (message) => publisher.prepare(encodeAddressed(message)))
    this.#live.startTime() // the caller's code may have made the messages one by one
    const outcomes = publications.map((publication) => publisher.publishPrepared(publication))
    if (outcomes.includes('refused')) throw refuse.partialTransaction()
    return outcomes.map((outcome) => ({ routed: outcome === 'routed' }))
  }

  async get(queueName: string, options: GetOptions): Promise<ReceivedMessage | undefined> {
    checkOptions('get', options, GET_CHECKS)
    const find = (): Queue => this.#accessQueue(queueName)
    return await takeMessage(find, options.noAck ?? false, this.deliveries, this.#diskWaits)
  }

  async peek(queueName: string, options: PeekOptions): Promise<PeekedMessage[]> {
    checkOptions('peek', options, PEEK_CHECKS)
    return await peekMessages(this.#accessQueue(queueName), options, this.#diskWaits)
  }

  async move(from: string, to: string, options: MoveOptions): Promise<number> {
    checkOptions('moveMessages', options, MOVE_CHECKS)
    const source = this.#accessQueue(from)
    const target = this.#accessQueue(to, 'write')
    if (source === target) throw new RangeError('the messages of a queue are moved to another one')
    const { longWork, journal } = this.#live.require()
    let moved = 0
    await this.#diskWaits.until((whenMoved) => {
      moveMessages(source, target, options.count ?? source.readyCount, { longWork, journal }, (count) => {
        moved = count
        whenMoved()
      })
    })
    await durable(journal)
    return moved
  }

  consume(queueName: string, handler: MessageHandler, options: ConsumeOptions): InProcessConsumer {
    return this.#consumers.start(() => this.#accessQueue(queueName), handler, options)
  }
}
