import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Field } from '../../protocol/field-table.ts'
import { fieldText, fieldTypeName, integerValue, valueKey } from '../../src/broker/fields.ts'
import { fieldTable } from '../protocol/arbitraries.ts'
import { equalFields } from './equal-fields.ts'

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

test('fieldText prints a value as Erlang does', () => {
  const table = new Map<string, Field>([['a', { type: 'V', value: null }]])
  expect(
    [
      { type: 'S', value: 'x' },
      { type: 'x', value: Buffer.of(0, 1) },
      { type: 'l', value: -7n },
      { type: 't', value: true },
      { type: 'f', value: 3 },
      { type: 'D', value: { scale: 2, unscaled: 314 } },
      { type: 'T', value: 77n },
      { type: 'A', value: [] },
      { type: 'F', value: new Map() },
      { type: 'A', value: [{ type: 'F', value: table }] },
    ].map((field) => fieldText(field as Field)),
  ).toEqual([
    '<<"x">>',
    '<<0,1>>',
    '-7',
    'true',
    '3.0',
    '{2,314}',
    '77',
    '[]',
    '[]',
    '[{table,[{<<"a">>,void,undefined}]}]',
  ])
})
