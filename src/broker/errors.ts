/**
 * Every refusal of the broker core, with RabbitMQ's texts word for word. The core names the kind of a refusal; each
 * edge (AMQP, HTTP, the embedded API) has one map from kinds to its own codes.
 */

/** Why something is refused: AMQP's reply codes by name, AMQP 0-9-1 section 1.1. */
export type BrokerErrorKind =
  | 'not-found'
  | 'access-refused'
  | 'resource-locked'
  | 'precondition-failed'
  | 'not-allowed'
  | 'not-implemented'
  | 'resource-error'
  | 'malformed-content'
  | 'no-route'

/** The caller asked for something that the broker refuses. Nothing has changed. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly kind: BrokerErrorKind

  constructor(kind: BrokerErrorKind, text: string) {
    super(text)
    this.kind = kind
  }
}

const refusal =
  <A extends readonly unknown[]>(kind: BrokerErrorKind, text: (...parts: A) => string) =>
  (...parts: A): BrokerError =>
    new BrokerError(kind, text(...parts))

export type ResourceKind = 'queue' | 'exchange'

/** `queue 'orders' in vhost '/'`, the way RabbitMQ names things in its texts. */
function resourceText(kind: ResourceKind, name: string, vhost: string): string {
  return `${kind} '${name}' in vhost '${vhost}'`
}

type Resource = readonly [kind: ResourceKind, name: string, vhost: string]

