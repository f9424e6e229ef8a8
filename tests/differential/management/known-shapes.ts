// Differences between the management API of RabbitMQ 3.10 and ours that are meant. 4.2, which ours follows, is newer than what Debian has.

export interface KnownDifference {
  /** Found in `<request> <difference>`. */
  readonly pattern: RegExp
  readonly reason: string
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  // Whole answers.
  {
    pattern:
      /^\/(?:version|deprecated-features(?:\/used)?|queues\/detailed|users\/(?::user|none)\/queues|queues\/quorum\/:vhost\/:queue\/status|connections\/:connection\/sessions|config\/effective|health\/checks\/(?:is-in-service|below-node-connection-limit|ready-to-serve-clients|metadata-store\/initialized(?:\/with-data)?|reached-target-cluster-size|quorum-queues-without-elected-leaders\S*)) answers \d+, not 404/,
    reason: 'came with 3.13 or 4.x',
  },
  { pattern: /^\/auth\/hash_password\/:password answers \d+, not 404/, reason: 'came with 4.x' },
  { pattern: /^\/auth\/attempts\/:node\/source has \[\]$/, reason: 'RabbitMQ has to be told to count by source' },
  {
    pattern:
      /^\/(?:queues\/:vhost\/:queue\/peek|health\/(?:ready|live|checks\/warnings)|events|openapi\.json) answers \d+, not 404/,
    reason: 'our own',
  },
  { pattern: /^\/nodes\/:node\/memory\/(?:ets|relative) answers 404/, reason: 'tables of Erlang' },
  { pattern: /^\/nodes\/none@nowhere answers 404, not 500/, reason: 'RabbitMQ asks that node and fails' },
  {
    pattern: /^\/connections\/username\/:username answers 200, not 500/,
    reason: 'RabbitMQ fails for who is no monitor',
  },
  { pattern: /^\/extensions lacks \[\]$/, reason: 'there is no user interface to extend' },

  // What users may see.
  {
    pattern: /^\/feature-flags answers 200, not 401/,
    reason: 'no secret; clients ask for them without being administrators',
  },
  { pattern: /^\/vhosts\/:vhost answers 200, not 401/, reason: 'the list tells such users the same' },
  { pattern: /^\/vhosts\/none answers 404, not 401/, reason: 'the same' },
  {
    pattern: /^\/user-limits(?:\/:user)? answers 401, not 200/,
    reason: 'it names users, who are the administrators’ matter',
  },
  { pattern: /^\/consumers\/:vhost answers 401, not 200/, reason: 'the same as for its queues' },
  {
    pattern: /^\/queues\?page=1&name=%5E%5B&use_regex=true answers 400, not 200/,
    reason: 'a wrong pattern is wrong for an empty list, too',
  },
  {
    pattern: /^\/(?:queues|exchanges|bindings|vhosts)\/:vhost\S* answers 200, not 401, to monitoring/,
    reason: 'from 3.11 on a monitor sees all virtual hosts',
  },

  // Fields that 3.10 has and 4.2 or we have not.
  { pattern: / lacks \S*\.backing_queue_status$/, reason: 'the insides of 3.10’s queues' },
  { pattern: / lacks \S*\.(?:io|mnesia|msg_store|queue_index)_\w+$/, reason: 'counters of 3.10’s storage' },
  {
    pattern: / lacks \S*\.disk_(?:reads|writes)(?:_details)?$/,
    reason: 'no message is read or written for itself here',
  },
  { pattern: / lacks \S*\.(?:open_files|single_active_consumer_ctag)$/, reason: 'of 3.10’s quorum queues' },
  {
    pattern: / lacks \S*\.messages?_(?:bytes_)?dlx$/,
    reason: 'what waits for its dead letter queue is counted by the metrics',
  },
  { pattern: / \S*\.socket_opts(?:\.\w+$| is object, not )/, reason: 'options of Erlang’s sockets' },
  { pattern: / lacks \S*\.config_files\[\]$/, reason: 'there may be no config file' },
  { pattern: / lacks \S*\.idle_since$/, reason: 'known from the samples: of what was used, some seconds later' },
  {
    pattern: /^\/definitions\/:vhost lacks \.(?:parameters|policies)\[\]\.vhost$/,
    reason: 'not in 4.x: they belong to the virtual host that they are imported into',
  },
  {
    pattern: /^\/(?:global-parameters|all-configuration|definitions) \S*\[\]\.value is object, not /,
    reason: 'RabbitMQ keeps an id of the cluster there',
  },
  {
    pattern: /^\/(?:overview|connections)\?columns=\S+ lacks \S*\.(?:queue_totals|client_properties)\./,
    reason: '3.10 gives all of an object of which one field is asked for',
  },

  // Fields that came with 4.x, and our own.
  {
    pattern:
      /^\/overview\S* has \.(?:leveret_version|cluster_tags|node_tags|default_queue_type|is_op_policy_updating_enabled)$/,
    reason: 'new',
  },
  { pattern: / has \S*\.listeners\[\]\.tls$/, reason: 'new' },
  { pattern: / has \S*\.contexts\[\]\.(?:node|ssl_opts|protocol)$/, reason: 'new' },
  { pattern: /^\/nodes\S* has \S*\.(?:being_drained|metadata_store|metadata_store_ets)$/, reason: 'new' },
  { pattern: /^\/auth has \.oauth_enabled$/, reason: 'new' },
  { pattern: /^\/whoami has \.is_internal_user$/, reason: 'new' },
  { pattern: / has \S*\.(?:consumer_timeout|protected_from_deletion|default_queue_type)$/, reason: 'new' },
  { pattern: /^\/queues\/:vhost\/quorum has /, reason: 'queues of both types have the same fields' },
  {
    pattern: / has \.(?:deliveries|incoming|outgoing|publishes)\[\]$/,
    reason: 'RabbitMQ’s are empty when nothing flows',
  },
  { pattern: / has \S*\.messages_delayed$/, reason: 'our own: what waits for a retry' },
  { pattern: /^\/(?:definitions\S*|all-configuration) has /, reason: 'definitions have more in 4.x' },
  { pattern: /^\/connections\/username\/:username has /, reason: '3.10 gives three fields of each' },
]
