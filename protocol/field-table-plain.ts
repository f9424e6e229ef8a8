import type { Field, FieldTable } from './field-table.ts'
import { FIELD_DEPTH_MAX, FIELDS_MAX } from './field-table-limits.ts'
import { isEscaped, SHORTSTR_BYTES_MAX } from './short-string.ts'

// Field tables as plain JavaScript objects, for people. The way there picks a tag by the value: integers `I`, or `l` when
// they need more than 32 bits, other numbers `d`, bigints `l`, strings `S`, booleans `t`, null `V`, bytes `x`, dates `T`,
// arrays `A`, objects `F`. The way back forgets the tag.

export type PlainValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly PlainValue[]
  | PlainTable

export interface PlainTable {
  readonly [key: string]: PlainValue
}

const INT32_MIN = -0x8000_0000
const INT32_MAX = 0x7fff_ffff
/** A character takes three bytes at most. */
const SURELY_SHORT = 85
const DATE_SECONDS_MAX = 8_640_000_000_000n

/**
 * The field table of a plain object; properties that are undefined are left out. Throws a `TypeError` for a value no tag
 * exists for (a function, an invalid date) and a `RangeError` for an integer of more than 64 bits, and when it nests deeper
 * than 32, has more than 65,536 fields, or a key of more than 255 bytes.
 */
export function fieldTable(plain: PlainTable): FieldTable {
  return toTable(plain, 1, { fields: FIELDS_MAX })
}

/** How many fields there still may be. */
interface Budget {
  fields: number
}

function toTable(plain: PlainTable, depth: number, budget: Budget): FieldTable {
  requireDepth(depth)
  const table = new Map<string, Field>()
  for (const [key, value] of Object.entries(plain)) {
    if (value === undefined) continue
    requireShortKey(key)
    table.set(key, toField(value, depth, budget))
  }
  return table
}

function toField(value: PlainValue, depth: number, budget: Budget): Field {
  if (--budget.fields < 0) throw new RangeError(`a field table may not have more than ${FIELDS_MAX} fields`)
  switch (typeof value) {
    case 'boolean':
      return { type: 't', value }
    case 'number':
      return numberField(value)
    case 'bigint':
      return { type: 'l', value: requireInt64(value) }
    case 'string':
      return { type: 'S', value }
    case 'object':
      return objectField(value, depth, budget)
    default:
      throw new TypeError(`a field table cannot hold a ${typeof value}`)
  }
}

function numberField(value: number): Field {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return { type: 'd', value }
  return value >= INT32_MIN && value <= INT32_MAX ? { type: 'I', value } : { type: 'l', value: BigInt(value) }
}

/** A key is a short string. */
function requireShortKey(key: string): void {
  if (key.length <= SURELY_SHORT || isEscaped(key) || Buffer.byteLength(key) <= SHORTSTR_BYTES_MAX) return
  throw new RangeError(`a key of a field table has at most ${SHORTSTR_BYTES_MAX} bytes`)
}

function requireInt64(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`a field table cannot hold the integer ${value}`)
  return value
}

function objectField(value: PlainValue & (object | null), depth: number, budget: Budget): Field {
  if (value === null) return { type: 'V', value }
  if (value instanceof Uint8Array) return { type: 'x', value }
  if (value instanceof Date) return { type: 'T', value: seconds(value) }
  if (isArray(value)) {
    requireDepth(depth + 1)
    return { type: 'A', value: value.map((element) => toField(element, depth + 1, budget)) }
  }
  return { type: 'F', value: toTable(value, depth + 1, budget) }
}

function isArray(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value)
}

function seconds(date: Date): bigint {
  const seconds = Math.floor(date.getTime() / 1000)
  if (!(seconds >= 0)) throw new TypeError('a field table can hold dates from 1970 on')
  return BigInt(seconds)
}

function requireDepth(depth: number): void {
  if (depth > FIELD_DEPTH_MAX) throw new RangeError(`a field table may not nest deeper than ${FIELD_DEPTH_MAX}`)
}

/**
 * The plain object of a field table. A 64-bit integer is a number where that is exact, else a bigint; a timestamp is a
 * Date, or its seconds as a bigint where no Date reaches; a decimal is the nearest number.
 */
export function plainTable(table: FieldTable): PlainTable {
  // fromEntries defines properties, so that a key `__proto__` is a key like any other
  return Object.fromEntries(Array.from(table, ([key, field]) => [key, plainValue(field)]))
}

/** The plain value of one field, as `plainTable` gives it. */
export function plainValue(field: Field): PlainValue {
  switch (field.type) {
    case 'l':
    case 'L':
      return exactNumber(field.value)
    case 'T':
      return field.value <= DATE_SECONDS_MAX ? new Date(Number(field.value) * 1000) : field.value
    case 'D':
      return field.value.unscaled / 10 ** field.value.scale
    case 'F':
      return plainTable(field.value)
    case 'A':
      return field.value.map(plainValue)
    default:
      return field.value
  }
}

function exactNumber(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
