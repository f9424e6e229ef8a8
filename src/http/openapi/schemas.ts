/** What the objects of the API look like. */
import { DEFAULT_QUEUE_TYPES } from '../../embedded/vhost-options.ts'
import {
  anything,
  counters,
  each,
  either,
  fields,
  flag,
  listOf,
  number,
  oneOf,
  orNull,
  ref,
  type Schema,
  table,
  text,
  whole,
} from './schema.ts'

const queueType = oneOf(...DEFAULT_QUEUE_TYPES)
const tags = listOf(text)

const QUEUE_DEFINITION = {
  name: text,
  vhost: text,
  type: queueType,
  durable: flag,
  auto_delete: flag,
  exclusive: flag,
  arguments: table,
  node: text,
  state: oneOf('running', 'stopped'),
  'leader?': text,
  'members?': listOf(text),
  'online?': listOf(text),
}

const QUEUE_STATS = {
  ...counters('messages', 'messages_ready', 'messages_unacknowledged'),
  ...each(['messages_delayed', 'messages_persistent', 'messages_ram', 'consumers', 'memory'], whole),
  ...each(
    [
      'message_bytes',
      'message_bytes_ready',
      'message_bytes_unacknowledged',
      'message_bytes_persistent',
      'message_bytes_ram',
    ],
    whole,
  ),
  ...each(['consumer_utilisation', 'consumer_capacity'], number),
  ...each(['policy', 'operator_policy', 'exclusive_consumer_tag', 'single_active_consumer_tag'], orNull(text)),
  effective_policy_definition: table,
  head_message_timestamp: orNull(whole),
  'idle_since?': text,
  'message_stats?': ref('MessageStats'),
}

const EXCHANGE = {
  name: text,
  vhost: text,
  type: text,
  durable: flag,
  auto_delete: flag,
  internal: flag,
  arguments: table,
  user_who_performed_action: text,
  'policy?': text,
  'message_stats?': ref('MessageStats'),
}

const CONNECTION_PLACE = { name: text, peer_host: text, peer_port: whole }

const CHANNEL = {
  name: text,
  number: whole,
  node: text,
  user: text,
  vhost: text,
  state: text,
  connection_details: fields(CONNECTION_PLACE),
  confirm: flag,
  transactional: flag,
  ...each(['consumer_count', 'prefetch_count', 'global_prefetch_count', 'messages_unacknowledged'], whole),
  ...each(['messages_unconfirmed', 'messages_uncommitted', 'acks_uncommitted'], whole),
  'idle_since?': text,
  'message_stats?': ref('MessageStats'),
}

const OPTIONAL_COUNTERS = Object.fromEntries(
  Object.entries(
    counters(
      ...['publish', 'publish_in', 'publish_out', 'confirm', 'deliver', 'deliver_no_ack', 'get', 'get_no_ack'],
      ...['get_empty', 'deliver_get', 'redeliver', 'ack', 'drop_unroutable', 'return_unroutable'],
    ),
  ).map(([name, schema]) => [`${name}?`, schema]),
)

const DEFINITIONS = {
  rabbit_version: text,
  rabbitmq_version: text,
  product_name: text,
  product_version: text,
  rabbitmq_definition_format: oneOf('cluster', 'single_virtual_host'),
  explanation: text,
  ...each(['parameters', 'policies', 'queues', 'exchanges', 'bindings'], listOf(table)),
}

