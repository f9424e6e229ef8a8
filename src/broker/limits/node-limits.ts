/**
 * How many of each thing there may be in the whole server, with RabbitMQ's texts. What is there is counted as it comes and
 * goes; a lower limit, and what a restart brings back, removes nothing.
 */
import { type BrokerError, refuse } from '../errors.ts'
import { isReached } from './limit-values.ts'

/** Infinity, like any number below zero, stands for any number. */
export interface NodeLimitValues {
  /** Connections of clients that have opened a virtual host. */
  readonly connectionMax: number
  /** Channels of all connections together. */
  readonly channelMaxPerNode: number
  readonly consumerMaxPerChannel: number
  /** Consumers of all channels together. */
  readonly consumerMax: number
  /** Bytes of messages that a connection may have without having acknowledged them; the one that reaches the limit still goes. */
  readonly unackedBytesMaxPerConnection: number
  /** The same of all connections together. */
  readonly unackedBytesMax: number
  readonly vhostMax: number
  /** Queues of all virtual hosts together; so for the next two. */
  readonly queueMax: number
  /** The predeclared ones count. */
  readonly exchangeMax: number
  readonly bindingMax: number
}

/** What there is of everything that queues, exchanges and bindings are made of. */
export interface EntityCounts {
  queues: number
  exchanges: number
  bindings: number
}

const ANY = Number.POSITIVE_INFINITY

export const NO_NODE_LIMITS: NodeLimitValues = {
  connectionMax: ANY,
  channelMaxPerNode: ANY,
  consumerMaxPerChannel: ANY,
  consumerMax: ANY,
  unackedBytesMaxPerConnection: ANY,
  unackedBytesMax: ANY,
  vhostMax: ANY,
  queueMax: ANY,
  exchangeMax: ANY,
  bindingMax: ANY,
}

export class NodeLimits {
  readonly #values: NodeLimitValues
  readonly #counts: EntityCounts

  constructor(values: NodeLimitValues, counts: EntityCounts) {
    this.#values = values
    this.#counts = counts
  }

  /** Why there may be no further connection; undefined when there may. */
  connectionRefusal(connections: number): BrokerError | undefined {
    const { connectionMax } = this.#values
    return isReached(connectionMax, connections) ? refuse.nodeConnectionLimit(connectionMax) : undefined
  }

  /** Why there may be no further channel; undefined when there may. */
  channelRefusal(channels: number, nodeName: string): BrokerError | undefined {
    const { channelMaxPerNode } = this.#values
    return isReached(channelMaxPerNode, channels) ? refuse.nodeChannelLimit(nodeName, channelMaxPerNode) : undefined
  }

  /** Throws BrokerError when a channel, or all of them, have as many consumers as they may have; so do the others, each for its own. */
  checkConsumer(ofChannel: number, inAll: number): void {
    const { consumerMaxPerChannel, consumerMax } = this.#values
    if (isReached(consumerMaxPerChannel, ofChannel)) throw refuse.consumerLimit(consumerMaxPerChannel)
    if (isReached(consumerMax, inAll)) throw refuse.nodeConsumerLimit(consumerMax)
  }

  checkVhost(vhost: string, vhosts: number): void {
    const { vhostMax } = this.#values
    if (isReached(vhostMax, vhosts)) throw refuse.vhostLimit(vhost, vhostMax)
  }

  checkQueue(queue: string): void {
    const { queueMax } = this.#values
    if (isReached(queueMax, this.#counts.queues)) throw refuse.nodeQueueLimit(queue, queueMax)
  }

  checkExchange(exchange: string, vhost: string): void {
    const { exchangeMax } = this.#values
    if (isReached(exchangeMax, this.#counts.exchanges)) throw refuse.nodeExchangeLimit(exchange, vhost, exchangeMax)
  }

  checkBinding(exchange: string, vhost: string): void {
    const { bindingMax } = this.#values
    if (isReached(bindingMax, this.#counts.bindings)) throw refuse.nodeBindingLimit(exchange, vhost, bindingMax)
  }
}
