import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeFieldTable, encodeFieldTable, type Field } from '../../protocol/field-table.ts'
import { fieldTable, type PlainTable, type PlainValue, plainTable } from '../../protocol/field-table-plain.ts'
import { Reader } from '../../protocol/reader.ts'
import { anyCharacter } from '../support/any-character.ts'

const { plain: plainTables } = fc.letrec<{ value: PlainValue; plain: PlainTable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
    fc.string({ unit: anyCharacter }),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000)),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('plain'),
  ),
  plain: fc.dictionary(fc.string({ maxLength: 20 }), tie('value'), { maxKeys: 5, noNullPrototype: true }),
}))

test('plain values survive the way over the wire', () => {
  fc.assert(
    fc.property(plainTables, (plain) => {
      const bytes = encodeFieldTable(fieldTable(plain))
      expect(plainTable(decodeFieldTable(new Reader(bytes)))).toEqual(plain)
    }),
  )
})

test.each<[PlainValue, Field]>([
  [null, { type: 'V', value: null }],
  [true, { type: 't', value: true }],
  [60_000, { type: 'I', value: 60_000 }],
  [-(2 ** 31), { type: 'I', value: -(2 ** 31) }],
  [2 ** 31, { type: 'l', value: 2n ** 31n }],
  [1.5, { type: 'd', value: 1.5 }],
  [2 ** 53, { type: 'd', value: 2 ** 53 }],
  [7n, { type: 'l', value: 7n }],
  ['x', { type: 'S', value: 'x' }],
  [Uint8Array.of(1), { type: 'x', value: Uint8Array.of(1) }],
  [new Date(1_999), { type: 'T', value: 1n }],
  [[1], { type: 'A', value: [{ type: 'I', value: 1 }] }],
  [{ a: 1 }, { type: 'F', value: new Map([['a', { type: 'I', value: 1 }]]) }],
])('%o becomes its field', (value, field) => {
  expect(fieldTable({ value }).get('value')).toEqual(field)
})

test.each<[Field, PlainValue]>([
  [{ type: 'L', value: 5n }, 5],
  [{ type: 'l', value: 2n ** 60n }, 2n ** 60n],
  [{ type: 'T', value: 1n }, new Date(1_000)],
  [{ type: 'T', value: 2n ** 64n - 1n }, 2n ** 64n - 1n],
  [{ type: 'D', value: { scale: 2, unscaled: 314 } }, 3.14],
  [{ type: 'B', value: 5 }, 5],
])('the field %o becomes %o', (field, value) => {
  expect(plainTable(new Map([['value', field]]))).toEqual({ value })
})

test('undefined properties are left out', () => {
  const plain = { a: 1, b: undefined } as unknown as PlainTable
  expect([...fieldTable(plain).keys()]).toEqual(['a'])
})

test('a key __proto__ is a key like any other', () => {
  const plain = plainTable(new Map([['__proto__', { type: 'F', value: new Map([['a', { type: 'I', value: 1 }]]) }]]))
  expect(Object.keys(plain)).toEqual(['__proto__'])
  expect(Object.getPrototypeOf(plain)).toBe(Object.prototype)
})

describe('what a field table cannot hold', () => {
  test('functions and symbols', () => {
    for (const value of [() => 1, Symbol('x')]) {
      expect(() => fieldTable({ value: value as unknown as PlainValue })).toThrow(TypeError)
    }
  })

  test('dates before 1970 and dates that are none', () => {
    expect(() => fieldTable({ value: new Date(-1) })).toThrow(TypeError)
    expect(() => fieldTable({ value: new Date(Number.NaN) })).toThrow(TypeError)
  })

  test('integers of more than 64 bits', () => {
    for (const value of [2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(encodeFieldTable(fieldTable({ value })).readBigInt64BE(11)).toBe(value)
    }
    for (const value of [2n ** 63n, -(2n ** 63n) - 1n]) expect(() => fieldTable({ value })).toThrow(RangeError)
  })

  test('more fields than are read again', () => {
    const largest = { list: Array.from({ length: 65_535 }, () => null) }
    const bytes = encodeFieldTable(fieldTable(largest))
    expect(plainTable(decodeFieldTable(new Reader(bytes)))).toEqual(largest)
    expect(() => fieldTable({ ...largest, one: { more: null } })).toThrow(RangeError)
  })

  test('keys of more than 255 bytes', () => {
    const longest = { ['é'.repeat(127)]: 1, nested: { ['x'.repeat(255)]: 2 } }
    expect(plainTable(decodeFieldTable(new Reader(encodeFieldTable(fieldTable(longest)))))).toEqual(longest)
    expect(() => fieldTable({ ['é'.repeat(128)]: 1 })).toThrow(RangeError)
    expect(() => fieldTable({ list: [{ ['x'.repeat(256)]: 2 }] })).toThrow(RangeError)
  })

  test('objects that contain themselves', () => {
    const table: Record<string, PlainValue> = {}
    table.self = table
    expect(() => fieldTable(table)).toThrow(RangeError)
    const array: PlainValue[] = []
    array.push(array)
    expect(() => fieldTable({ array })).toThrow(RangeError)
  })
})