export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: fields({ error: text, reason: text }),
  Details: fields({
    rate: number,
    'samples?': listOf(fields({ sample: number, timestamp: whole })),
    'avg?': number,
    'avg_rate?': number,
  }),
  MessageStats: fields(OPTIONAL_COUNTERS),
  Flow: fields({
    'exchange?': fields({ name: text, vhost: text }),
    'queue?': fields({ name: text, vhost: text }),
    'channel_details?': table,
    stats: ref('MessageStats'),
  }),
  Overview: fields({
    ...each(['management_version', 'product_version', 'product_name', 'rabbitmq_version', 'leveret_version'], text),
    ...each(
      ['rates_mode', 'cluster_name', 'node', 'erlang_version', 'erlang_full_version', 'default_queue_type'],
      text,
    ),
    ...each(['cluster_tags', 'node_tags', 'sample_retention_policies'], table),
    ...each(['disable_stats', 'enable_queue_totals', 'is_op_policy_updating_enabled'], flag),
    exchange_types: listOf(fields({ name: text, description: text, enabled: flag })),
    message_stats: ref('MessageStats'),
    churn_rates: fields(
      counters(
        ...['connection_created', 'connection_closed', 'channel_created', 'channel_closed'],
        ...['queue_declared', 'queue_created', 'queue_deleted'],
      ),
    ),
    queue_totals: fields(counters('messages', 'messages_ready', 'messages_unacknowledged')),
    object_totals: fields(each(['consumers', 'queues', 'exchanges', 'connections', 'channels'], whole)),
    listeners: listOf(fields({ node: text, protocol: text, ip_address: text, port: whole, tls: flag })),
    contexts: listOf(table),
  }),
  Name: fields({ name: text }),
  Node: fields({
    ...each(['name', 'type', 'os_pid', 'rates_mode', 'mem_calculation_strategy', 'db_dir'], text),
    ...each(['running', 'being_drained', 'mem_alarm', 'disk_free_alarm'], flag),
    ...each(['uptime', 'run_queue', 'processors', 'fd_total', 'fd_used', 'sockets_total', 'sockets_used'], whole),
    ...each(
      ['proc_total', 'proc_used', 'mem_limit', 'mem_used', 'disk_free', 'disk_free_limit', 'net_ticktime'],
      whole,
    ),
    ...each(['partitions', 'log_files', 'config_files', 'enabled_plugins', 'cluster_links'], listOf(text)),
    ...each(['applications', 'auth_mechanisms', 'exchange_types', 'contexts'], listOf(table)),
  }),
  NodeMemory: fields({ memory: table }),
  Whoami: fields({ name: text, tags, is_internal_user: flag }),
  AuthSettings: fields({ oauth_enabled: flag }),
  PasswordHash: fields({ ok: text }),
  LoginAttempts: fields({
    protocol: oneOf('amqp091', 'http'),
    ...each(['auth_attempts', 'auth_attempts_failed', 'auth_attempts_succeeded'], whole),
    'remote_address?': text,
    'username?': text,
  }),
  Event: fields({ id: whole, event: text, timestamp: whole }),
  Feature: fields(each(['name', 'desc', 'doc_url', 'state', 'stability', 'provided_by'], text)),
  Health: fields({ status: oneOf('ok', 'failed'), 'reason?': text }),
  Queue: fields({ ...QUEUE_DEFINITION, ...QUEUE_STATS }),
  QuorumStatus: fields({
    ...each(['Node Name', 'Raft State', 'Membership'], text),
    ...each(['Last Log Index', 'Last Written', 'Last Applied', 'Commit Index', 'Snapshot Index'], whole),
    ...each(['Term', 'Machine Version'], whole),
  }),
  QueueWithDetails: fields({
    ...QUEUE_DEFINITION,
    ...QUEUE_STATS,
    consumer_details: listOf(ref('Consumer')),
    deliveries: listOf(ref('Flow')),
    incoming: listOf(ref('Flow')),
  }),
  Exchange: fields(EXCHANGE),
  ExchangeWithDetails: fields({ ...EXCHANGE, incoming: listOf(ref('Flow')), outgoing: listOf(ref('Flow')) }),
  Binding: fields({
    ...each(['source', 'vhost', 'destination', 'routing_key', 'properties_key'], text),
    destination_type: oneOf('queue', 'exchange'),
    arguments: table,
  }),
  Message: fields({
    ...each(['payload_bytes', 'message_count'], whole),
    ...each(['exchange', 'routing_key', 'payload'], text),
    redelivered: flag,
    properties: table,
    payload_encoding: oneOf('string', 'base64'),
  }),
  Routed: fields({ routed: flag }),
  Connection: fields({
    ...each(
      ['name', 'node', 'protocol', 'user', 'vhost', 'host', 'peer_host', 'state', 'auth_mechanism', 'type'],
      text,
    ),
    ...each(
      ['port', 'peer_port', 'channels', 'channel_max', 'frame_max', 'timeout', 'connected_at', 'send_pend'],
      whole,
    ),
    ...counters('recv_oct', 'send_oct'),
    ssl: flag,
    client_properties: table,
    user_provided_name: orNull(text),
  }),
  Channel: fields(CHANNEL),
  ChannelWithDetails: fields({
    ...CHANNEL,
    consumer_details: listOf(ref('Consumer')),
    deliveries: listOf(ref('Flow')),
    publishes: listOf(ref('Flow')),
  }),
  Consumer: fields({
    consumer_tag: text,
    queue: fields({ name: text, vhost: text }),
    channel_details: fields({ ...CONNECTION_PLACE, connection_name: text, number: whole, node: text, user: text }),
    ...each(['ack_required', 'exclusive', 'active'], flag),
    activity_status: text,
    ...each(['prefetch_count', 'consumer_timeout'], whole),
    arguments: table,
  }),
  Vhost: fields({
    ...each(['name', 'description', 'default_queue_type'], text),
    tags,
    ...each(['tracing', 'protected_from_deletion'], flag),
    metadata: table,
    cluster_state: table,
    'message_stats?': ref('MessageStats'),
  }),
  VhostSettings: fields({
    'description?': text,
    'tags?': either(text, tags),
    'default_queue_type?': text,
    'protected_from_deletion?': flag,
  }),
  Permission: fields(each(['user', 'vhost', 'configure', 'write', 'read'], text)),
  PermissionPatterns: fields(each(['configure', 'write', 'read'], text)),
  TopicPermission: fields(each(['user', 'vhost', 'exchange', 'write', 'read'], text)),
  TopicPermissionPatterns: fields(each(['exchange', 'write', 'read'], text)),
  User: fields({ ...each(['name', 'password_hash', 'hashing_algorithm'], text), tags, limits: table }),
  UserSettings: fields({
    tags: either(text, tags),
    ...each(['password?', 'password_hash?', 'hashing_algorithm?'], text),
  }),
  UserNames: fields({ users: tags }),
  UserLimits: fields({ user: text, value: table }),
  VhostLimits: fields({ vhost: text, value: table }),
  Limit: fields({ value: whole }),
  Policy: fields({ ...each(['vhost', 'name', 'pattern', 'apply-to'], text), definition: table, priority: whole }),
  PolicySettings: fields({ pattern: text, definition: table, 'priority?': whole, 'apply-to?': text }),
  Parameter: fields({ ...each(['vhost', 'component', 'name'], text), value: table }),
  ParameterValue: fields({ value: anything }),
  GlobalParameter: fields({ name: text, value: anything }),
  Definitions: fields({
    ...DEFINITIONS,
    ...each(['users', 'vhosts', 'permissions', 'topic_permissions', 'global_parameters'], listOf(table)),
  }),
  VhostDefinitions: fields(DEFINITIONS),
  QueueSettings: fields({ 'type?': text, 'durable?': flag, 'auto_delete?': flag, 'arguments?': table }),
  ExchangeSettings: fields({
    'type?': text,
    ...each(['durable?', 'auto_delete?', 'internal?'], flag),
    'arguments?': table,
  }),
  BindingSettings: fields({ 'routing_key?': text, 'arguments?': table }),
  QueueAction: fields({
    action: oneOf('pause', 'resume', 'move', 'sync', 'cancel_sync'),
    'to?': text,
    'count?': whole,
  }),
  Publication: fields({
    ...each(['routing_key', 'payload'], text),
    payload_encoding: oneOf('string', 'base64'),
    properties: table,
  }),
  GetRequest: fields({
    count: whole,
    ackmode: oneOf('ack_requeue_true', 'ack_requeue_false', 'reject_requeue_true', 'reject_requeue_false'),
    encoding: oneOf('auto', 'base64'),
    'truncate?': whole,
  }),
  Password: fields({ password: text }),
}
