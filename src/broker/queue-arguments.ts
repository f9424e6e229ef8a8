/** The queue arguments RabbitMQ knows: what values they take. Arguments not listed here are kept and not looked at. */

import { printText } from '../../protocol/erlang-terms.ts'
import type { Field, FieldTable } from '../../protocol/field-table.ts'
import { refuse } from './errors.ts'
import { fieldTypeName, integerValue } from './fields.ts'

/** RabbitMQ's longest time in milliseconds: ten years. */
const TIME_MS_MAX = 315_360_000_000n
const PRIORITY_MAX = 255n

/** Why a value is refused, in RabbitMQ's words, or undefined when it is fine. */
type Check = (field: Field, all: FieldTable) => string | undefined

/** What RabbitMQ says of a value that should be an integer. */
export function notAnInteger(field: Field): string {
  return printText(`expected integer, got ${fieldTypeName(field)}`)
}

const integer =
  (check: (value: bigint) => string | undefined): Check =>
  (field) => {
    const value = integerValue(field)
    return value === undefined ? notAnInteger(field) : check(value)
  }

const notNegative = (value: bigint): string | undefined => (value < 0n ? `{value_negative,${value}}` : undefined)

const time = (value: bigint): string | undefined =>
  notNegative(value) ?? (value > TIME_MS_MAX ? `{value_too_large,${value}}` : undefined)

const text: Check = (field) => (field.type === 'S' ? undefined : `{unacceptable_type,${fieldTypeName(field)}}`)

const boolean: Check = (field) => (field.type === 't' ? undefined : `{unacceptable_type,${fieldTypeName(field)}}`)

const oneOf =
  (values: readonly string[], why: (value: string) => string): Check =>
  (field) =>
    text(field, new Map()) ?? (values.includes(String(field.value)) ? undefined : why(String(field.value)))

const unsupported =
  (what: string) =>
  (value: string | bigint): string =>
    printText(`unsupported queue ${what} '${value}'`)

const LEADER_LOCATORS = ['client-local', 'balanced', 'random', 'least-leaders', 'min-masters']

/** In RabbitMQ's order: of several that are wrong, or that differ from an earlier declaration, the first is named. */
const QUEUE_ARGUMENTS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['x-expires', integer((value) => (value === 0n ? '{value_zero,0}' : time(value)))],
  ['x-message-ttl', integer(time)],
  ['x-dead-letter-exchange', () => undefined],
  [
    'x-dead-letter-routing-key',
    (field, all) =>
      text(field, all) ?? (all.has('x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined'),
  ],
  ['x-max-length', integer(notNegative)],
  ['x-max-length-bytes', integer(notNegative)],
  [
    'x-max-priority',
    integer((value) => notNegative(value) ?? (value > PRIORITY_MAX ? `{max_value_exceeded,${value}}` : undefined)),
  ],
  ['x-overflow', oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], () => 'invalid_overflow')],
  ['x-queue-mode', oneOf(['default', 'lazy'], unsupported('mode'))],
  [
    'x-queue-version',
    integer(
      (value) => notNegative(value) ?? (value === 1n || value === 2n ? undefined : unsupported('version')(value)),
    ),
  ],
  ['x-single-active-consumer', boolean],
  ['x-queue-type', oneOf(['classic'], unsupported('type'))],
  ['x-queue-master-locator', () => undefined],
  ['x-queue-leader-locator', oneOf(LEADER_LOCATORS, () => 'invalid_queue_locator_arg')],
])

/** Arguments that only quorum queues and streams take. */
const ARGUMENTS_OF_OTHER_TYPES: ReadonlySet<string> = new Set([
  'x-dead-letter-strategy',
  'x-delivery-limit',
  'x-initial-cluster-size',
  'x-max-age',
  'x-max-in-memory-bytes',
  'x-max-in-memory-length',
  'x-quorum-initial-group-size',
  'x-quorum-target-group-size',
  'x-stream-filter-size-bytes',
  'x-stream-max-segment-size-bytes',
])

/** Arguments that are checked and compared, and do nothing yet. */
const WITHOUT_EFFECT: readonly string[] = [
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-expires',
  'x-max-length',
  'x-max-length-bytes',
  'x-max-priority',
  'x-message-ttl',
  'x-overflow',
  'x-single-active-consumer',
]

/** Which of these arguments have no effect: worth telling the operator. */
export function argumentsWithoutEffect(all: FieldTable): string[] {
  return WITHOUT_EFFECT.filter((name) => all.has(name))
}

/** The arguments that two declarations of a queue must agree on. */
export const COMPARED_ARGUMENTS: readonly string[] = [...QUEUE_ARGUMENTS.keys()]

export function checkQueueArguments(queueName: string, vhostName: string, all: FieldTable): void {
  const resource = ['queue', queueName, vhostName] as const
  const deadLetterExchange = all.get('x-dead-letter-exchange')
  if (deadLetterExchange !== undefined && deadLetterExchange.type !== 'S') {
    throw refuse.invalidArgumentType(fieldTypeName(deadLetterExchange), 'x-dead-letter-exchange', resource)
  }
  // The type decides what the others mean, so RabbitMQ looks at it first.
  for (const name of ['x-queue-type', ...COMPARED_ARGUMENTS]) {
    const field = all.get(name)
    const why = field === undefined ? undefined : QUEUE_ARGUMENTS.get(name)?.(field, all)
    if (why !== undefined) throw refuse.invalidArgument(name, resource, why)
  }
  for (const name of all.keys()) {
    if (ARGUMENTS_OF_OTHER_TYPES.has(name)) throw refuse.argumentOfOtherType(name, resource)
  }
}
