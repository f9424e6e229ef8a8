import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Field } from '../../protocol/field-table.ts'
import { equalFields, fieldText, fieldTypeName, integerValue, valueKey } from '../../src/broker/fields.ts'
import { fieldTable } from '../protocol/arbitraries.ts'

const integers: readonly Field[] = [
  { type: 'b', value: 5 },
  { type: 'B', value: 5 },
  { type: 's', value: 5 },
  { type: 'u', value: 5 },
  { type: 'I', value: 5 },
  { type: 'i', value: 5 },
  { type: 'l', value: 5n },
  { type: 'L', value: 5n },
]
const others: readonly Field[] = [
  { type: 't', value: true },
  { type: 'f', value: 5 },
  { type: 'S', value: '5' },
  { type: 'x', value: Buffer.from('5') },
  { type: 'T', value: 5n },
  { type: 'V', value: null },
  { type: 'D', value: { scale: 0, unscaled: 5 } },
  { type: 'A', value: [] },
  { type: 'F', value: new Map() },
]

describe('equalFields', () => {
  test('takes the integers of all sizes as numbers', () => {
    for (const a of integers) for (const b of integers) expect(equalFields(a, b)).toBe(true)
    expect(equalFields({ type: 'b', value: -1 }, { type: 'l', value: -1n })).toBe(true)
    expect(equalFields({ type: 'B', value: 255 }, { type: 'b', value: -1 })).toBe(false)
  })

  test('takes no two kinds of value for equal', () => {
    for (const a of [integers[0] as Field, ...others]) {
      for (const b of [integers[0] as Field, ...others]) expect(equalFields(a, b)).toBe(a === b)
    }
  })

  test('finds every field equal to itself, and to a copy of its bytes', () => {
    fc.assert(
      fc.property(fieldTable, (table) => {
        for (const field of table.values()) {
          if (!hasNaN(field)) expect(equalFields(field, structuredClone(field))).toBe(true)
        }
      }),
    )
  })

  test('is symmetric', () => {
    fc.assert(
      fc.property(fieldTable, fieldTable, (left, right) => {
        for (const a of left.values()) for (const b of right.values()) expect(equalFields(a, b)).toBe(equalFields(b, a))
      }),
    )
  })

  test('looks at all of nested tables and arrays', () => {
    const nested = (value: number): Field => ({
      type: 'F',
      value: new Map<string, Field>([
        [
          'list',
          {
            type: 'A',
            value: [
              { type: 'I', value },
              { type: 'S', value: 's' },
            ],
          },
        ],
      ]),
    })
    expect(equalFields(nested(1), nested(1))).toBe(true)
    expect(equalFields(nested(1), nested(2))).toBe(false)
    const one: Field = { type: 'F', value: new Map([['a', { type: 'V', value: null }]]) }
    const other: Field = { type: 'F', value: new Map([['b', { type: 'V', value: null }]]) }
    expect(equalFields(one, other)).toBe(false)
    expect(equalFields({ type: 'A', value: [one] }, { type: 'A', value: [] })).toBe(false)
  })
})

describe('valueKey', () => {
  /** The rule itself: numbers and bytes whatever their types, all else by type and value. */
  function isSame(a: Field, b: Field): boolean {
    const number = (field: Field) => integerValue(field) ?? (field.type === 'T' ? field.value : undefined)
    const bytes = (field: Field) =>
      field.type === 'S' || field.type === 'x' ? Buffer.from(field.value as string) : undefined
    const [left, right] = [bytes(a), bytes(b)]
    if (left !== undefined && right !== undefined) return left.equals(right)
    return number(a) === undefined ? equalFields(a, b) : number(a) === number(b)
  }

  const some: readonly Field[] = [
    ...integers,
    ...others,
    { type: 'd', value: 5 },
    { type: 'd', value: Number.NaN },
    { type: 'f', value: -0 },
    { type: 'd', value: 0 },
    { type: 'S', value: '' },
    { type: 'S', value: 'ä,' },
    { type: 'x', value: Buffer.from('ä,') },
    { type: 'A', value: [{ type: 'S', value: 'a,S1:b' }] },
    {
      type: 'A',
      value: [
        { type: 'S', value: 'a' },
        { type: 'S', value: 'b' },
      ],
    },
    { type: 'A', value: [{ type: 'x', value: Buffer.from('a') }] },
    { type: 'A', value: [{ type: 'I', value: 5 }] },
    { type: 'A', value: [{ type: 'T', value: 5n }] },
    { type: 'A', value: [{ type: 'l', value: 5n }] },
    {
      type: 'A',
      value: [
        { type: 'A', value: [] },
        { type: 'A', value: [] },
      ],
    },
    { type: 'A', value: [{ type: 'A', value: [{ type: 'A', value: [] }] }] },
  ]

  function expectRule(a: Field, b: Field): void {
    const key = valueKey(a)
    expect(key !== undefined && key === valueKey(b), `${fieldText(a)} and ${fieldText(b)}`).toBe(isSame(a, b))
  }

  test('is the same for the same values, and for no others', () => {
    for (const a of some) for (const b of some) expectRule(a, b)
    fc.assert(
      fc.property(fieldTable, fieldTable, (left, right) => {
        for (const a of [...left.values(), ...some]) {
          expectRule(a, structuredClone(a))
          for (const b of right.values()) expectRule(a, b)
        }
      }),
    )
  })

  test('does not depend on the order of a table', () => {
    const entries: [string, Field][] = [
      ['a', { type: 'I', value: 1 }],
      ['b', { type: 'I', value: 2 }],
    ]
    const table = (of: [string, Field][]): Field => ({ type: 'F', value: new Map(of) })
    expect(valueKey(table(entries))).toBe(valueKey(table(entries.toReversed())))
  })
})

function hasNaN(field: Field): boolean {
  if (field.type === 'F') return [...field.value.values()].some(hasNaN)
  if (field.type === 'A') return field.value.some(hasNaN)
  return Number.isNaN(field.value)
}

test('integerValue is the number of an integer and nothing for all others', () => {
  expect(integers.map(integerValue)).toEqual(integers.map(() => 5n))
  expect(others.map(integerValue)).toEqual(others.map(() => undefined))
})

test('fieldTypeName uses the words of RabbitMQ', () => {
  expect([...integers, ...others].map(fieldTypeName)).toEqual([
    ...['byte', 'unsignedbyte', 'short', 'unsignedshort', 'signedint', 'unsignedint', 'long', 'long'],
    ...['bool', 'float', 'longstr', 'binary', 'timestamp', 'void', 'decimal', 'array', 'table'],
  ])
})

test('fieldText is short for whatever field', () => {
  expect(fieldText({ type: 'S', value: 'x' })).toBe('"x"')
  expect(fieldText({ type: 'l', value: -7n })).toBe('-7')
  expect(fieldText({ type: 'D', value: { scale: 2, unscaled: 314 } })).toBe('{2,314}')
  fc.assert(
    fc.property(fieldTable, (table) => [...table.values()].every((field) => typeof fieldText(field) === 'string')),
  )
})
