/** Comparing and naming the values of field tables the way RabbitMQ does. */
import { printBinary, printDouble } from '../../protocol/erlang-terms.ts'
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

/** The value of a text; undefined for all other types. */
export function textValue(field: Field | undefined): string | undefined {
  return field?.type === 'S' ? Buffer.from(field.value as string).toString() : undefined
}

/**
 * A text that is the same for the values which RabbitMQ takes for the same: it compares values alone, whatever their
 * types, so that a number equals a timestamp, and a string the same bytes. Inside of arrays and tables types count, but for
 * those of integers. Undefined for NaN, which equals nothing.
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

/** Whether two values are the same, whatever their types. */
export function sameValue(a: Field, b: Field): boolean {
  const key = valueKey(a)
  return key !== undefined && key === valueKey(b)
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

/** A value as RabbitMQ prints it in its texts. */
export function fieldText(field: Field): string {
  switch (field.type) {
    case 'S':
    case 'x':
      return printBinary(Buffer.from(field.value as string))
    case 'V':
      return 'undefined'
    case 'f':
    case 'd':
      return printDouble(field.value)
    case 'D':
      return `{${field.value.scale},${field.value.unscaled}}`
    case 'A':
      return `[${field.value.map((item) => `{${fieldTypeName(item)},${fieldText(item)}}`).join(',')}]`
    case 'F':
      return `[${Array.from(field.value, entryText).join(',')}]`
    default:
      return String(field.value)
  }
}

function entryText([name, field]: readonly [string, Field]): string {
  return `{${printBinary(Buffer.from(name))},${fieldTypeName(field)},${fieldText(field)}}`
}
