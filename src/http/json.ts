/** JSON as RabbitMQ writes and reads it. */
import type { PlainTable, PlainValue } from '../../protocol/field-table-plain.ts'

export type JsonObject = { readonly [key: string]: unknown }

/** A field table: bytes are texts, times are seconds. */
export function jsonTable(table: PlainTable): JsonObject {
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [key, jsonValue(value)]))
}

function jsonValue(value: PlainValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  if (value instanceof Date) return Math.floor(value.getTime() / 1000)
  if (Array.isArray(value)) return value.map(jsonValue)
  if (typeof value === 'number' && !Number.isFinite(value)) return null
  return typeof value === 'object' && value !== null ? jsonTable(value as PlainTable) : value
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As RabbitMQ writes times; JSON leaves out what is undefined. */
export function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString().replace('Z', '+00:00')
}
