/** The arguments of queues. */
import type { Field, FieldTable } from '../../../protocol/field-table.ts'
import { textValue } from '../fields.ts'
import {
  aboveZero,
  boolean,
  integer,
  notNegative,
  oneOf,
  text,
  time,
  timeAboveZero,
  unsupported,
} from './argument-checks.ts'
import {
  type ArgumentTable,
  argumentsOf,
  asFlag,
  asNumber,
  asOneOf,
  checkArguments,
  policyKey,
  type QueueTypeName,
  type Settings,
  settingsOf,
} from './argument-table.ts'
import { QUEUE_KIND_NAMES, type QueueKindName, queueType } from './queue-kinds.ts'

/** The time that every message has. */
export const MESSAGE_TTL = 'x-message-ttl'
const QUEUE_TYPE = 'x-queue-type'
const PRIORITY_MAX = 255n
const DEAD_LETTER_STRATEGIES = ['at-most-once', 'at-least-once'] as const
const RETRY_TYPES = ['disabled', 'all', 'failed', 'returned'] as const
const OVERFLOWS = ['drop-head', 'reject-publish', 'reject-publish-dlx'] as const
const LEADER_LOCATORS = ['client-local', 'balanced', 'random', 'least-leaders', 'min-masters']

const CLASSIC: readonly QueueTypeName[] = ['classic']
const QUORUM: readonly QueueTypeName[] = ['quorum']
const STREAM: readonly QueueTypeName[] = ['stream']
const CLASSIC_AND_QUORUM: readonly QueueTypeName[] = ['classic', 'quorum']
const ALL: readonly QueueTypeName[] = ['classic', 'quorum', 'stream']

