/** Queues as RabbitMQ shows them. */

import type { SampledCounter } from '../../embedded/embedded-statistics.ts'
import type { ConsumerInfo, QueueInfo } from '../../embedded/entities.ts'
import { jsonTable } from '../json.ts'
import { lengths, queueStats } from './message-stats.ts'
import type { SampleRequest } from './rates.ts'

export interface QueuePlace {
  readonly vhost: string
  readonly node: string
}

/** What `disable_stats` leaves. */
export function queueDefinition({ vhost, node }: QueuePlace, info: QueueInfo) {
  return {
    arguments: jsonTable(info.arguments),
    auto_delete: info.autoDelete,
    durable: info.durable,
    exclusive: info.exclusive,
    name: info.name,
    node,
    state: 'running',
    type: info.type,
    vhost,
    ...(info.type === 'quorum' ? { leader: node, members: [node], online: [node] } : {}),
  }
}

/** `disable_stats` with `enable_queue_totals`. */
export function queueWithTotals(place: QueuePlace, info: QueueInfo) {
  return {
    ...queueDefinition(place, info),
    messages: info.messagesReady + info.messagesUnacked,
    messages_delayed: info.messagesDelayed,
    messages_ready: info.messagesReady,
    messages_unacknowledged: info.messagesUnacked,
    ...(info.policy === undefined ? {} : { policy: info.policy }),
  }
}

export function queueShape(
  place: QueuePlace,
  info: QueueInfo,
  counters: readonly SampledCounter[] | undefined,
  asked: SampleRequest,
) {
  const stats = queueStats(info, counters, asked)
  const kept = info.durable
    ? { count: info.messagesReady + info.messagesUnacked, bytes: info.bytesReady + info.bytesUnacked }
    : NONE
  // Without a spread among its fields: lists make very many of these.
  const figures = {
    state: info.paused ? 'stopped' : 'running',
    consumer_capacity: info.consumers > 0 ? 1 : 0,
    consumer_utilisation: info.consumers > 0 ? 1 : 0,
    consumers: info.consumers,
    effective_policy_definition: { ...info.effectivePolicyDefinition },
    exclusive_consumer_tag: null,
    garbage_collection: NO_COLLECTOR,
    head_message_timestamp: secondsOf(info.headTimestamp),
    memory: info.bytesReady + info.bytesUnacked,
    message_bytes: info.bytesReady + info.bytesUnacked,
    message_bytes_paged_out: 0,
    message_bytes_persistent: kept.bytes,
    message_bytes_ram: info.bytesReady + info.bytesUnacked,
    message_bytes_ready: info.bytesReady,
    message_bytes_unacknowledged: info.bytesUnacked,
    messages_delayed: info.messagesDelayed,
    messages_paged_out: 0,
    messages_persistent: kept.count,
    messages_ram: info.messagesReady + info.messagesUnacked,
    messages_ready_ram: info.messagesReady,
    messages_unacknowledged_ram: info.messagesUnacked,
    operator_policy: info.operatorPolicy ?? null,
    policy: info.policy ?? null,
    recoverable_slaves: null,
    reductions: 0,
    reductions_details: { rate: 0 },
    single_active_consumer_tag: info.singleActiveConsumer ?? null,
  }
  return {
    ...queueDefinition(place, info),
    ...figures,
    ...lengths(info.messagesReady, info.messagesUnacked, counters, asked),
    ...(stats === undefined ? {} : { message_stats: stats }),
  }
}

/** What one queue has more than those of a list. */
export function exclusiveTag(consumers: readonly ConsumerInfo[]): string | null {
  return consumers.find(({ exclusive }) => exclusive)?.tag ?? null
}

const NONE = { count: 0, bytes: 0 }

/** Tools read these of Erlang's processes; the broker has none. */
export const NO_COLLECTOR = {
  fullsweep_after: 0,
  max_heap_size: 0,
  min_bin_vheap_size: 0,
  min_heap_size: 0,
  minor_gcs: 0,
} as const

function secondsOf(timestamp: Date | bigint | undefined): number | bigint | null {
  if (timestamp === undefined) return null
  return timestamp instanceof Date ? Math.floor(timestamp.getTime() / 1000) : timestamp
}
