/** This server as one of RabbitMQ's nodes. What only Erlang has is 0 or empty: tools want the field. */
import type { NodeInfo } from '../../embedded/node-info.ts'

export const EXCHANGE_TYPES = [
  { name: 'direct', description: 'AMQP direct exchange, as per the AMQP specification', enabled: true },
  { name: 'fanout', description: 'AMQP fanout exchange, as per the AMQP specification', enabled: true },
  { name: 'headers', description: 'AMQP headers exchange, as per the AMQP specification', enabled: true },
  { name: 'topic', description: 'AMQP topic exchange, as per the AMQP specification', enabled: true },
] as const

/** RabbitMQ's default, which tools show: the system's own limit is none of ours. */
const UNLIMITED_FILES = 1_048_576
const STEADY = { rate: 0 } as const

export function nodeShape(node: NodeInfo) {
  const filesMax = node.filesMax ?? UNLIMITED_FILES
  const diskFree = node.diskFreeBytes ?? 0
  return {
    name: node.name,
    type: 'disc',
    running: true,
    being_drained: false,
    partitions: [],
    os_pid: String(node.pid),
    uptime: node.uptimeMs,
    run_queue: 0,
    processors: node.processors,
    rates_mode: 'basic',
    fd_total: filesMax,
    fd_used: node.filesOpen,
    fd_used_details: STEADY,
    sockets_total: filesMax,
    sockets_used: node.connections,
    sockets_used_details: STEADY,
    proc_total: UNLIMITED_FILES,
    proc_used: 1,
    proc_used_details: STEADY,
    mem_limit: node.memoryLimitBytes,
    mem_used: node.memoryUsedBytes,
    mem_used_details: STEADY,
    mem_alarm: node.hasMemoryAlarm,
    mem_calculation_strategy: 'rss',
    disk_free: diskFree,
    disk_free_details: STEADY,
    disk_free_limit: node.diskLimitBytes,
    disk_free_alarm: node.hasDiskAlarm,
    gc_num: 0,
    gc_num_details: STEADY,
    gc_bytes_reclaimed: 0,
    gc_bytes_reclaimed_details: STEADY,
    context_switches: 0,
    context_switches_details: STEADY,
    exchange_types: EXCHANGE_TYPES,
    auth_mechanisms: node.mechanisms.map((name) => ({ name, description: `SASL ${name}`, enabled: true })),
    applications: [{ name: 'leveret', description: 'Leveret', version: node.version }],
    log_files: ['<stdout>'],
    db_dir: '',
    config_files: [],
    net_ticktime: 60,
    enabled_plugins: ['rabbitmq_management', 'rabbitmq_prometheus'],
    ra_open_file_metrics: { ra_log_wal: 0, ra_log_segment_writer: 0 },
    cluster_links: [],
    metrics_gc_queue_length: {
      connection_closed: 0,
      channel_closed: 0,
      consumer_deleted: 0,
      exchange_deleted: 0,
      queue_deleted: 0,
      vhost_deleted: 0,
      node_node_deleted: 0,
      channel_consumer_deleted: 0,
    },
  }
}

/** The same as shares of a hundred. */
export function relativeMemory(node: NodeInfo) {
  const { strategy: _strategy, total, ...parts } = nodeMemory(node)
  const shares = Object.entries(parts).map(([name, bytes]) => [
    name,
    Math.round((100 * bytes) / Math.max(1, total.rss)),
  ])
  return { ...Object.fromEntries(shares), total: 100 }
}

/** RabbitMQ's parts of a node's memory. What is messages and what is the rest is all that is told apart. */
export function nodeMemory({ memoryUsedBytes }: NodeInfo) {
  return {
    connection_readers: 0,
    connection_writers: 0,
    connection_channels: 0,
    connection_other: 0,
    queue_procs: 0,
    queue_slave_procs: 0,
    quorum_queue_procs: 0,
    quorum_queue_dlx_procs: 0,
    stream_queue_procs: 0,
    stream_queue_replica_reader_procs: 0,
    stream_queue_coordinator_procs: 0,
    plugins: 0,
    other_proc: memoryUsedBytes,
    metrics: 0,
    mgmt_db: 0,
    mnesia: 0,
    metadata_store: 0,
    metadata_store_ets: 0,
    quorum_ets: 0,
    other_ets: 0,
    binary: 0,
    msg_index: 0,
    code: 0,
    atom: 0,
    other_system: 0,
    allocated_unused: 0,
    reserved_unallocated: 0,
    strategy: 'rss',
    total: { erlang: memoryUsedBytes, rss: memoryUsedBytes, allocated: memoryUsedBytes },
  }
}
