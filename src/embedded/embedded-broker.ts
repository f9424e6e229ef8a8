/**
 * The broker for code in the same process: one virtual host, without a connection in between. It stands beside the AMQP
 * channels, over the same queues and with the same refusals.
 */
import type { PlainTable } from '../../protocol/field-table-plain.ts'
import type { AuthorizedUser } from '../broker/authorizer.ts'
import type { ConsumerOrigin } from '../broker/queues/consumer.ts'
import { FULL_ACCESS, Session } from '../broker/session.ts'
import { type BrokerStats, brokerStats } from '../broker/statistics/broker-stats.ts'
import type { Vhost } from '../broker/vhost.ts'
import type {
  AckOptions,
  DeleteExchangeOptions,
  DeleteQueueOptions,
  GetOptions,
  MoveOptions,
  NackOptions,
  PeekOptions,
  RejectOptions,
} from './call-options.ts'
import type { ConsumeOptions, InProcessConsumer } from './consume-options.ts'
import type { ExchangeOptions, QueueOptions } from './declarations.ts'
import type { Settled } from './deliveries.ts'
import type { MessageHandler } from './embedded-consumer.ts'
import { EmbeddedInventory } from './embedded-inventory.ts'
import { EmbeddedVhostLimits } from './embedded-limits.ts'
import { EmbeddedMessages, type PublishResult } from './embedded-messages.ts'
import { EmbeddedPermissions } from './embedded-permissions.ts'
import { EmbeddedPolicies } from './embedded-policies.ts'
import { EmbeddedTopology } from './embedded-topology.ts'
import type { EmbeddedVhosts } from './embedded-vhosts.ts'
import type { ConsumerInfo, ExchangeInfo, QueueInfo } from './entities.ts'
import { LiveVhost } from './live-vhost.ts'
import type { MessageProperties } from './message-properties.ts'
import type { AddressedMessage } from './outgoing-message.ts'
import type { PeekedMessage, ReceivedMessage } from './received-message.ts'
import { Transactions } from './transactions.ts'
import type { DefaultQueueType, VhostInfo, VhostOptions } from './vhost-options.ts'

/** Code in this process is trusted: it may publish in any user's name. */
export const IN_PROCESS_USER: AuthorizedUser = { name: '', tags: ['impersonator'] }

export class EmbeddedBroker {
  /** All-or-nothing groups of publishes and settlements in this virtual host. */
  readonly transactions: Transactions
  /** What queues and exchanges of this virtual host do besides what their arguments say. */
  readonly policies: EmbeddedPolicies
  /** Limits that count beside those of policies: of both, the lower. */
  readonly operatorPolicies: EmbeddedPolicies
  /** What users may do in this virtual host. */
  readonly permissions: EmbeddedPermissions
  /** How many connections and queues this virtual host may have. */
  readonly limits: EmbeddedVhostLimits
  /** What there is in this virtual host, one by one. */
  readonly inventory: EmbeddedInventory
  readonly #live: LiveVhost
  readonly #vhosts: EmbeddedVhosts
  readonly #topology: EmbeddedTopology
  readonly #messages: EmbeddedMessages

  /** Servers make it: see `Server.broker` and `EmbeddedBroker.vhost`. Without a session it may do everything. */
  constructor(vhost: Vhost, vhosts: EmbeddedVhosts, session = new Session(IN_PROCESS_USER, vhost.name, FULL_ACCESS)) {
    const live = new LiveVhost(vhost, vhosts.context)
    const topology = new EmbeddedTopology(live.require, session)
    const messages = new EmbeddedMessages(live, vhosts, session, topology.accessQueue)
    this.#live = live
    this.#vhosts = vhosts
    this.#topology = topology
    this.#messages = messages
    this.policies = new EmbeddedPolicies('policy', live.require)
    this.operatorPolicies = new EmbeddedPolicies('operator policy', live.require)
    this.permissions = new EmbeddedPermissions(vhosts.context, live.require)
    this.limits = new EmbeddedVhostLimits(live.require)
    this.inventory = new EmbeddedInventory(live.require)
    this.transactions = new Transactions({
      publisher: () => messages.publisher,
      deliveries: messages.deliveries,
      whenDurable: () => live.whenDurable(),
      requireRunning: () => live.startTime(),
    })
  }

  /** The name of the virtual host. */
  get name(): string {
    return this.#live.name
  }

  // --- exchanges, queues and bindings

  /**
   * Declares an exchange of type `direct`, `fanout`, `topic` or `headers`. Throws BrokerError: `precondition-failed` for
   * an unknown type or when it exists with other settings, `access-refused` for names that start with `amq.`.
   */
  declareExchange(name: string, type: string, options: ExchangeOptions = {}): ExchangeInfo {
    return this.#topology.declareExchange(name, type, options)
  }

