/** What code in this process learns about exchanges, queues and consumers. */

import { type PlainTable, plainTable } from '../../protocol/field-table-plain.ts'
import type { HandedOutCounts } from '../broker/clients/channel-counts.ts'
import type { Exchange } from '../broker/exchanges/exchange.ts'
import type { PolicyDefinition } from '../broker/policies/policy.ts'
import type { EffectivePolicy } from '../broker/policies/policy-set.ts'
import type { Consumer } from '../broker/queues/consumer.ts'
import type { Queue } from '../broker/queues/queue.ts'
import { type QueueKindName, queueKindName } from '../broker/queues/queue-kinds.ts'
import type { Vhost } from '../broker/vhost.ts'
import { EmbeddedConsumer } from './embedded-consumer.ts'
import type { MessageProperties } from './message-properties.ts'
import { readProperties } from './received-message.ts'

/** What applies to a queue or an exchange beside its arguments. */
export interface AppliedPolicies {
  /** The name of the policy that applies. */
  readonly policy: string | undefined
  readonly operatorPolicy: string | undefined
  /** What both of them set. */
  readonly effectivePolicyDefinition: PolicyDefinition
}

export interface Declared {
  /**
   * The user that declared it, who may be gone by now: `rmq-internal` for this process, `rmq-cli` for `leveret ctl`; undefined when a
   * version kept it that did not note it.
   */
  readonly user: string | undefined
}

export interface ExchangeInfo extends AppliedPolicies, Declared {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: PlainTable
  /** Bindings that start here. */
  readonly bindings: number
  /** Messages that were published to it since it was declared, or since the server started. */
  readonly messagesIn: number
  /** Queues that they went to: a message for two queues counts twice. */
  readonly messagesOut: number
}

export interface QueueInfo extends AppliedPolicies, Declared {
  readonly name: string
  readonly type: QueueKindName
  /** How many nodes have its messages: 1, also for a quorum queue. */
  readonly replicas: number
  readonly durable: boolean
  readonly exclusive: boolean
  /** The number of the connection that an exclusive queue belongs to; undefined for those of code in this process. */
  readonly ownerConnection?: number | undefined
  readonly autoDelete: boolean
  readonly arguments: PlainTable
  /** Messages waiting for a consumer. */
  readonly messagesReady: number
  /** Messages delivered and not settled. */
  readonly messagesUnacked: number
  /** Messages that have died, and wait until their dead letter queues take them. */
  readonly messagesDiscarded: number
  /** Messages that came back and wait before they are delivered again: see `x-delayed-retry-type`. */
  readonly messagesDelayed: number
  /** Bytes of the bodies of messages waiting for a consumer. */
  readonly bytesReady: number
  /** Bytes of the bodies of messages delivered and not settled. */
  readonly bytesUnacked: number
  /** The `timestamp` of the next message to be delivered, if it has one and is in memory. */
  readonly headTimestamp: MessageProperties['timestamp']
  readonly consumers: number
  /** The tag of the consumer that gets the messages, where there is a single active one. */
  readonly singleActiveConsumer: string | undefined
  /** It delivers nothing until it is resumed. */
  readonly paused: boolean
  /** Messages that were put into it since it was declared. */
  readonly messagesPublished: number
  /** Messages that were handed out since it was declared, each time they were. */
  readonly messagesDelivered: number
  /** What became of them, and how. */
  readonly counts: QueueCounts
}

/** Messages that went out of a queue since it was declared, or since the server started. */
export interface QueueCounts extends HandedOutCounts {}

export interface ConsumerInfo {
  /** Messages that were delivered to it. */
  readonly messagesDelivered: number
  readonly tag: string
  readonly queue: string
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly priority: number
  /** Whether it gets messages now: `waiting` ones do so once the single active consumer of their queue is gone. */
  readonly activityStatus: 'up' | 'single_active' | 'waiting'
  /** How many messages may be unsettled at a time; 0 for no limit. */
  readonly prefetch: number
  /** Whether it runs in this process, instead of behind an AMQP connection. */
  readonly inProcess: boolean
  /** The connection (`ConnectionInfo.id`) and the channel that it is on, unless it runs in this process. */
  readonly origin: { readonly connection: number; readonly channel: number } | undefined
  readonly arguments: PlainTable
  /** How long a message may be unacknowledged, in milliseconds; undefined for what its queue and the server say. */
  readonly timeoutMs: number | undefined
}

