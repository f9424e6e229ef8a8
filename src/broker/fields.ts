/** Comparing and naming the values of field tables the way RabbitMQ does. */
import type { Field } from '../../protocol/field-table.ts'

/** RabbitMQ's names of the value types, as they appear in its error texts. */
const TYPE_NAMES: Record<Field['type'], string> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  L: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  S: 'longstr',
  x: 'binary',
  T: 'timestamp',
  F: 'table',
  A: 'array',
  V: 'void',
}

const INTEGER_TYPES = new Set(['b', 'B', 's', 'u', 'I', 'i', 'l', 'L'])

export function fieldTypeName(field: Field): string {
  return TYPE_NAMES[field.type]
}

/** The value of any of the integer types, which RabbitMQ compares as numbers; undefined for all other types. */
export function integerValue(field: Field): bigint | undefined {
  return INTEGER_TYPES.has(field.type) ? BigInt(field.value as number | bigint) : undefined
}

/**
 * A text that is the same for the values which a headers exchange takes for the same: RabbitMQ compares values alone,
 * whatever their types, so that a number equals a timestamp, and a string the same bytes. Inside of arrays and tables
 * types count (`equalFields`). Undefined for NaN, which equals nothing.
 */
export function valueKey(field: Field): string | undefined {
  switch (field.type) {
    case 'T':
      return `n${field.value}`
    case 'S':
    case 'x':
      return `b${octetsOf(field.value)}`
    default:
      return nestedKey(field)
  }
}

/** The same for equal fields, and for no others. */
function nestedKey(field: Field): string | undefined {
  const integer = integerValue(field)
  if (integer !== undefined) return `n${integer}`
  switch (field.type) {
    case 'f':
    case 'd':
      return Number.isNaN(field.value) ? undefined : `f${field.value}`
    case 'S':
    case 'x': {
      const octets = octetsOf(field.value)
      return `${field.type}${octets.length}:${octets}`
    }
    case 'D':
      return `D${field.value.scale}/${field.value.unscaled}`
    case 'A':
      return joined('A', field.value.map(nestedKey))
    case 'F':
      return joined(
        'F',
        [...field.value]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, value]) => {
            const key = nestedKey(value)
            return key === undefined ? undefined : `${name.length}:${name}${key}`
          }),
      )
    default:
      return `${field.type}${String(field.value)}`
  }
}

function joined(type: string, keys: readonly (string | undefined)[]): string | undefined {
  return keys.includes(undefined) ? undefined : `${type}(${keys.join(',')})`
}

/** A character for each octet. */
function octetsOf(value: string | Uint8Array): string {
  return Buffer.from(value as string).toString('latin1')
}

/** Equal by value: the integer types are one, an integer never equals a float, a string or a boolean. */
export function equalFields(a: Field, b: Field): boolean {
  const integer = integerValue(a)
  if (integer !== undefined) return integer === integerValue(b)
  if ((a.type === 'f' || a.type === 'd') && (b.type === 'f' || b.type === 'd')) return a.value === b.value
  if (a.type !== b.type) return false
  switch (a.type) {
    case 'A':
      return equalLists(a.value, b.value as readonly Field[])
    case 'F':
      return equalTables(a.value, b.value as ReadonlyMap<string, Field>)
    case 'S':
    case 'x':
      return Buffer.from(a.value as string).equals(Buffer.from(b.value as string))
    case 'D': {
      const other = b.value as { scale: number; unscaled: number }
      return a.value.scale === other.scale && a.value.unscaled === other.unscaled
    }
    default:
      return a.value === b.value
  }
}

function equalLists(a: readonly Field[], b: readonly Field[]): boolean {
  return a.length === b.length && a.every((field, i) => equalFields(field, b[i] as Field))
}

function equalTables(a: ReadonlyMap<string, Field>, b: ReadonlyMap<string, Field>): boolean {
  if (a.size !== b.size) return false
  for (const [key, field] of a) {
    const other = b.get(key)
    if (other === undefined || !equalFields(field, other)) return false
  }
  return true
}

/** A value for an error text: strings in quotes, the rest as Erlang would print it. */
export function fieldText(field: Field): string {
  switch (field.type) {
    case 'S':
      return `"${String(field.value)}"`
    case 'V':
      return 'undefined'
    case 'F':
    case 'A':
      return `a ${fieldTypeName(field)}`
    case 'D':
      return `{${field.value.scale},${field.value.unscaled}}`
    case 'x':
      return `<<${field.value.join(',')}>>`
    default:
      return String(field.value)
  }
}
