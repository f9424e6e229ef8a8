import type { Field } from '../../protocol/field-table.ts'
import { integerValue } from '../../src/broker/fields.ts'

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