export const refuse = {
  missing: refusal('not-found', (...of: Resource) => `no ${resourceText(...of)}`),
  noPreviousQueue: refusal('not-found', () => 'no previously declared queue'),
  missingVhost: refusal('not-allowed', (vhost: string) => `vhost ${vhost} not found`),
  missingUser: refusal('not-found', (user: string) => `user '${user}' does not exist`),
  existingUser: refusal('precondition-failed', (user: string) => `user '${user}' already exists`),
  vhostConnectionLimit: refusal(
    'not-allowed',
    (vhost: string, user: string, limit: number) =>
      `access to vhost '${vhost}' refused for user '${user}': connection limit (${limit}) is reached`,
  ),
  userConnectionLimit: refusal(
    'not-allowed',
    (user: string, limit: number) =>
      `connection refused for user '${user}': user connection limit (${limit}) is reached`,
  ),
  userChannelLimit: refusal(
    'not-allowed',
    (user: string, limit: number) =>
      `number of channels opened for user '${user}' has reached the maximum allowed user limit of (${limit})`,
  ),
  queueLimit: refusal(
    'precondition-failed',
    (queue: string, vhost: string, limit: number) =>
      `cannot declare queue '${queue}': queue limit in vhost '${vhost}' (${limit}) is reached`,
  ),
  exchangeLimit: refusal(
    'precondition-failed',
    (exchange: string, vhost: string, limit: number) =>
      `cannot declare exchange '${exchange}': exchange limit in vhost '${vhost}' (${limit}) is reached`,
  ),
  bindingLimit: refusal(
    'precondition-failed',
    (exchange: string, vhost: string, limit: number) =>
      `cannot bind to exchange '${exchange}': binding limit in vhost '${vhost}' (${limit}) is reached`,
  ),
  nodeConnectionLimit: refusal(
    'not-allowed',
    (limit: number) => `connection refused: node connection limit (${limit}) is reached`,
  ),
  nodeChannelLimit: refusal(
    'not-allowed',
    (node: string, limit: number) =>
      `number of channels opened on node '${node}' has reached the maximum allowed limit of (${limit})`,
  ),
  consumerLimit: refusal('not-allowed', (limit: number) => `reached maximum (${limit}) of consumers per channel`),
  nodeConsumerLimit: refusal('not-allowed', (limit: number) => `node consumer limit (${limit}) is reached`),
  vhostConsumerLimit: refusal(
    'not-allowed',
    (vhost: string, limit: number) => `consumer limit (${limit}) of vhost '${vhost}' is reached`,
  ),
  userConsumerLimit: refusal(
    'not-allowed',
    (user: string, limit: number) => `consumer limit (${limit}) of user '${user}' is reached`,
  ),
  vhostChannelLimit: refusal(
    'not-allowed',
    (vhost: string, limit: number) =>
      `number of channels opened in vhost '${vhost}' has reached the maximum allowed limit of (${limit})`,
  ),
  vhostLimit: refusal(
    'precondition-failed',
    (vhost: string, limit: number) => `cannot create vhost '${vhost}': vhost limit of ${limit} is reached`,
  ),
  nodeQueueLimit: refusal(
    'precondition-failed',
    (queue: string, limit: number) => `cannot declare queue '${queue}': queue limit in cluster (${limit}) is reached`,
  ),
  nodeExchangeLimit: refusal(
    'precondition-failed',
    (exchange: string, vhost: string, limit: number) =>
      `cannot declare ${resourceText('exchange', exchange, vhost)}: exchange limit of ${limit} is reached`,
  ),
  nodeBindingLimit: refusal(
    'precondition-failed',
    (exchange: string, vhost: string, limit: number) =>
      `cannot bind to ${resourceText('exchange', exchange, vhost)}: binding limit of ${limit} is reached`,
  ),
  noPermission: refusal(
    'access-refused',
    (permission: string, user: string, ...of: Resource) =>
      `${permission} access to ${resourceText(...of)} refused for user '${user}'`,
  ),
  noTopicPermission: refusal(
    'access-refused',
    (permission: string, key: string, user: string, exchange: string, vhost: string) =>
      `${permission} access to topic '${key}' in ${resourceText('exchange', exchange, vhost)} refused for user '${user}'`,
  ),
  noVhostAccess: refusal(
    'not-allowed',
    (vhost: string, user: string) => `access to vhost '${vhost}' refused for user '${user}'`,
  ),
  invalidPattern: refusal(
    'precondition-failed',
    (pattern: string, why: string) => `invalid regular expression '${pattern}': ${why}`,
  ),
  defaultExchange: refusal('access-refused', () => 'operation not permitted on the default exchange'),
  reservedName: refusal(
    'access-refused',
    (kind: ResourceKind, name: string) => `${kind} name '${name}' contains reserved prefix 'amq.*'`,
  ),
  predeclared: refusal('access-refused', (...of: Resource) => `deletion of system ${resourceText(...of)} not allowed`),
  unknownExchangeType: refusal('precondition-failed', (type: string) => `unknown exchange type '${type}'`),
  inequivalent: refusal(
    'precondition-failed',
    (argument: string, of: Resource, received: string, current: string) =>
      `inequivalent arg '${argument}' for ${resourceText(...of)}: received ${received} but current is ${current}`,
  ),
  invalidArgument: refusal(
    'precondition-failed',
    (argument: string, of: Resource, why: string) => `invalid arg '${argument}' for ${resourceText(...of)}: ${why}`,
  ),
  invalidArgumentType: refusal(
    'precondition-failed',
    (type: string, argument: string, of: Resource) =>
      `invalid type '${type}' for arg '${argument}' in ${resourceText(...of)}`,
  ),
  argumentOfOtherType: refusal(
    'precondition-failed',
    (argument: string, of: Resource, module: string) =>
      `invalid arg '${argument}' for ${resourceText(...of)} of queue type ${module}`,
  ),
  serverNamed: refusal(
    'precondition-failed',
    (module: string) => `Cannot declare a server-named queue for type ${module}`,
  ),
  invalidProperty: refusal(
    'precondition-failed',
    (property: string, ...of: Resource) => `invalid property '${property}' for ${resourceText(...of)}`,
  ),
  conditionalDelete: refusal(
    'not-implemented',
    (flag: string, ...of: Resource) =>
      `cannot delete ${resourceText(...of)}. queue.delete operations with ${flag} flag set are not supported by quorum queues`,
  ),
  globalQos: refusal('not-implemented', (...of: Resource) => `${resourceText(...of)} does not support global qos`),
  getBesideActive: refusal(
    'resource-locked',
    (...of: Resource) =>
      `cannot obtain access to locked ${resourceText(...of)}. basic.get operations are not supported by quorum queues ` +
      'with single active consumer',
  ),
  inUse: refusal('precondition-failed', (...of: Resource) => `${resourceText(...of)} in use`),
  notEmpty: refusal('precondition-failed', (...of: Resource) => `${resourceText(...of)} not empty`),
  locked: refusal(
    'resource-locked',
    (...of: Resource) =>
      `cannot obtain exclusive access to locked ${resourceText(...of)}. It could be originally declared on another ` +
      'connection or the exclusive property value does not match that of the original declaration.',
  ),
  exclusiveUse: refusal('access-refused', (...of: Resource) => `${resourceText(...of)} in exclusive use`),
  invalidXMatchType: refusal(
    'precondition-failed',
    (type: string, value: string) => `Invalid x-match field type ${type} (value ${value}); expected longstr`,
  ),
  invalidXMatch: refusal(
    'precondition-failed',
    (value: string) => `Invalid x-match field value ${value}; expected all, any, all-with-x, or any-with-x`,
  ),
  internalExchange: refusal('access-refused', (...of: Resource) => `cannot publish to internal ${resourceText(...of)}`),
  messageTooLarge: refusal(
    'precondition-failed',
    (bytes: number, limit: number) => `message size ${bytes} is larger than configured max size ${limit}`,
  ),
  invalidExpiration: refusal(
    'precondition-failed',
    (value: string, why: string) => `invalid expiration '${value}': ${why}`,
  ),
  invalidRouteHeader: refusal(
    'precondition-failed',
    (header: string, type: string) => `invalid message: {unacceptable_type_in_header,"${header}",${type}}`,
  ),
  foreignUserId: refusal(
    'precondition-failed',
    (claimed: string, user: string) => `user_id property set to '${claimed}' but authenticated user was '${user}'`,
  ),
  invalidPolicy: refusal(
    'precondition-failed',
    (problems: readonly string[]) => `Validation failed\n\n${problems.map((problem) => `${problem}\n`).join('')}`,
  ),
  tooManyPolicies: refusal(
    'precondition-failed',
    (kind: string, name: string, vhost: string, limit: number) =>
      `cannot set ${kind} '${name}' in vhost '${vhost}': there are ${limit} already`,
  ),
  parameterTooLarge: refusal(
    'precondition-failed',
    (name: string, limit: number) => `the value of global parameter '${name}' has more than ${limit} characters`,
  ),
  tooManyParameters: refusal(
    'precondition-failed',
    (name: string, limit: number) => `cannot set global parameter '${name}': there are ${limit} already`,
  ),
  protectedVhost: refusal('precondition-failed', (vhost: string) => `vhost '${vhost}' is protected from deletion`),
  malformedContent: refusal('malformed-content', () => ''),
  immediate: refusal('not-implemented', () => 'immediate=true'),
  deliveryTimeout: refusal(
    'precondition-failed',
    (channel: number, timeoutMs: number) =>
      `delivery acknowledgement on channel ${channel} timed out. Timeout value used: ${timeoutMs} ms. ` +
      'This timeout value can be configured, see consumers doc guide to learn more',
  ),
  unknownDeliveryTag: refusal('precondition-failed', (tag: number | bigint) => `unknown delivery tag ${tag}`),
  consumerTagReused: refusal('not-allowed', (tag: string) => `attempt to reuse consumer tag '${tag}'`),
  replyQueueBinding: refusal('access-refused', (...of: Resource) => `cannot bind ${resourceText(...of)}`),
  noReplyConsumer: refusal('precondition-failed', () => 'fast reply consumer does not exist'),
  replyConsumerAcks: refusal('precondition-failed', () => 'reply consumer cannot acknowledge'),
  replyConsumerExists: refusal('precondition-failed', () => 'reply consumer already set'),
  prefetchSize: refusal('not-implemented', (bytes: number) => `prefetch_size!=0 (${bytes})`),
  recoverWithoutRequeue: refusal('not-implemented', () => 'requeue=false'),
  flowOff: refusal('not-implemented', () => 'active=false'),
  confirmToTx: refusal('precondition-failed', () => 'cannot switch from confirm to tx mode'),
  txToConfirm: refusal('precondition-failed', () => 'cannot switch from tx to confirm mode'),
  notTransactional: refusal('precondition-failed', () => 'channel is not transactional'),
  unroutable: refusal(
    'no-route',
    (exchange: string, key: string) => `no queue takes a message from exchange '${exchange}' with routing key '${key}'`,
  ),
  refusedByQueue: refusal(
    'precondition-failed',
    (exchange: string, key: string) =>
      `a queue refuses the message from exchange '${exchange}' with routing key '${key}'`,
  ),
  partialTransaction: refusal('precondition-failed', () => 'partial tx completion'),
  topologyFull: refusal(
    'resource-error',
    (action: 'declare' | 'bind to' | 'consume from', ...of: Resource) =>
      `cannot ${action} ${resourceText(...of)}: memory for queues, exchanges, bindings and consumers is used up`,
  ),
  channelsFull: refusal(
    'resource-error',
    () => 'cannot open another channel: memory for queues, exchanges, bindings and consumers is used up',
  ),
  memoryAlarm: refusal('resource-error', () => 'low on memory'),
  diskAlarm: refusal('resource-error', () => 'low on disk'),
  secretRefused: refusal('not-allowed', () => 'New secret was refused by one of the backends'),
} as const
