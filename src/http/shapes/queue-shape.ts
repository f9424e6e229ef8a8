/** Queues as RabbitMQ shows them. */

import type { SampledCounter } from '../../embedded/embedded-statistics.ts'
import type { ConsumerInfo, QueueInfo } from '../../embedded/entities.ts'
import { jsonTable, timeText } from '../json.ts'
import { lengths, queueStats } from './message-stats.ts'
import type { SampleRequest } from './rates.ts'

export interface QueuePlace {
  readonly vhost: string
  readonly node: string
}

/** What `disable_stats` leaves. JSON leaves out what is undefined. */
export function queueDefinition({ vhost, node }: QueuePlace, info: QueueInfo) {
  const isQuorum = info.type === 'quorum'
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
    leader: isQuorum ? node : undefined,
    members: isQuorum ? [node] : undefined,
    online: isQuorum ? [node] : undefined,
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
  idleSinceMs: number | undefined,
) {
  const definition = queueDefinition(place, info)
  const length = lengths(info.messagesReady, info.messagesUnacked, counters, asked)
  const { messages } = length
  const bytes = info.bytesReady + info.bytesUnacked
  // Field by field: lists make very many of these, and a spread of so many is slow.
  return {
    arguments: definition.arguments,
    auto_delete: definition.auto_delete,
    durable: definition.durable,
    exclusive: definition.exclusive,
    name: definition.name,
    node: definition.node,
    state: queueState(info),
    type: definition.type,
    vhost: definition.vhost,
    leader: definition.leader,
    members: definition.members,
    online: definition.online,
    consumer_capacity: info.consumers > 0 ? 1 : 0,
    consumer_utilisation: info.consumers > 0 ? 1 : 0,
    consumers: info.consumers,
    effective_policy_definition: info.effectivePolicyDefinition,
    exclusive_consumer_tag: null,
    garbage_collection: NO_COLLECTOR,
    head_message_timestamp: secondsOf(info.headTimestamp),
    idle_since: timeText(idleSinceMs),
    memory: bytes,
    message_bytes: bytes,
    message_bytes_paged_out: 0,
    message_bytes_persistent: info.durable ? bytes : 0,
    message_bytes_ram: bytes,
    message_bytes_ready: info.bytesReady,
    message_bytes_unacknowledged: info.bytesUnacked,
    messages_delayed: info.messagesDelayed,
    messages_paged_out: 0,
    messages_persistent: info.durable ? messages : 0,
    messages_ram: messages,
    messages_ready_ram: info.messagesReady,
    messages_unacknowledged_ram: info.messagesUnacked,
    operator_policy: info.operatorPolicy ?? null,
    policy: info.policy ?? null,
    recoverable_slaves: null,
    reductions: 0,
    reductions_details: { rate: 0 },
    single_active_consumer_tag: info.singleActiveConsumer ?? null,
    messages,
    messages_details: length.messages_details,
    messages_ready: length.messages_ready,
    messages_ready_details: length.messages_ready_details,
    messages_unacknowledged: length.messages_unacknowledged,
    messages_unacknowledged_details: length.messages_unacknowledged_details,
    message_stats: queueStats(info, counters, asked),
  }
}

/**
 * RabbitMQ's view of a quorum queue's log, member by member: this node is the only one. The numbers of its entries are those of messages
 * since the server started.
 */
export function quorumStatus(node: string, { messagesPublished, messagesReady, messagesUnacked }: QueueInfo) {
  return [
    {
      'Node Name': node,
      'Raft State': 'leader',
      Membership: 'voter',
      'Last Log Index': messagesPublished,
      'Last Written': messagesPublished,
      'Last Applied': messagesPublished,
      'Commit Index': messagesPublished,
      'Snapshot Index': Math.max(0, messagesPublished - messagesReady - messagesUnacked),
      Term: 1,
      'Machine Version': 7,
    },
  ]
}

export function queueState({ paused }: Pick<QueueInfo, 'paused'>): string {
  return paused ? 'stopped' : 'running'
}

/** What one queue has more than those of a list. */
export function exclusiveTag(consumers: Iterable<ConsumerInfo>): string | null {
  // An exclusive one is alone.
  for (const { exclusive, tag } of consumers) return exclusive ? tag : null
  return null
}

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