/** In RabbitMQ's order: of several that are wrong, or that differ from an earlier declaration, the first is named. */
const QUEUE_ARGUMENTS = {
  'x-expires': {
    types: CLASSIC_AND_QUORUM,
    check: integer(timeAboveZero),
    setting: 'expiresMs',
    read: asNumber,
    policy: 'lower',
  },
  [MESSAGE_TTL]: {
    types: CLASSIC_AND_QUORUM,
    check: integer(time),
    setting: 'messageTtlMs',
    read: asNumber,
    policy: 'lower',
  },
  'x-dead-letter-exchange': {
    types: CLASSIC_AND_QUORUM,
    isExchangeName: true,
    setting: 'deadLetterExchange',
    read: textValue,
    policy: 'argument',
  },
  'x-dead-letter-routing-key': {
    types: CLASSIC_AND_QUORUM,
    check: (field: Field, all: FieldTable) =>
      text(field, all) ?? (all.has('x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined'),
    setting: 'deadLetterRoutingKey',
    read: textValue,
    policy: 'argument',
  },
  'x-max-length': {
    types: CLASSIC_AND_QUORUM,
    check: integer(notNegative),
    setting: 'maxLength',
    read: asNumber,
    policy: 'lower',
  },
  'x-max-length-bytes': {
    types: ALL,
    check: integer(notNegative),
    setting: 'maxLengthBytes',
    read: asNumber,
    policy: 'lower',
  },
  'x-max-priority': {
    types: CLASSIC,
    check: integer(
      (value) => notNegative(value) ?? (value > PRIORITY_MAX ? `{max_value_exceeded,${value}}` : undefined),
    ),
    setting: 'maxPriority',
    read: asNumber,
  },
  'x-overflow': {
    types: CLASSIC_AND_QUORUM,
    check: oneOf(OVERFLOWS, () => 'invalid_overflow'),
    setting: 'overflow',
    read: (field: Field, type: QueueTypeName) => {
      const overflow = asOneOf(OVERFLOWS)(field)
      // RabbitMQ: a quorum queue takes it, and does not do it.
      return type === 'quorum' && overflow === 'reject-publish-dlx' ? undefined : overflow
    },
    default: 'drop-head',
    policy: 'argument',
    isQuorumPolicyStronger: true,
  },
  'x-consumer-timeout': {
    types: CLASSIC_AND_QUORUM,
    check: integer(notNegative),
    setting: 'consumerTimeoutMs',
    read: asNumber,
    policy: 'lower',
  },
  'x-queue-mode': { types: CLASSIC, check: oneOf(['default', 'lazy'], unsupported('mode')) },
  'x-queue-version': {
    types: CLASSIC,
    check: integer(
      (value) => notNegative(value) ?? (value === 1n || value === 2n ? undefined : unsupported('version')(value)),
    ),
  },
  'x-single-active-consumer': {
    types: CLASSIC_AND_QUORUM,
    check: boolean,
    setting: 'isSingleActiveConsumer',
    read: asFlag,
    default: false,
  },
  [QUEUE_TYPE]: { types: ALL, check: oneOf(QUEUE_KIND_NAMES, unsupported('type')) },
  'x-queue-master-locator': { types: CLASSIC },
  'x-queue-leader-locator': { types: ALL, check: oneOf(LEADER_LOCATORS, () => 'invalid_queue_locator_arg') },
  'x-dead-letter-strategy': {
    types: QUORUM,
    check: oneOf(DEAD_LETTER_STRATEGIES, () => 'invalid_dlx_strategy'),
    setting: 'deadLetterStrategy',
    read: asOneOf(DEAD_LETTER_STRATEGIES),
    default: 'at-most-once',
    policy: 'argument',
  },
  'x-delivery-limit': {
    // RabbitMQ: quorum queues only.
    types: CLASSIC_AND_QUORUM,
    check: integer(() => undefined),
    setting: 'deliveryLimit',
    read: asNumber,
    policy: 'lower',
    quorumDefault: 20,
  },
  // RabbitMQ 4.3: quorum queues only.
  'x-delayed-retry-type': {
    types: CLASSIC_AND_QUORUM,
    check: oneOf(RETRY_TYPES, () => 'invalid_delayed_retry_type'),
    setting: 'delayedRetryType',
    read: asOneOf(RETRY_TYPES),
    default: 'disabled',
    policy: 'argument',
    isQuorumPolicyStronger: true,
  },
  'x-delayed-retry-min': {
    types: CLASSIC_AND_QUORUM,
    check: integer(time),
    setting: 'delayedRetryMinMs',
    read: asNumber,
    policy: 'argument',
    isQuorumPolicyStronger: true,
  },
  'x-delayed-retry-max': {
    types: CLASSIC_AND_QUORUM,
    check: integer(time),
    setting: 'delayedRetryMaxMs',
    read: asNumber,
    policy: 'argument',
    isQuorumPolicyStronger: true,
  },
  'x-initial-cluster-size': { types: STREAM },
  'x-max-age': { types: STREAM },
  'x-max-in-memory-bytes': { types: QUORUM, check: integer(notNegative) },
  'x-max-in-memory-length': { types: QUORUM, check: integer(notNegative) },
  'x-quorum-initial-group-size': { types: QUORUM, check: integer(aboveZero) },
  'x-quorum-target-group-size': { types: QUORUM, check: integer(aboveZero) },
  'x-stream-filter-size-bytes': { types: STREAM },
  'x-stream-max-segment-size-bytes': { types: STREAM },
} as const satisfies ArgumentTable

/**
 * What a queue does by its arguments, and by the policy that applies to it. A queue is given another one, as a whole, when
 * that changes.
 */
export type QueueSettings = Settings<typeof QUEUE_ARGUMENTS>

/** The settings that these arguments make, and a policy: a table of what it sets, by the policy's keys. */
export const queueSettings: (all: FieldTable, policy?: FieldTable) => QueueSettings = settingsOf(
  QUEUE_ARGUMENTS,
  queueType,
)

/** Whether a queue does the same by both. */
export function areEqualSettings(one: QueueSettings, other: QueueSettings): boolean {
  if (one === other) return true
  // Both have an entry for each setting.
  return (Object.keys(one) as (keyof QueueSettings)[]).every((setting) => one[setting] === other[setting])
}

/** RabbitMQ compares the arguments of a quorum queue in this order; those that it does not know come behind them. */
const QUORUM_ORDER: readonly (keyof typeof QUEUE_ARGUMENTS)[] = [
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-dead-letter-strategy',
  'x-expires',
  'x-max-length',
  'x-max-length-bytes',
  'x-max-in-memory-length',
  'x-max-in-memory-bytes',
  'x-overflow',
  'x-single-active-consumer',
  'x-queue-type',
  'x-quorum-initial-group-size',
  'x-delivery-limit',
  'x-message-ttl',
  'x-queue-leader-locator',
]

const COMPARED_BY_TYPE = {
  classic: argumentsOf(QUEUE_ARGUMENTS, 'classic'),
  quorum: [...new Set([...QUORUM_ORDER, ...argumentsOf(QUEUE_ARGUMENTS, 'quorum')])],
  stream: argumentsOf(QUEUE_ARGUMENTS, 'stream'),
} as const satisfies Readonly<Record<QueueTypeName, readonly string[]>>

/** The arguments that two declarations of a queue of this type must agree on. */
export function comparedArguments(type: QueueTypeName): readonly string[] {
  return COMPARED_BY_TYPE[type]
}

/** Throws BrokerError. */
export function checkQueueArguments(queueName: string, vhostName: string, all: FieldTable): void {
  // The type decides what the others mean, so RabbitMQ looks at it first.
  checkArguments(QUEUE_ARGUMENTS, queueType(all), ['queue', queueName, vhostName], all, QUEUE_TYPE)
}

/** A queue without a type is of this one. */
export function withQueueType(all: FieldTable, type: QueueKindName = 'classic'): FieldTable {
  return all.has(QUEUE_TYPE) ? all : new Map(all).set(QUEUE_TYPE, { type: 'S', value: type })
}

/** The argument that client libraries know by this name: `messageTtl` is `x-message-ttl`. */
export function argumentOfProperty(property: string): string | undefined {
  return Object.keys(QUEUE_ARGUMENTS).find((name) => camelCase(policyKey(name)) === property)
}

function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}
