/**
 * What queues, exchanges, bindings, consumers and channels take in memory: what each costs by itself, and its names and arguments as
 * they are when decoded. A field of two octets becomes an object of many, so that the size on the wire would say little.
 */
import type { Field, FieldTable } from '../../../protocol/field-table.ts'

/**
 * What one takes of the heap beside its names and arguments, rounded up. 20,000 of each in memory take, by the heap's size on
 * Node.js 20: a queue 500 bytes, a topic exchange 1380, a binding to it 480, or 1100 with a wildcard. A durable queue has its
 * place in the store as well.
 */
const QUEUE_BYTES = 3000
/** What every further log takes that a queue has. */
export const LOG_BYTES = 1500
const EXCHANGE_BYTES = 1500
const BINDING_BYTES = 1200
const CONSUMER_BYTES = 1200
/** One that was just opened takes half of this. */
export const CHANNEL_BYTES = 4000
/** With what the engine of its pattern remembers. */
const POLICY_BYTES = 32_000
const STRING_BYTES = 32
const TABLE_BYTES = 256
const ENTRY_BYTES = 64
const FIELD_BYTES = 64
const BUFFER_BYTES = 256
const ITEM_BYTES = 12

interface WithArguments {
  readonly arguments: FieldTable
}

interface Named extends WithArguments {
  readonly name: string
  /** Who declared it. Most share this name, which is counted as if none did. */
  readonly user: string | undefined
}

interface Bound extends WithArguments {
  readonly id: string
  readonly routingKey: string
}

interface Tagged extends WithArguments {
  readonly tag: string
}

export function queueBytes(queue: Named & { readonly logs?: { readonly count: number } }): number {
  const { count: logCount = 1 } = queue.logs ?? {}
  return QUEUE_BYTES + (logCount - 1) * LOG_BYTES + namedBytes(queue)
}

export function exchangeBytes(exchange: Named): number {
  return EXCHANGE_BYTES + namedBytes(exchange)
}

function namedBytes({ name, user = '', arguments: table }: Named): number {
  return stringBytes(name) + stringBytes(user) + tableBytes(table)
}

/** Its id has the arguments in it, encoded. */
export function bindingBytes({ id, routingKey, arguments: bindingArguments }: Bound): number {
  return BINDING_BYTES + STRING_BYTES + id.length + stringBytes(routingKey) + tableBytes(bindingArguments)
}

export function policyBytes(policy: { readonly name: string; readonly pattern: string }): number {
  return POLICY_BYTES + stringBytes(policy.name) + stringBytes(policy.pattern)
}

export function consumerBytes(consumer: Tagged): number {
  return CONSUMER_BYTES + stringBytes(consumer.tag) + tableBytes(consumer.arguments)
}

function tableBytes(table: FieldTable): number {
  if (table.size === 0) return 0
  let bytes = TABLE_BYTES
  for (const [key, field] of table) bytes += ENTRY_BYTES + stringBytes(key) + fieldBytes(field)
  return bytes
}

function fieldBytes({ value }: Field): number {
  if (value === null) return ITEM_BYTES
  if (typeof value === 'string') return FIELD_BYTES + stringBytes(value)
  if (typeof value !== 'object') return FIELD_BYTES
  if (value instanceof Uint8Array) return FIELD_BYTES + BUFFER_BYTES + value.length
  if (value instanceof Map) return FIELD_BYTES + tableBytes(value)
  if (!Array.isArray(value)) return 2 * FIELD_BYTES
  let bytes = FIELD_BYTES + value.length * ITEM_BYTES
  for (const field of value) bytes += fieldBytes(field)
  return bytes
}

/** One octet for each character, or two for all as soon as one needs them. */
function stringBytes(text: string): number {
  return STRING_BYTES + (Buffer.byteLength(text) === text.length ? text.length : text.length * 2)
}
