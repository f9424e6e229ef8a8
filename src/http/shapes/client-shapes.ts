/** Connections, channels and consumers as RabbitMQ shows them. */
import type { ChannelInfo, ConnectionInfo } from '../../embedded/embedded-clients.ts'
import type { SampledCounter } from '../../embedded/embedded-statistics.ts'
import type { ConsumerInfo } from '../../embedded/entities.ts'
import { jsonTable, timeText } from '../json.ts'
import { channelDetails } from './flow-shapes.ts'
import { channelStats } from './message-stats.ts'
import { NO_COLLECTOR } from './queue-shape.ts'
import { detailsOf, type SampleRequest } from './rates.ts'

// Field by field, without a spread: lists make very many of these. JSON leaves out what is undefined.

export function connectionShape(
  node: string,
  info: ConnectionInfo,
  counters: readonly SampledCounter[] | undefined,
  asked: SampleRequest,
) {
  return {
    auth_mechanism: info.authMechanism,
    channel_max: info.channelMax,
    channels: info.channels,
    client_properties: jsonTable(info.clientProperties),
    connected_at: info.connectedAtMs,
    frame_max: info.frameMaxBytes,
    garbage_collection: NO_COLLECTOR,
    host: info.localAddress,
    name: info.route,
    node,
    peer_cert_issuer: null,
    peer_cert_subject: null,
    peer_cert_validity: null,
    peer_host: info.peerAddress,
    peer_port: info.peerPort,
    port: info.localPort,
    protocol: info.protocol,
    recv_cnt: 0,
    send_cnt: 0,
    recv_oct: info.bytesReceived,
    recv_oct_details: detailsOf(counters, 'recv_oct', asked.data),
    send_oct: info.bytesSent,
    send_oct_details: detailsOf(counters, 'send_oct', asked.data),
    reductions: 0,
    reductions_details: { rate: 0 },
    send_pend: info.bytesUnsent,
    ssl: info.isEncrypted,
    ssl_cipher: null,
    ssl_hash: null,
    ssl_key_exchange: null,
    ssl_protocol: null,
    unacked_bytes: info.bytesUnacked,
    deliveries_wait_for: info.deliveriesWaitFor,
    state: info.state,
    timeout: info.heartbeatSec,
    type: 'network',
    user: info.user.name,
    user_provided_name: info.name ?? null,
    user_who_performed_action: info.user.name,
    vhost: info.vhost,
  }
}

export function channelName({ connection, number }: ChannelInfo): string {
  return `${connection.route} (${number})`
}

export function channelShape(
  node: string,
  info: ChannelInfo,
  counters: readonly SampledCounter[] | undefined,
  asked: SampleRequest,
  idleSinceMs: number | undefined,
) {
  const { connection } = info
  return {
    acks_uncommitted: info.acksUncommitted,
    confirm: info.isConfirming,
    connection_details: {
      name: connection.route,
      peer_host: connection.peerAddress,
      peer_port: connection.peerPort,
    },
    consumer_count: info.consumers,
    garbage_collection: NO_COLLECTOR,
    idle_since: timeText(idleSinceMs),
    global_prefetch_count: info.globalPrefetchCount,
    messages_unacknowledged: info.messagesUnacked,
    messages_uncommitted: info.messagesUncommitted,
    messages_unconfirmed: info.messagesUnconfirmed,
    name: channelName(info),
    node,
    number: info.number,
    pending_raft_commands: 0,
    prefetch_count: info.prefetchCount,
    reductions: 0,
    reductions_details: { rate: 0 },
    state: 'running',
    transactional: info.isTransactional,
    user: connection.user.name,
    user_who_performed_action: connection.user.name,
    vhost: connection.vhost,
    message_stats: channelStats(info, counters, asked),
  }
}

/** Where a consumer is: a channel, or this process. */
export function consumerShape(
  node: string,
  vhost: string,
  info: ConsumerInfo,
  connection: ConnectionInfo | undefined,
  defaultTimeoutMs: number,
) {
  const number = info.origin?.channel ?? 0
  return {
    ack_required: !info.noAck,
    active: info.activityStatus !== 'waiting',
    activity_status: info.activityStatus,
    arguments: jsonTable(info.arguments),
    channel_details: channelDetails(node, number, connection),
    consumer_tag: info.tag,
    consumer_timeout: info.timeoutMs ?? defaultTimeoutMs,
    exclusive: info.exclusive,
    prefetch_count: info.prefetch,
    queue: { name: info.queue, vhost },
  }
}
