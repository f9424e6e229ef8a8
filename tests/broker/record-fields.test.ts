import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeFieldTable, type Field, type FieldTable } from '../../protocol/field-table.ts'
import { type RecordLayout, RecordReader } from '../../src/broker/record-fields.ts'
import { RememberedTables } from '../../src/broker/remembered-tables.ts'

const LAYOUT: RecordLayout = [
  ['id', 'l'],
  ['isGood', 't'],
  ['name', 'S'],
  ['note', 'S', 'optional'],
  ['arguments', 'F'],
  ['more', 'F', 'optional'],
]
const NAMES = ['id', 'isGood', 'name', 'note', 'arguments', 'more', 'other']

const numbers = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 32, 2 ** 53 - 1)).map(BigInt)
const longs = fc.oneof(numbers, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
const texts = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 9 }))
const fields: fc.Arbitrary<Field> = fc.oneof(
  longs.map((value) => ({ type: 'l', value }) as const),
  fc.boolean().map((value) => ({ type: 't', value }) as const),
  texts.map((value) => ({ type: 'S', value }) as const),
  fc.constantFrom<Field>({ type: 'V', value: null }, { type: 'I', value: -1 }, { type: 'F', value: new Map() }),
)
/** Few, so that many records have the same ones. */
const tables = fc.constantFrom<FieldTable>(
  new Map(),
  new Map([['x-queue-type', { type: 'S', value: 'classic' }]]),
  new Map([['x-max-length', { type: 'I', value: 5 }]]),
)
const laidOut: fc.Arbitrary<FieldTable> = fc
  .record({
    id: longs,
    isGood: fc.boolean(),
    name: texts,
    note: fc.option(texts),
    table: tables,
    more: fc.option(tables),
  })
  .map(
    ({ id, isGood, name, note, table, more }) =>
      new Map<string, Field>([
        ['id', { type: 'l', value: id }],
        ['isGood', { type: 't', value: isGood }],
        ['name', { type: 'S', value: name }],
        ...(note === null ? [] : [['note', { type: 'S', value: note }] as const]),
        ['arguments', { type: 'F', value: table }],
        ...(more === null ? [] : [['more', { type: 'F', value: more }] as const]),
      ]),
  )
const others: fc.Arbitrary<FieldTable> = fc
  .array(fc.tuple(fc.constantFrom(...NAMES), fields), { maxLength: 6 })
  .map((entries) => new Map(entries))
const records = fc.oneof(laidOut, others).map((table) => encodeFieldTable(table))
const damages = fc.array(fc.tuple(fc.nat({ max: 120 }), fc.nat({ max: 255 })), { maxLength: 3 })

function attempt(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return String(error)
  }
}

/** All that a reader says of a record. */
function told(reader: RecordReader, record: Buffer): unknown {
  return attempt(() => {
    reader.read(record)
    return NAMES.map((name) => [
      attempt(() => reader.text(name)),
      reader.optionalText(name),
      reader.flag(name),
      attempt(() => reader.number(name)),
      reader.numbers(name),
      reader.table(name),
    ])
  })
}

describe('the fields of a record', () => {
  test('are the same where they lie and decoded, in damaged records, too', () => {
    const fast = new RecordReader(LAYOUT)
    // No record is laid out so: each is decoded.
    const slow = new RecordReader([['nothing has this', 't']])
    fc.assert(
      fc.property(records, damages, fc.option(fc.nat({ max: 150 }), { nil: undefined }), (record, damage, length) => {
        expect(told(fast, record)).toEqual(told(slow, record))
        const damaged = Buffer.from(record)
        for (const [at, octet] of damage) if (at < damaged.length) damaged[at] = octet
        for (const one of [damaged, damaged.subarray(0, length), Buffer.concat([damaged, damaged])]) {
          expect(told(fast, one)).toEqual(told(slow, one))
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('are read where they lie: equal tables are one', () => {
    const reader = new RecordReader(LAYOUT)
    const record = (id: bigint): Buffer =>
      encodeFieldTable(
        new Map<string, Field>([
          ['id', { type: 'l', value: id }],
          ['isGood', { type: 't', value: true }],
          ['name', { type: 'S', value: 'é' }],
          ['arguments', { type: 'F', value: new Map([['x-max-length', { type: 'I', value: 5 }]]) }],
        ]),
      )
    const [first, second] = [reader.read(record(1n)).table('arguments'), reader.read(record(2n)).table('arguments')]
    expect(second).toBe(first)
    expect([reader.number('id'), reader.flag('isGood'), reader.text('name')]).toEqual([2, true, 'é'])
  })

  test('are read where they lie with those that may be missing, and without: equal tables are one', () => {
    const reader = new RecordReader([
      ['note', 'S', 'optional'],
      ['arguments', 'F'],
      ['user', 'S', 'optional'],
    ])
    type Entry = readonly [name: string, field: Field]
    const table: Entry = ['arguments', { type: 'F', value: new Map([['x-max-length', { type: 'I', value: 5 }]]) }]
    const note: Entry = ['note', { type: 'S', value: 'a' }]
    const user: Entry = ['user', { type: 'S', value: 'b' }]
    const read = (...entries: readonly Entry[]): RecordReader => reader.read(encodeFieldTable(new Map(entries)))
    const first = read(table).table('arguments')
    for (const [entries, notes, users] of [
      [[note, table, user], 'a', 'b'],
      [[table, user], undefined, 'b'],
      [[note, table], 'a', undefined],
      [[table], undefined, undefined],
    ] as const) {
      expect(read(...entries).table('arguments')).toBe(first)
      expect([reader.optionalText('note'), reader.optionalText('user')]).toEqual([notes, users])
    }
    // In another order it is decoded.
    expect(read(user, table).table('arguments')).not.toBe(first)
    expect(reader.optionalText('user')).toBe('b')
  })
})

test('many tables are remembered, and no large ones', () => {
  const tables = new RememberedTables()
  const octets = Array.from({ length: 500 }, (_, at) => Buffer.from(`octets ${at}`))
  for (const [at, one] of octets.entries()) {
    const table: FieldTable = new Map([['at', { type: 'I', value: at }]])
    tables.remember(one, table)
    expect(tables.of(Buffer.concat([Buffer.from('-'), one]), 1, one.length + 1)).toBe(table)
  }
  const known = octets.filter((one) => tables.of(one, 0, one.length) !== undefined)
  expect(known.length).toBeGreaterThan(1)
  expect(known.length).toBeLessThan(100)
  const large = Buffer.alloc(2000)
  tables.remember(large, new Map())
  expect(tables.of(large, 0, large.length)).toBeUndefined()
})
