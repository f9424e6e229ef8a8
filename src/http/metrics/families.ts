/** RabbitMQ's metrics of queues, connections and channels, by the families that `/metrics/detailed` is asked for. */
import type { ChannelInfo, ConnectionInfo } from '../../embedded/embedded-clients.ts'
import type { QueueFigures } from '../../embedded/queue-figures.ts'
import type { Family } from './exposition.ts'

type Values<T> = (of: T) => number

const gauge = <T>(name: string, help: string, value: Values<T>): Family<T> => ({ name, type: 'gauge', help, value })
const counter = <T>(name: string, help: string, value: Values<T>): Family<T> => ({ name, type: 'counter', help, value })

const messages = (queue: QueueFigures): number => queue.messages
const bytes = (queue: QueueFigures): number => queue.bytes
const whenDurable = (queue: QueueFigures, value: number): number => (queue.durable ? value : 0)

function headTime({ headTimestamp }: QueueFigures): number {
  if (headTimestamp === undefined) return Number.NaN
  return headTimestamp instanceof Date ? Math.floor(headTimestamp.getTime() / 1000) : Number(headTimestamp)
}

export const QUEUE_FAMILIES = {
  queue_coarse_metrics: [
    gauge<QueueFigures>(
      'queue_messages_ready',
      'Messages ready to be delivered to consumers',
      (queue) => queue.messagesReady,
    ),
    gauge(
      'queue_messages_unacked',
      'Messages delivered to consumers but not yet acknowledged',
      (queue) => queue.messagesUnacked,
    ),
    gauge('queue_messages', 'Sum of ready and unacknowledged messages - total queue depth', messages),
  ],
  queue_consumer_count: [gauge<QueueFigures>('queue_consumers', 'Consumers on a queue', (queue) => queue.consumers)],
  queue_metrics: [
    gauge<QueueFigures>('queue_consumer_capacity', 'Consumer capacity', (queue) => (queue.consumers > 0 ? 1 : 0)),
    gauge('queue_consumer_utilisation', 'Same as consumer capacity', (queue) => (queue.consumers > 0 ? 1 : 0)),
    gauge('queue_process_memory_bytes', 'Memory in bytes used by the messages of a queue', bytes),
    gauge('queue_messages_persistent', 'Persistent messages', (queue) => whenDurable(queue, messages(queue))),
    gauge('queue_messages_persistent_bytes', 'Size in bytes of persistent messages', (queue) =>
      whenDurable(queue, bytes(queue)),
    ),
    gauge('queue_messages_ram', 'Ready and unacknowledged messages stored in memory', messages),
    gauge('queue_messages_ram_bytes', 'Size of ready and unacknowledged messages stored in memory', bytes),
    gauge('queue_messages_bytes', 'Size in bytes of ready and unacknowledged messages', bytes),
    gauge('queue_messages_ready_bytes', 'Size in bytes of ready messages', (queue) => queue.bytesReady),
    gauge(
      'queue_messages_unacked_bytes',
      'Size in bytes of all unacknowledged messages',
      (queue) => queue.bytesUnacked,
    ),
    gauge('queue_head_message_timestamp', 'Timestamp of the first message in the queue, if any', headTime),
    counter(
      'queue_messages_published_total',
      'Total number of messages published to queues',
      (queue) => queue.messagesPublished,
    ),
  ],
} as const satisfies Record<string, readonly Family<QueueFigures>[]>

/** Of all queues together, the last one says nothing. */
export const NOT_SUMMED: ReadonlySet<string> = new Set(['queue_head_message_timestamp'])

export const CONNECTION_FAMILIES = {
  connection_coarse_metrics: [
    counter<ConnectionInfo>(
      'connection_incoming_bytes_total',
      'Total number of bytes received on a connection',
      (one) => one.bytesReceived,
    ),
    counter('connection_outgoing_bytes_total', 'Total number of bytes sent on a connection', (one) => one.bytesSent),
  ],
  connection_metrics: [gauge<ConnectionInfo>('connection_channels', 'Channels on a connection', (one) => one.channels)],
} as const satisfies Record<string, readonly Family<ConnectionInfo>[]>

export const CHANNEL_FAMILIES = {
  channel_metrics: [
    gauge<ChannelInfo>('channel_consumers', 'Consumers on a channel', (one) => one.consumers),
    gauge('channel_messages_unacked', 'Delivered but not yet acknowledged messages', (one) => one.messagesUnacked),
    gauge('channel_messages_unconfirmed', 'Published but not yet confirmed messages', (one) => one.messagesUnconfirmed),
    gauge(
      'channel_messages_uncommitted',
      'Messages received in a transaction but not yet committed',
      (one) => one.messagesUncommitted,
    ),
    gauge(
      'channel_acks_uncommitted',
      'Message acknowledgements in a transaction not yet committed',
      (one) => one.acksUncommitted,
    ),
    gauge('consumer_prefetch', 'Limit of unacknowledged messages for each consumer', (one) => one.prefetchCount),
    gauge(
      'channel_prefetch',
      'Total limit of unacknowledged messages for all consumers on a channel',
      (one) => one.globalPrefetchCount,
    ),
  ],
  channel_exchange_metrics: [
    counter<ChannelInfo>(
      'channel_messages_published_total',
      'Total number of messages published on a channel',
      (one) => one.published,
    ),
    counter(
      'channel_messages_confirmed_total',
      'Total number of messages confirmed on a channel',
      (one) => one.confirmed,
    ),
    counter(
      'channel_messages_unroutable_returned_total',
      'Total number of mandatory messages returned to the publisher as unroutable',
      (one) => one.returnedUnroutable,
    ),
    counter(
      'channel_messages_unroutable_dropped_total',
      'Total number of messages dropped as unroutable',
      (one) => one.droppedUnroutable,
    ),
  ],
  channel_queue_metrics: [
    counter<ChannelInfo>(
      'channel_get_ack_total',
      'Total number of messages fetched with basic.get in manual acknowledgement mode',
      (one) => one.got,
    ),
    counter(
      'channel_get_total',
      'Total number of messages fetched with basic.get in automatic acknowledgement mode',
      (one) => one.gotNoAck,
    ),
    counter(
      'channel_messages_delivered_ack_total',
      'Total number of messages delivered to consumers in manual acknowledgement mode',
      (one) => one.delivered,
    ),
    counter(
      'channel_messages_delivered_total',
      'Total number of messages delivered to consumers in automatic acknowledgement mode',
      (one) => one.deliveredNoAck,
    ),
    counter(
      'channel_messages_redelivered_total',
      'Total number of messages redelivered to consumers',
      (one) => one.redelivered,
    ),
    counter('channel_messages_acked_total', 'Total number of messages acknowledged by consumers', (one) => one.acked),
    counter(
      'channel_get_empty_total',
      'Total number of times basic.get operations fetched no message',
      (one) => one.gotEmpty,
    ),
  ],
} as const satisfies Record<string, readonly Family<ChannelInfo>[]>
