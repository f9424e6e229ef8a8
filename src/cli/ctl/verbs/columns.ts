/** rabbitmqctl's columns, and where the management API has them. */
import type { Row } from '../verb.ts'

type Column = (row: Row) => unknown

export interface Columns {
  /** By their names, in the order in which help shows them. */
  readonly known: Readonly<Record<string, Column>>
  /** Shown when none are asked for. */
  readonly usual: readonly string[]
}

/** Columns that the API has under the same names. */
function same(...names: readonly string[]): Record<string, Column> {
  return Object.fromEntries(names.map((name) => [name, (row: Row) => row[name]]))
}

/** A part of a part: `queue.name`. */
function inside(...path: readonly string[]): Column {
  return (row) => path.reduce<unknown>((at, name) => (at as Row | undefined)?.[name], row)
}

/** Of what only Erlang has. */
const nothing: Column = () => ''

/** rabbitmqctl shows the arguments of the default exchange's bindings, too; its name is empty. */
export const QUEUES: Columns = {
  known: {
    ...same('name', 'vhost', 'durable', 'auto_delete', 'arguments', 'policy', 'operator_policy'),
    ...same('effective_policy_definition', 'type', 'exclusive', 'state', 'consumers', 'consumer_utilisation'),
    ...same('consumer_capacity', 'messages', 'messages_ready', 'messages_unacknowledged', 'messages_ready_ram'),
    ...same('messages_unacknowledged_ram', 'messages_ram', 'messages_persistent', 'messages_delayed'),
    ...same('message_bytes', 'message_bytes_ready', 'message_bytes_unacknowledged', 'message_bytes_ram'),
    ...same('message_bytes_persistent', 'head_message_timestamp', 'memory', 'leader', 'members', 'online'),
    ...same('single_active_consumer_tag'),
    pid: (row) => row.node,
    owner_pid: nothing,
    exclusive_consumer_pid: nothing,
    exclusive_consumer_tag: (row) => row.exclusive_consumer_tag,
  },
  usual: ['name', 'messages'],
}

export const EXCHANGES: Columns = {
  known: same('name', 'type', 'durable', 'auto_delete', 'internal', 'arguments', 'policy', 'vhost'),
  usual: ['name', 'type'],
}

export const BINDINGS: Columns = {
  known: {
    source_name: (row) => row.source,
    source_kind: () => 'exchange',
    destination_name: (row) => row.destination,
    destination_kind: (row) => row.destination_type,
    ...same('routing_key', 'arguments', 'vhost'),
  },
  usual: ['source_name', 'source_kind', 'destination_name', 'destination_kind', 'routing_key', 'arguments'],
}

export const CONNECTIONS: Columns = {
  known: {
    pid: (row) => row.name,
    ...same('name', 'port', 'host', 'peer_port', 'peer_host', 'ssl', 'ssl_protocol', 'ssl_key_exchange', 'ssl_cipher'),
    ...same('ssl_hash', 'peer_cert_subject', 'peer_cert_issuer', 'peer_cert_validity', 'state', 'channels'),
    ...same('protocol', 'auth_mechanism', 'user', 'vhost', 'timeout', 'frame_max', 'channel_max', 'client_properties'),
    ...same('recv_oct', 'recv_cnt', 'send_oct', 'send_cnt', 'send_pend', 'connected_at', 'user_provided_name', 'node'),
    ...same('unacked_bytes', 'deliveries_wait_for'),
  },
  usual: ['user', 'peer_host', 'peer_port', 'state'],
}

export const CHANNELS: Columns = {
  known: {
    pid: (row) => row.name,
    connection: inside('connection_details', 'name'),
    ...same('name', 'number', 'user', 'vhost', 'transactional', 'confirm', 'consumer_count'),
    ...same('messages_unacknowledged', 'messages_uncommitted', 'acks_uncommitted', 'messages_unconfirmed'),
    ...same('prefetch_count', 'global_prefetch_count', 'state', 'node'),
  },
  usual: ['pid', 'user', 'consumer_count', 'messages_unacknowledged'],
}

export const CONSUMERS: Columns = {
  known: {
    queue_name: inside('queue', 'name'),
    channel_pid: inside('channel_details', 'name'),
    ...same('consumer_tag', 'ack_required', 'prefetch_count', 'active', 'activity_status', 'arguments', 'exclusive'),
    ...same('consumer_timeout'),
  },
  usual: ['queue_name', 'channel_pid', 'consumer_tag', 'ack_required', 'prefetch_count', 'active', 'arguments'],
}

export const VHOSTS: Columns = {
  known: same(
    ...['name', 'tracing', 'cluster_state', 'description', 'tags', 'default_queue_type', 'metadata'],
    'protected_from_deletion',
  ),
  usual: ['name'],
}
