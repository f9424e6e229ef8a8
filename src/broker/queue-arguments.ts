/** The queue arguments RabbitMQ knows: what values they take. Arguments not listed here are kept and not looked at. */
import type { Field, FieldTable } from '../../protocol/field-table.ts'
import { refuse } from './errors.ts'
import { fieldTypeName, integerValue } from './fields.ts'

/** RabbitMQ's longest time in milliseconds: ten years. */
const TIME_MS_MAX = 315_360_000_000n
const PRIORITY_MAX = 255n

/** Why a value is refused, in RabbitMQ's words, or undefined when it is fine. */
type Check = (field: Field, all: FieldTable) => string | undefined

const integer =
  (check: (value: bigint) => string | undefined): Check =>
  (field) => {
    const value = integerValue(field)
    return value === undefined ? `{unacceptable_type,${fieldTypeName(field)}}` : check(value)
  }

const notNegative = (value: bigint): string | undefined => (value < 0n ? `{value_negative,${value}}` : undefined)

const time = (value: bigint): string | undefined =>
  notNegative(value) ?? (value > TIME_MS_MAX ? `{value_too_large,${value}}` : undefined)

const text: Check = (field) => (field.type === 'S' ? undefined : `{unacceptable_type,${fieldTypeName(field)}}`)

const boolean: Check = (field) => (field.type === 't' ? undefined : `{unacceptable_type,${fieldTypeName(field)}}`)

const oneOf =
  (values: readonly string[], why: string): Check =>
  (field) =>
    text(field, new Map()) ?? (values.includes(String(field.value)) ? undefined : why)

const QUEUE_ARGUMENTS: Readonly<Record<string, Check>> = {
  'x-expires': integer((value) => (value === 0n ? '{value_zero,0}' : time(value))),
  'x-message-ttl': integer(time),
  'x-dead-letter-exchange': text,
  'x-dead-letter-routing-key': (field, all) =>
    text(field, all) ?? (all.has('x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined'),
  'x-max-length': integer(notNegative),
  'x-max-length-bytes': integer(notNegative),
  'x-max-priority': integer(
    (value) => notNegative(value) ?? (value > PRIORITY_MAX ? `{max_value_exceeded,${value}}` : undefined),
  ),
  'x-overflow': oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'invalid_overflow'),
  'x-single-active-consumer': boolean,
  'x-queue-mode': oneOf(['default', 'lazy'], 'invalid_queue_mode'),
  'x-queue-version': integer((value) => (value === 1n || value === 2n ? undefined : `{unsupported_version,${value}}`)),
  'x-queue-type': (field, all) =>
    text(field, all) ?? (field.value === 'classic' ? undefined : `"unsupported queue type '${String(field.value)}'"`),
}

/** The arguments that two declarations of a queue must agree on. */
export const COMPARED_ARGUMENTS: readonly string[] = Object.keys(QUEUE_ARGUMENTS).filter(
  (name) => name !== 'x-queue-type',
)

export function checkQueueArguments(queueName: string, vhostName: string, all: FieldTable): void {
  for (const [name, field] of all) {
    if (!Object.hasOwn(QUEUE_ARGUMENTS, name)) continue
    const why = QUEUE_ARGUMENTS[name]?.(field, all)
    if (why !== undefined) throw refuse.invalidArgument(name, ['queue', queueName, vhostName], why)
  }
}
