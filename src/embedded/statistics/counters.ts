/** What is sampled of each kind of object, by the place of its values. */

import type { ChannelCounts } from '../../broker/clients/channel-counts.ts'
import type { Exchange } from '../../broker/exchanges/exchange.ts'
import type { Queue } from '../../broker/queues/queue.ts'
import type { MessageCounts } from '../../broker/statistics/broker-stats.ts'
import type { Churn } from '../../broker/statistics/churn.ts'

/** RabbitMQ's names in its `message_stats`. */
const OF_QUEUES = [
  'publish',
  'deliver',
  'deliver_no_ack',
  'get',
  'get_no_ack',
  'get_empty',
  'redeliver',
  'ack',
] as const
const LENGTHS = ['messages_ready', 'messages_unacknowledged'] as const
const OF_CHANNELS = ['publish', 'confirm', 'return_unroutable', 'drop_unroutable'] as const
const OF_DELIVERIES = ['deliver', 'deliver_no_ack', 'get', 'get_no_ack', 'get_empty', 'redeliver', 'ack'] as const
const BYTES = ['recv_oct', 'send_oct'] as const
const CHURN = [
  'connection_created',
  'connection_closed',
  'channel_created',
  'channel_closed',
  'queue_declared',
  'queue_created',
  'queue_deleted',
] as const

export const COUNTERS = {
  queue: [...OF_QUEUES, 'deliver_get', ...LENGTHS],
  exchange: ['publish_in', 'publish_out'],
  channel: [...OF_CHANNELS, ...OF_DELIVERIES, 'deliver_get'],
  connection: BYTES,
  /** Of a channel to an exchange, or of an exchange to a queue. */
  flow: ['publish'],
  consumer: ['deliver'],
  vhost: [...OF_CHANNELS, ...OF_DELIVERIES, 'deliver_get', ...LENGTHS, ...BYTES],
  overview: [...OF_CHANNELS, ...OF_DELIVERIES, 'deliver_get', ...LENGTHS, ...BYTES, ...CHURN],
} as const satisfies Record<string, readonly string[]>

export type SampledKind = keyof typeof COUNTERS

/** Room for the values of any kind. */
export const COUNTERS_MAX = Math.max(...Object.values(COUNTERS).map(({ length }) => length))

export function readQueue(queue: Queue, into: Float64Array): void {
  const { deliveredCount, deliveredNoAckCount, gotCount, gotNoAckCount } = queue
  into[0] = queue.publishedCount
  into[1] = deliveredCount - deliveredNoAckCount - gotCount
  into[2] = deliveredNoAckCount
  into[3] = gotCount - gotNoAckCount
  into[4] = gotNoAckCount
  into[5] = queue.gotEmptyCount
  into[6] = queue.redeliveredCount
  into[7] = queue.ackedCount
  into[8] = deliveredCount
  into[9] = queue.readyCount
  into[10] = queue.unackedCount
}

export function readExchange(exchange: Exchange, into: Float64Array): void {
  into[0] = exchange.publishedInCount
  into[1] = exchange.publishedOutCount
}

export function readChannel(counts: ChannelCounts, into: Float64Array): void {
  const { delivered, deliveredNoAck, got, gotNoAck } = counts
  into[0] = counts.published
  into[1] = counts.confirmed
  into[2] = counts.returnedUnroutable
  into[3] = counts.droppedUnroutable
  into[4] = delivered
  into[5] = deliveredNoAck
  into[6] = got
  into[7] = gotNoAck
  into[8] = counts.gotEmpty
  into[9] = counts.redelivered
  into[10] = counts.acked
  into[11] = delivered + deliveredNoAck + got + gotNoAck
}

/** What a virtual host, or all of them, come to. */
export interface TrafficSum {
  readonly channels: ChannelCounts
  readonly queues: MessageCounts
  readonly messagesReady: number
  readonly messagesUnacked: number
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** Deliveries are told by the queues: code in this process takes messages without a channel. */
export function readTraffic({ channels, queues, ...rest }: TrafficSum, into: Float64Array): void {
  const { messagesDelivered, messagesDeliveredNoAck, messagesGot, messagesGotNoAck } = queues
  into[0] = channels.published
  into[1] = channels.confirmed
  into[2] = channels.returnedUnroutable
  into[3] = channels.droppedUnroutable
  into[4] = messagesDelivered - messagesDeliveredNoAck - messagesGot
  into[5] = messagesDeliveredNoAck
  into[6] = messagesGot - messagesGotNoAck
  into[7] = messagesGotNoAck
  into[8] = queues.messagesGotEmpty
  into[9] = queues.messagesRedelivered
  into[10] = queues.messagesAcked
  into[11] = messagesDelivered
  into[12] = rest.messagesReady
  into[13] = rest.messagesUnacked
  into[14] = rest.bytesReceived
  into[15] = rest.bytesSent
}

export function readChurn(churn: Churn, into: Float64Array): void {
  into[16] = churn.connectionsOpened
  into[17] = churn.connectionsClosed
  into[18] = churn.channelsOpened
  into[19] = churn.channelsClosed
  into[20] = churn.queuesDeclared
  into[21] = churn.queuesCreated
  into[22] = churn.queuesDeleted
}
