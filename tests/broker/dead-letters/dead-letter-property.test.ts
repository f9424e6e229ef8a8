import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFieldTable, type FieldTable } from '../../../protocol/field-table.ts'
import { FIELDS_MAX } from '../../../protocol/field-table-limits.ts'
import {
  encodeContentHeader,
  findProperty,
  PROPERTY_FLAGS,
  type Properties,
  validateProperties,
} from '../../../protocol/properties.ts'
import { fieldTable, properties } from '../../protocol/arbitraries.ts'
import { arrayOf, tableOf, voids } from '../../protocol/tables.ts'
import { type Death, Mortal } from './mortal.ts'

const DEATH_HEADERS = [
  'x-death',
  ...['reason', 'queue', 'exchange'].flatMap((what) => [`x-first-death-${what}`, `x-last-death-${what}`]),
]

/** Headers in which some have the names that deaths write, with values of all kinds. */
const headers: fc.Arbitrary<FieldTable> = fc
  .tuple(
    fieldTable,
    fc.array(fc.tuple(fc.constantFrom(...DEATH_HEADERS, 'CC'), fieldTable), { maxLength: 3 }),
    fieldTable,
  )
  .map(([before, between, behind]) => {
    const named = between.map(([name, table]): [string, FieldTable] => [name, table])
    const fields = named.flatMap(([name, table]) =>
      [...table.values()].slice(0, 1).map((field) => [name, field] as const),
    )
    return new Map([...before, ...fields, ...behind])
  })

const message: fc.Arbitrary<Properties> = fc
  .tuple(properties, fc.option(headers))
  .map(([others, some]) => (some === null ? others : { ...others, headers: some }))

const death: fc.Arbitrary<Death> = fc.record(
  {
    queue: fc.constantFrom('a', 'b', 'c', 'é'),
    reason: fc.constantFrom('rejected', 'expired', 'maxlen', 'delivery_limit'),
    to: fc.record(
      { exchange: fc.constantFrom('', 'dlx', 'x'), routingKey: fc.constantFrom('k', '') },
      { requiredKeys: [] },
    ),
    atMs: fc.integer({ min: 0, max: 2 ** 45 }),
  },
  { requiredKeys: ['queue', 'reason'] },
)

const isForeign = ([name]: readonly [string, unknown]) => !DEATH_HEADERS.includes(name)

function foreign(table: FieldTable | undefined): FieldTable {
  return new Map([...(table ?? [])].filter(isForeign))
}

test('any message that dies in any way is well-formed, and nothing foreign in it has changed by a byte', () => {
  fc.assert(
    fc.property(message, fc.array(death, { minLength: 1, maxLength: 8 }), (sent, deaths) => {
      const letter = Mortal.published(sent).dieAll(deaths)
      const { header } = letter
      expect(validateProperties(header, 0, header.length)).toBe(true)
      const own = new Map([...(letter.properties.headers ?? [])].filter((entry) => !isForeign(entry)))
      // The same bytes in the same order: the foreign headers, and those of the broker behind them.
      const { expiration: _, ...others } = sent
      const expected = { ...others, headers: new Map([...foreign(sent.headers), ...own]) }
      expect(header).toEqual(encodeContentHeader(5, expected))
      expect([...own.keys()].sort()).toEqual([...DEATH_HEADERS].sort())
    }),
    { numRuns: 300 },
  )
})

test('a history is what a naive one is', () => {
  fc.assert(
    fc.property(message, fc.array(death, { minLength: 1, maxLength: 12 }), (sent, deaths) => {
      const letter = Mortal.published(sent).dieAll(deaths)
      let kinds: { queue: string; reason: string; count: number }[] = []
      for (const { queue, reason } of deaths) {
        const known = kinds.find((one) => one.queue === queue && one.reason === reason)
        kinds = [{ queue, reason, count: (known?.count ?? 0) + 1 }, ...kinds.filter((one) => one !== known)]
      }
      expect(letter.deaths.map(({ queue, reason, count }) => ({ queue, reason, count }))).toEqual(kinds)
      const [first, last] = [deaths[0] as Death, deaths.at(-1) as Death]
      expect(letter.headers).toMatchObject({
        'x-first-death-queue': first.queue,
        'x-first-death-reason': first.reason,
        'x-last-death-queue': last.queue,
        'x-last-death-reason': last.reason,
      })
      for (const queue of ['a', 'b', 'c', 'é', 'd']) {
        const at = kinds.findIndex((kind) => kind.queue === queue)
        const isAutomatic = kinds.slice(0, at + 1).every(({ reason }) => reason !== 'rejected')
        expect(letter.isCycle(queue)).toBe(at >= 0 && isAutomatic)
      }
    }),
  )
})

