/** Metrics of the server as a whole, by RabbitMQ's names: the same in every exposition. */

import type { MessageCounts } from '../../broker/statistics/broker-stats.ts'
import type { ServerTotals } from '../../embedded/embedded-statistics.ts'
import type { NodeInfo } from '../../embedded/node-info.ts'
import { RABBITMQ_VERSION } from '../../lib/version.ts'
import type { Exposition, Labels, MetricType } from './exposition.ts'

type Row<T> = readonly [name: string, type: MetricType, help: string, value: (of: T) => number]

const seconds = (ms: number): number => Math.round(ms) / 1000

const NODE: readonly Row<NodeInfo>[] = [
  ['alarms_file_descriptor_limit', 'gauge', 'is 1 if file descriptor limit alarm is in effect', () => 0],
  [
    'alarms_free_disk_space_watermark',
    'gauge',
    'is 1 if free disk space watermark alarm is in effect',
    (node) => Number(node.hasDiskAlarm),
  ],
  [
    'alarms_memory_used_watermark',
    'gauge',
    'is 1 if VM memory watermark alarm is in effect',
    (node) => Number(node.hasMemoryAlarm),
  ],
  ['process_open_fds', 'gauge', 'Open file descriptors', (node) => node.filesOpen],
  ['process_max_fds', 'gauge', 'Open file descriptors limit', (node) => node.filesMax ?? Number.POSITIVE_INFINITY],
  ['process_open_tcp_sockets', 'gauge', 'Open TCP sockets', (node) => node.connections],
  ['process_resident_memory_bytes', 'gauge', 'Memory used in bytes', (node) => node.memoryUsedBytes],
  ['resident_memory_limit_bytes', 'gauge', 'Memory high watermark in bytes', (node) => node.memoryLimitBytes],
  ['disk_space_available_bytes', 'gauge', 'Disk space available in bytes', (node) => node.diskFreeBytes ?? Number.NaN],
  [
    'disk_space_available_limit_bytes',
    'gauge',
    'Free disk space low watermark in bytes',
    (node) => node.diskLimitBytes,
  ],
  ['erlang_uptime_seconds', 'gauge', 'Node uptime', (node) => seconds(node.uptimeMs)],
]

const TOTALS: readonly Row<ServerTotals>[] = [
  ['connections_opened_total', 'counter', 'Total number of connections opened', ({ churn }) => churn.connectionsOpened],
  [
    'connections_closed_total',
    'counter',
    'Total number of connections closed or terminated',
    ({ churn }) => churn.connectionsClosed,
  ],
  ['channels_opened_total', 'counter', 'Total number of channels opened', ({ churn }) => churn.channelsOpened],
  ['channels_closed_total', 'counter', 'Total number of channels closed', ({ churn }) => churn.channelsClosed],
  ['queues_declared_total', 'counter', 'Total number of queues declared', ({ churn }) => churn.queuesDeclared],
  ['queues_created_total', 'counter', 'Total number of queues created', ({ churn }) => churn.queuesCreated],
  ['queues_deleted_total', 'counter', 'Total number of queues deleted', ({ churn }) => churn.queuesDeleted],
  ['consumers', 'gauge', 'Consumers currently connected', ({ consumers }) => consumers],
  ['queues', 'gauge', 'Queues available', ({ queues }) => queues],
]

const BY_PROTOCOL: readonly Row<ServerTotals>[] = [
  [
    'global_messages_received_total',
    'counter',
    'Total number of messages received from publishers',
    ({ channels }) => channels.published,
  ],
  [
    'global_messages_received_confirm_total',
    'counter',
    'Total number of messages received from publishers expecting confirmations',
    ({ channels }) => channels.confirmed,
  ],
  [
    'global_messages_confirmed_total',
    'counter',
    'Total number of messages confirmed to publishers',
    ({ channels }) => channels.confirmed,
  ],
  [
    'global_messages_routed_total',
    'counter',
    'Total number of messages routed to queues',
    ({ classic, quorum }) => classic.messagesPublished + quorum.messagesPublished,
  ],
  [
    'global_messages_unroutable_dropped_total',
    'counter',
    'Total number of messages published as non-mandatory into an exchange and dropped as unroutable',
    ({ channels }) => channels.droppedUnroutable,
  ],
  [
    'global_messages_unroutable_returned_total',
    'counter',
    'Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable',
    ({ channels }) => channels.returnedUnroutable,
  ],
  ['global_consumers', 'gauge', 'Consumers currently connected', ({ consumers }) => consumers],
  ['global_publishers', 'gauge', 'Publishers currently connected', ({ publishers }) => publishers],
]