  /** Deleting what is not there is no error. Throws BrokerError: `precondition-failed` when `ifUnused` is not met. */
  deleteExchange(name: string, options: DeleteExchangeOptions = {}): void {
    this.#topology.deleteExchange(name, options)
  }

  /**
   * Declares a queue; with an empty name one with a name of its own. An exclusive queue can be used by this
   * object alone. Throws BrokerError: `precondition-failed` when it exists with other settings or an argument makes no
   * sense, `resource-locked` when it is exclusive to a connection, `access-refused` for names that start with `amq.`.
   */
  declareQueue(name = '', options: QueueOptions = {}): QueueInfo {
    return this.#topology.declareQueue(name, options)
  }

  /**
   * Deletes a queue; how many ready messages went with it. Deleting what is not there is no error. Throws BrokerError:
   * `precondition-failed` when `ifUnused` or `ifEmpty` are not met, `resource-locked`.
   */
  deleteQueue(name: string, options: DeleteQueueOptions = {}): number {
    return this.#topology.deleteQueue(name, options)
  }

  /** Drops the ready messages of a queue; how many there were. Throws BrokerError: `not-found`, `resource-locked`. */
  purgeQueue(name: string): number {
    return this.#topology.purgeQueue(name)
  }

  /**
   * Has a queue deliver nothing until it is resumed, also after a restart if it is durable. Its consumers stay and get nothing, `get`
   * and basic.get find it empty; publishing and everything else goes on. Throws BrokerError: `not-found`, `resource-locked`.
   */
  pauseQueue(name: string): void {
    this.#topology.pauseQueue(name)
  }

  /** Has a paused queue deliver again. Throws BrokerError: `not-found`, `resource-locked`. */
  resumeQueue(name: string): void {
    this.#topology.resumeQueue(name)
  }

  /** Messages of the exchange go to the queue when the key fits. Throws BrokerError: `not-found`, `resource-locked` … */
  bindQueue(queue: string, exchange: string, routingKey = '', bindingArguments?: PlainTable): void {
    this.#topology.bindQueue(queue, exchange, routingKey, bindingArguments)
  }

  /**
   * Takes a binding away, if there is one with this key and these arguments. Throws BrokerError for the default exchange and
   * for a queue that is exclusive to a connection.
   */
  unbindQueue(queue: string, exchange: string, routingKey = '', bindingArguments?: PlainTable): void {
    this.#topology.unbindQueue(queue, exchange, routingKey, bindingArguments)
  }

  /** Messages of `source` go to `destination` too when the key fits. Throws BrokerError: `not-found` … */
  bindExchange(destination: string, source: string, routingKey = '', bindingArguments?: PlainTable): void {
    this.#topology.bindExchange(destination, source, routingKey, bindingArguments)
  }

  /** Takes a binding away, if there is one with this key and these arguments. Throws BrokerError for the default exchange. */
  unbindExchange(destination: string, source: string, routingKey = '', bindingArguments?: PlainTable): void {
    this.#topology.unbindExchange(destination, source, routingKey, bindingArguments)
  }

  /**
   * Resolves when everything done so far is as safe as the durability of the storage says: what a confirm tells a client.
   * While the disk makes trouble that may take until the operator has looked after it. Throws Error when the storage ends
   * before.
   */
  async whenDurable(): Promise<void> {
    await this.#live.whenDurable()
  }

  // --- messages in

  /**
   * Publishes a message. Throws BrokerError: `not-found` for an unknown exchange, `access-refused` for an internal one,
   * `precondition-failed` for a body over the size limit, a malformed property, or when a queue refuses the message (others may
   * have it then), `resource-error` while the server is short of memory or its disk makes trouble; RangeError or TypeError for
   * values that AMQP cannot carry.
   */
  publish(
    exchange: string,
    routingKey: string,
    body: string | Uint8Array,
    properties?: MessageProperties,
  ): PublishResult {
    const message = properties === undefined ? { body } : { body, properties }
    return this.#messages.publish(exchange, routingKey, message)
  }

  /**
   * Publishes all of these messages, or none when one of them makes no sense. Throws like `publish`; what a queue refuses is found
   * out while the others are published.
   */
  publishBatch(messages: Iterable<AddressedMessage>): PublishResult[] {
    return this.#messages.publishBatch(messages)
  }

  // --- messages out

  /**
   * Takes the next ready message of a queue, or undefined when there is none: at once, unless it has to be read back from
   * the disk first. Without `noAck` it stays unsettled until `ack`, `nack` or `reject`. Rejects with BrokerError:
   * `not-found`, `resource-locked`.
   */
  async get(queueName: string, options: GetOptions = {}): Promise<ReceivedMessage | undefined> {
    return await this.#messages.get(queueName, options)
  }

