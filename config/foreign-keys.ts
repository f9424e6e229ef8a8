// Settings of RabbitMQ that mean nothing to Leveret. A file that has them is right, and is told apart from one with a typing
// mistake: the warning says why the setting is ignored, and names no other key.

interface ForeignKeys {
  /** Each stands for itself and for what is below it: `mqtt` for `mqtt.vhost`. */
  readonly keys: readonly string[]
  /** Ends `… is ignored: `. */
  readonly reason: string
}

const FOREIGN_KEYS: readonly ForeignKeys[] = [
  { keys: ['mqtt', 'web_mqtt'], reason: 'Leveret does not speak MQTT' },
  { keys: ['stomp', 'web_stomp'], reason: 'Leveret does not speak STOMP' },
  { keys: ['amqp1_0'], reason: 'Leveret does not speak AMQP 1.0' },
  { keys: ['stream'], reason: 'Leveret has no streams' },
  {
    keys: ['aws', 'event_exchange', 'federation', 'shovel', 'tracing', 'trust_store'],
    reason: 'Leveret does not have this plugin',
  },
  {
    keys: [
      'cluster_formation',
      'cluster_keepalive_interval',
      'cluster_partition_handling',
      'cluster_tags',
      'delegate_count',
      'distributed_cookie',
      'distribution',
      'mirroring_sync_batch_size',
      'mirroring_sync_max_throughput',
      'net_ticktime',
      'node_tags',
      'nodename',
      'queue_leader_locator',
      'queue_master_locator',
      'quorum_cluster_size',
      'quorum_membership_reconciliation',
    ],
    reason: 'Leveret is one node',
  },
  { keys: ['cluster_name'], reason: 'the name is set with PUT /api/cluster-name, and kept' },
  {
    keys: [
      'background_gc_enabled',
      'background_gc_target_interval',
      'default_worker_pool_size',
      'erlang',
      'hipe_compile',
      'num_acceptors',
      'socket_writer',
      'sysmon_handler',
    ],
    reason: 'it is about Erlang',
  },
  {
    keys: [
      'memory_monitor_interval',
      'total_memory_available_override_value',
      'vm_memory_calculation_strategy',
      'vm_memory_high_watermark_paging_ratio',
    ],
    reason: 'Leveret measures its memory in its own way; --memory-limit is all there is to say',
  },
  { keys: ['disk_free_limit.relative'], reason: 'Leveret takes a size: disk_free_limit.absolute' },
  {
    keys: [
      'classic_queue',
      'message_store_shutdown_timeout',
      'metadata_store',
      'mnesia_table_loading_retry_limit',
      'mnesia_table_loading_retry_timeout',
      'msg_store_file_size_limit',
      'queue_index_embed_msgs_below',
      'quorum_queue',
      'raft',
      'vhost_restart_strategy',
    ],
    reason: 'Leveret stores messages in its own way',
  },
  {
    keys: [
      'collect_statistics',
      'collect_statistics_interval',
      'management.db_cache_multiplier',
      'management.disable_stats',
      'management.enable_queue_totals',
      'management.rates_mode',
      'management.sample_retention_policies',
      'management_agent',
    ],
    reason: 'Leveret samples its counters every five seconds',
  },
  {
    keys: ['management', 'prometheus'],
    reason: 'the HTTP listeners of Leveret do not have this setting',
  },
  {
    keys: ['log.exchange', 'log.journald', 'log.syslog'],
    reason: 'Leveret logs to standard output, which a service manager passes on',
  },
  {
    keys: [
      'log.channel',
      'log.connection',
      'log.federation',
      'log.mirroring',
      'log.prelaunch',
      'log.queue',
      'log.ra',
      'log.shovel',
      'log.upgrade',
    ],
    reason: 'the log of Leveret has one level for everything; --log-level is that',
  },
  { keys: ['log.console', 'log.default'], reason: '--log-level and --log-format are all there is to say' },
  { keys: ['log.file.rotation'], reason: 'another program moves the log file away, and sends SIGHUP' },
  { keys: ['log.file'], reason: '--log-file, --log-file-level and --log-format are all there is to say' },
  { keys: ['tcp_listen_options'], reason: 'Leveret knows by itself what its sockets need' },
  {
    keys: [
      'definitions',
      'deprecated_features',
      'feature_flags',
      'load_definitions',
      'motd_file',
      'permit_deprecated_features',
      'product',
      'reverse_dns_lookups',
      'ssl_allow_poodle_attack',
    ],
    reason: 'Leveret does not have this setting',
  },
]

/** Why this key of RabbitMQ's means nothing here; undefined when RabbitMQ has no such key either. */
export function foreignKeyReason(key: string): string | undefined {
  const isMeant = (known: string): boolean => key === known || key.startsWith(`${known}.`)
  return FOREIGN_KEYS.find(({ keys }) => keys.some(isMeant))?.reason
}