test('names that are no UTF-8, and headers that are there twice, stay as they are', () => {
  const entries = Buffer.concat([
    Buffer.from([2, 0xff, 0xfe, 0x74, 7]), // a true boolean that is not 1
    Buffer.from([1, 0x61, 0x56, 1, 0x61, 0x56]),
    Buffer.from([1, 0x66, 0x64, 0x7f, 0xf0, 0, 0, 0, 0, 0, 1]), // a NaN that is not the usual one
  ])
  const header = Buffer.from('003c00000000000000000005200000000000', 'hex')
  header.writeUInt32BE(entries.length, 14)
  const letter = Mortal.of(['x', 'k'], Buffer.concat([header, entries])).dieAll([
    { queue: 'a', reason: 'expired' },
    { queue: 'b', reason: 'expired' },
  ])
  expect(letter.header.subarray(18, 18 + entries.length)).toEqual(entries)
})

/** A header with that many fields in its headers. */
function full(fields: number): Buffer {
  return withTable(tableOf(['k', arrayOf(voids(fields - 1))]))
}

function withTable(table: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from('003c0000000000000000000521000000', 'hex').subarray(0, 14),
    table,
    Buffer.from('\x011'),
  ])
}

test('a message has no more headers than a table may have, and is dropped unless a client rejected it', () => {
  const roomy = Mortal.of(['', 'q'], full(FIELDS_MAX - 16)).die({ queue: 'a', reason: 'expired' })
  expect([roomy.goesOn, roomy.deaths.length]).toEqual([true, 1])
  for (const fields of [FIELDS_MAX - 15, FIELDS_MAX]) {
    const message = Mortal.of(['', 'q'], full(fields))
    expect(message.die({ queue: 'a', reason: 'expired' }).goesOn).toBe(false)
    const rejected = message.die({ queue: 'a', reason: 'rejected' })
    expect([rejected.goesOn, rejected.marks, rejected.isCycle('a')]).toEqual([true, 0, false])
    const table = message.header.subarray(14, -2)
    const bare = Buffer.concat([message.header.subarray(0, 12), Buffer.from([0x20, 0]), table])
    expect(rejected.header).toEqual(bare)
    expect(rejected.key).toEqual(['dlx', 'q'])
  }
})

test('a death does not tell of the keys in CC when they would fill the headers', () => {
  const copies = Buffer.concat(Array.from({ length: 30_000 }, () => Buffer.from('S\0\0\0\x01k')))
  const letter = Mortal.of(['', 'q'], withTable(tableOf(['CC', arrayOf(copies)]))).dieAll([
    { queue: 'a', reason: 'expired' },
    { queue: 'b', reason: 'expired' },
    { queue: 'c', reason: 'expired' },
  ])
  expect(letter.goesOn).toBe(true)
  expect(letter.deaths.map((one) => (one['routing-keys'] as string[]).length)).toEqual([1, 1, 30_001])
  expect(letter.routingKeys).toHaveLength(30_001)
  expect(validateProperties(letter.header, 0, letter.header.length)).toBe(true)
})

test('a message that dies in more queues than its header has room for is dropped', () => {
  const queue = (index: number) => `${index}`.padStart(255, 'q')
  let letter = Mortal.published({ headers: new Map([['filled', { type: 'S', value: 'x'.repeat(1_000_000) }]]) })
  let count = 0
  for (; letter.goesOn && count < 500; count++) letter = letter.die({ queue: queue(count), reason: 'expired' })
  expect(count).toBeGreaterThan(100)
  expect(count).toBeLessThan(500)
  expect(letter.header.length).toBeLessThanOrEqual(1024 * 1024)
})

test('the headers are looked for where they are', () => {
  const header = encodeContentHeader(5, { contentType: 't', contentEncoding: 'e', expiration: '1', clusterId: 'c' })
  const letter = Mortal.of(['', 'q'], header).die({ queue: 'a', reason: 'expired' })
  const at = findProperty(letter.header, 0, letter.header.length, PROPERTY_FLAGS.headers.flag)
  expect(letter.header.subarray(at, -2)).toEqual(encodeFieldTable(letter.properties.headers as FieldTable))
})