export function exchangeInfo({ policies }: Vhost, exchange: Exchange): ExchangeInfo {
  exchange.hear()
  const { name, type, durable, autoDelete, internal, outgoing } = exchange
  return {
    name,
    type,
    durable,
    autoDelete,
    internal,
    arguments: plainTable(exchange.arguments),
    user: exchange.user,
    ...appliedPolicies(policies.ofExchange(exchange)),
    bindings: outgoing.size,
    messagesIn: exchange.publishedInCount,
    messagesOut: exchange.publishedOutCount,
  }
}

export function queueInfo({ policies }: Vhost, queue: Queue): QueueInfo {
  return {
    name: queue.name,
    type: queueKindName(queue.arguments),
    replicas: 1,
    durable: queue.durable,
    exclusive: queue.owner !== undefined,
    ownerConnection: queue.owner?.connectionId,
    autoDelete: queue.autoDelete,
    arguments: plainTable(queue.arguments),
    user: queue.user,
    ...appliedPolicies(policies.ofQueue(queue)),
    messagesReady: queue.readyCount,
    messagesUnacked: queue.unackedCount,
    messagesDiscarded: queue.discards?.count ?? 0,
    messagesDelayed: queue.delayedCount,
    bytesReady: queue.readyBytes,
    bytesUnacked: queue.unackedBytes,
    headTimestamp: headTimestamp(queue),
    consumers: queue.consumers.count,
    singleActiveConsumer: queue.consumers.active?.tag,
    paused: queue.isPaused,
    messagesPublished: queue.publishedCount,
    messagesDelivered: queue.deliveredCount,
    counts: queueCounts(queue),
  }
}

function queueCounts(queue: Queue): QueueCounts {
  const { deliveredCount, deliveredNoAckCount, gotCount, gotNoAckCount } = queue
  return {
    delivered: deliveredCount - deliveredNoAckCount - gotCount,
    deliveredNoAck: deliveredNoAckCount,
    got: gotCount - gotNoAckCount,
    gotNoAck: gotNoAckCount,
    gotEmpty: queue.gotEmptyCount,
    redelivered: queue.redeliveredCount,
    acked: queue.ackedCount,
  }
}

function appliedPolicies({ policy, operatorPolicy, definition }: EffectivePolicy): AppliedPolicies {
  return {
    policy: policy?.name,
    operatorPolicy: operatorPolicy?.name,
    effectivePolicyDefinition: { ...definition },
  }
}

export function headTimestamp(queue: Queue): MessageProperties['timestamp'] {
  let found: MessageProperties['timestamp']
  queue.peek((segment, index) => {
    const { bytes } = segment.block
    found = readProperties(bytes, segment.headerStart(index), segment.bodyStart(index)).timestamp
  })
  return found
}

export function consumerInfo(consumer: Consumer): ConsumerInfo {
  const { sink } = consumer
  const inProcess = sink instanceof EmbeddedConsumer
  return {
    messagesDelivered: consumer.deliveredCount,
    tag: consumer.tag,
    queue: consumer.queue.name,
    noAck: inProcess ? sink.isAutoSettled : consumer.isNoAck,
    exclusive: consumer.isExclusive,
    priority: consumer.priority,
    activityStatus: activityStatus(consumer),
    prefetch: consumer.prefetchCount,
    inProcess,
    origin: sink.origin,
    arguments: plainTable(consumer.arguments),
    timeoutMs: consumer.timeoutMs,
  }
}

function activityStatus(consumer: Consumer): ConsumerInfo['activityStatus'] {
  const { consumers } = consumer.queue
  if (!consumers.hasSingleActive) return 'up'
  return consumers.active === consumer ? 'single_active' : 'waiting'
}