const BY_QUEUE_TYPE: readonly Row<MessageCounts>[] = [
  [
    'global_messages_delivered_total',
    'counter',
    'Total number of messages delivered to consumers',
    (counts) => counts.messagesDelivered,
  ],
  [
    'global_messages_delivered_consume_auto_ack_total',
    'counter',
    'Total number of messages delivered to consumers using basic.consume with automatic acknowledgment',
    (counts) => counts.messagesDeliveredNoAck,
  ],
  [
    'global_messages_delivered_consume_manual_ack_total',
    'counter',
    'Total number of messages delivered to consumers using basic.consume with manual acknowledgment',
    (counts) => counts.messagesDelivered - counts.messagesDeliveredNoAck - counts.messagesGot,
  ],
  [
    'global_messages_delivered_get_auto_ack_total',
    'counter',
    'Total number of messages delivered to consumers using basic.get with automatic acknowledgment',
    (counts) => counts.messagesGotNoAck,
  ],
  [
    'global_messages_delivered_get_manual_ack_total',
    'counter',
    'Total number of messages delivered to consumers using basic.get with manual acknowledgment',
    (counts) => counts.messagesGot - counts.messagesGotNoAck,
  ],
  [
    'global_messages_get_empty_total',
    'counter',
    'Total number of times basic.get operations fetched no message',
    (counts) => counts.messagesGotEmpty,
  ],
  [
    'global_messages_redelivered_total',
    'counter',
    'Total number of messages redelivered to consumers',
    (counts) => counts.messagesRedelivered,
  ],
  [
    'global_messages_acknowledged_total',
    'counter',
    'Total number of messages acknowledged by consumers',
    (counts) => counts.messagesAcked,
  ],
]

const PROTOCOL = { protocol: 'amqp091' }

export function writeServer(exposition: Exposition, node: NodeInfo, totals: ServerTotals): void {
  for (const [name, type, help, value] of NODE) exposition.series(name, type, help, [[{}, value(node)]])
  for (const [name, type, help, value] of TOTALS) exposition.series(name, type, help, [[{}, value(totals)]])
  exposition.series('connections', 'gauge', 'Connections currently open', [[{}, node.connections]])
  exposition.series('channels', 'gauge', 'Channels currently open', [[{}, node.channels]])
  for (const [name, type, help, value] of BY_PROTOCOL) exposition.series(name, type, help, [[PROTOCOL, value(totals)]])
  for (const [name, type, help, value] of BY_QUEUE_TYPE) {
    exposition.series(name, type, help, [
      [{ ...PROTOCOL, queue_type: 'rabbit_classic_queue' }, value(totals.classic)],
      [{ ...PROTOCOL, queue_type: 'rabbit_quorum_queue' }, value(totals.quorum)],
    ])
  }
}

/** What dashboards join everything with: one series of each, whatever else is asked for. */
export function writeIdentity(exposition: Exposition, node: NodeInfo, cluster: string, endpoint: string): void {
  const build: Labels = {
    rabbitmq_version: RABBITMQ_VERSION,
    prometheus_plugin_version: RABBITMQ_VERSION,
    prometheus_client_version: '0.0.0',
    erlang_version: 'none',
    product_name: 'Leveret',
    product_version: node.version,
  }
  exposition.series('build_info', 'untyped', 'RabbitMQ & Erlang/OTP version info', [[build, 1]])
  const identity: Labels = {
    rabbitmq_node: node.name,
    rabbitmq_cluster: cluster,
    rabbitmq_cluster_permanent_id: cluster,
    rabbitmq_endpoint: endpoint,
  }
  exposition.series('identity_info', 'untyped', 'RabbitMQ node & cluster identity info', [[identity, 1]])
}