  /**
   * Copies of the messages that are due next in a queue, the next one first. They stay where they are, and nothing about them changes.
   * Rejects with BrokerError: `not-found`, `resource-locked`; RangeError for options out of range.
   */
  async peek(queueName: string, options: PeekOptions = {}): Promise<PeekedMessage[]> {
    return await this.#messages.peek(queueName, options)
  }

  /**
   * Moves ready messages from one queue to the end of another, the next one first, and resolves with how many once that is
   * durable. Each is in one of both at any time: a crash loses and doubles none, and may leave some where they were. They keep all
   * that their publishers sent; the time that they may wait begins anew. It ends early when the source has no more, when the target
   * refuses one by its limits, and when one of both is deleted. A target that drops its oldest messages to keep to a length
   * (`x-overflow: drop-head`, the default) refuses none, and drops what is moved to it like any other. Rejects with BrokerError:
   * `not-found`, `resource-locked`; RangeError when both are the same.
   */
  async moveMessages(from: string, to: string, options: MoveOptions = {}): Promise<number> {
    return await this.#messages.move(from, to, options)
  }

  /**
   * Calls the handler for each message of a queue, never from inside another call of this object. A handler that throws
   * or rejects has settled nothing: see `ConsumeOptions.onError`. Throws BrokerError: `not-found`, `resource-locked`,
   * `access-refused` when the queue is in exclusive use, `not-allowed` when the tag is in use; RangeError for options
   * out of range.
   */
  consume(queueName: string, handler: MessageHandler, options: ConsumeOptions = {}): InProcessConsumer {
    return this.#messages.consume(queueName, handler, options)
  }

  /** The message is done with; with `multiple` also those before it that its consumer, or `get` on its queue, received. */
  ack(message: Settled, options: AckOptions = {}): void {
    this.#messages.handedOut.ack(message, options)
  }

  /** Gives a message back to its old place in the queue, or drops it with `requeue: false`. `multiple` as in `ack`. */
  nack(message: Settled, options: NackOptions = {}): void {
    this.#messages.handedOut.nack(message, options)
  }

  /** Gives one message back to its old place in the queue, or drops it with `requeue: false`. */
  reject(message: Settled, options: RejectOptions = {}): void {
    this.#messages.handedOut.reject(message, options)
  }

  /** Gives everything back that was handed out and is not settled; how many messages came back. AMQP: basic.recover. */
  recover(): number {
    return this.#messages.handedOut.recover()
  }

  // --- what there is

  stats(): BrokerStats {
    return brokerStats([this.#live.require()])
  }

  exchangeInfo(name: string): ExchangeInfo | undefined {
    return this.#topology.exchange(name)
  }

  queueInfo(name: string): QueueInfo | undefined {
    return this.#topology.queue(name)
  }

  exchanges(): ExchangeInfo[] {
    return this.#topology.exchanges()
  }

  queues(): QueueInfo[] {
    return this.#topology.queues()
  }

  /** The consumers of a queue, or of all queues: those in this process and those behind AMQP connections. */
  consumers(queueName?: string): ConsumerInfo[] {
    return this.#topology.consumers(queueName)
  }

  /**
   * Ends a consumer of an AMQP client (`ConsumerInfo.origin` says on which connection and channel), which is told of it as when its queue is
   * deleted. What it has not settled stays with its channel. False when there is none. Throws BrokerError `not-found`.
   */
  cancelConsumer(queue: string, origin: ConsumerOrigin, tag: string): boolean {
    return this.#topology.cancelConsumer(queue, origin, tag)
  }

  // --- virtual hosts

  /** The broker of another virtual host, which is made if there is none. */
  createVhost(name: string, options?: VhostOptions): EmbeddedBroker {
    return this.#vhosts.create(name, options)
  }

  /** The type of durable queues that are declared without one. */
  get defaultQueueType(): DefaultQueueType {
    return this.#live.defaultQueueType
  }

  /** What is set of this virtual host. */
  get info(): VhostInfo {
    return this.#live.info
  }

  /** For queues that are declared from now on, durable. */
  setDefaultQueueType(type: DefaultQueueType): void {
    this.#live.defaultQueueType = type
  }

  /** The broker of another virtual host. */
  vhost(name: string): EmbeddedBroker | undefined {
    return this.#vhosts.at(name)
  }

  /** Removes a virtual host with all that is in it, and closes its connections with 320. False when there is none. */
  deleteVhost(name: string): boolean {
    return this.#vhosts.delete(name)
  }

  vhosts(): string[] {
    return this.#vhosts.names()
  }
}
