import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Field } from '../../../../protocol/field-table.ts'
import { fieldTable, type PlainTable } from '../../../../protocol/field-table-plain.ts'
import { createBinding, type Destination } from '../../../../src/broker/exchanges/binding.ts'
import { checkHeadersBinding, HeadersTable } from '../../../../src/broker/exchanges/types/headers.ts'
import { Model, refusal } from '../../model.ts'

const model = new Model()
const exchange = model.exchange('h', 'headers')
const queue = model.queue('q')

function isMatch(wanted: PlainTable, headers: PlainTable): boolean {
  const table = new HeadersTable<Destination>()
  table.add(createBinding(exchange, queue, '', fieldTable(wanted)))
  let count = 0
  table.route('any key', { headers: fieldTable(headers) }, () => count++)
  return count > 0
}

/** The rule itself. */
function isExpected(mode: string, wanted: PlainTable, headers: PlainTable): boolean {
  const counted = Object.entries(wanted).filter(([key]) => mode.endsWith('-with-x') || !key.startsWith('x-'))
  const matching = counted.filter(([key, one]) => key in headers && (one === null || headers[key] === one)).length
  return mode.startsWith('all') ? matching === counted.length : matching > 0
}

describe('HeadersTable', () => {
  test.each<[string, PlainTable, PlainTable, boolean]>([
    ['all by default', { a: 1, b: 2 }, { a: 1, b: 2, c: 3 }, true],
    ['all by default', { a: 1, b: 2 }, { a: 1 }, false],
    ['all', { 'x-match': 'all', a: 1, b: 2 }, { a: 1, b: 3 }, false],
    ['all with nothing wanted', { 'x-match': 'all' }, {}, true],
    ['any', { 'x-match': 'any', a: 1, b: 2 }, { b: 2 }, true],
    ['any', { 'x-match': 'any', a: 1, b: 2 }, { b: 1, a: 2 }, false],
    ['any with nothing wanted', { 'x-match': 'any' }, { a: 1 }, false],
    ['all without x-', { 'x-match': 'all', a: 1, 'x-b': 2 }, { a: 1 }, true],
    ['any without x-', { 'x-match': 'any', a: 1, 'x-b': 2 }, { 'x-b': 2 }, false],
    ['all with x-', { 'x-match': 'all-with-x', a: 1, 'x-b': 2 }, { a: 1 }, false],
    ['all with x-', { 'x-match': 'all-with-x', a: 1, 'x-b': 2 }, { a: 1, 'x-b': 2 }, true],
    ['any with x-', { 'x-match': 'any-with-x', a: 1, 'x-b': 2 }, { 'x-b': 2 }, true],
    ['a void, which asks for presence', { a: null }, { a: 'whatever' }, true],
    ['a void, which asks for presence', { a: null }, {}, false],
    ['integers of any size by value', { a: 5 }, { a: 5n }, true],
    ['an integer that is no string', { a: 5 }, { a: '5' }, false],
    ['an integer that is no float', { a: 5 }, { a: 5.5 }, false],
    ['strings', { a: 'x' }, { a: 'X' }, false],
    ['names that every object has', { constructor: 'x', toString: 'y' }, { constructor: 'x', toString: 'y' }, true],
    ['names that every object has', { constructor: 'x' }, {}, false],
  ])('matches %s (case %#)', (_, wanted, headers, expected) => {
    expect(isMatch(wanted, headers)).toBe(expected)
  })

  test('matches as the rule says', () => {
    const name = fc.constantFrom('a', 'b', 'x-c', 'x-d')
    const value = fc.oneof(fc.constantFrom(1, 2), fc.constant('s'))
    const table = fc.dictionary(name, value, { maxKeys: 4 })
    const modes = fc.constantFrom('all', 'any', 'all-with-x', 'any-with-x')
    fc.assert(
      fc.property(modes, table, table, (mode, wanted, headers) => {
        expect(isMatch({ ...wanted, 'x-match': mode }, headers)).toBe(isExpected(mode, wanted, headers))
      }),
      { numRuns: 500 },
    )
  })

  test('finds all of many bindings, and none that were taken away', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'x-d')
    const value = fc.oneof(fc.constantFrom(1, 2, null), fc.constant('s'))
    const table = fc.dictionary(name, value, { maxKeys: 4 })
    const mode = fc.constantFrom('all', 'any', 'all-with-x', 'any-with-x')
    const wishes = fc.array(fc.tuple(mode, table), { maxLength: 30 })
    fc.assert(
      fc.property(wishes, fc.array(table, { maxLength: 5 }), fc.nat(), (wanted, messages, removed) => {
        const headersTable = new HeadersTable<Destination>()
        const bindings = wanted.map(([match, one], i) => {
          const to = model.queue(`q${i}`)
          return createBinding(exchange, to, '', fieldTable({ ...one, 'x-match': match }))
        })
        for (const one of bindings) headersTable.add(one)
        const gone = new Set(bindings.filter((_, i) => (removed >> (i % 16)) & 1))
        for (const one of gone) headersTable.remove(one)
        for (const headers of messages) {
          const found: string[] = []
          headersTable.route('', { headers: fieldTable(headers) }, ({ name: to }) => found.push(to))
          const expected = bindings.filter((one, i) => {
            const [match, asked] = wanted[i] ?? ['all', {}]
            return !gone.has(one) && isExpected(match, asked, headers)
          })
          expect(found.sort()).toEqual(expected.map(({ destination }) => destination.name).sort())
        }
      }),
      { numRuns: 500 },
    )
  })

  test('looks only at bindings that ask for what the message has', () => {
    const table = new HeadersTable<Destination>()
    for (let i = 0; i < 2000; i++) {
      for (const mode of ['all', 'any']) {
        table.add(createBinding(exchange, queue, '', fieldTable({ 'x-match': mode, kind: 'order', number: i })))
      }
    }
    const { get } = Map.prototype
    let looks = 0
    Map.prototype.get = function counted(this: Map<unknown, unknown>, name: unknown) {
      looks++
      return get.call(this, name)
    }
    let found = 0
    try {
      table.route('', { headers: fieldTable({ kind: 'bill', number: 7 }) }, () => found++)
    } finally {
      Map.prototype.get = get
    }
    expect(found).toBe(1)
    expect(looks).toBeLessThan(20)
  })

  test('forgets a binding that is taken away', () => {
    const table = new HeadersTable<Destination>()
    const binding = createBinding(exchange, queue, '', fieldTable({}))
    table.add(binding)
    table.remove(binding)
    table.route('', {}, () => expect.unreachable())
  })
})

describe('a headers binding', () => {
  const check = (mode: Field) => checkHeadersBinding(new Map([['x-match', mode]]))

  test('is refused with a mode that there is not', () => {
    for (const value of ['', 'ALL', 'none', 'toString', 'with-x']) {
      expect(refusal(() => check({ type: 'S', value }))).toMatch(/^precondition-failed: Invalid x-match field value/)
    }
    expect(refusal(() => check({ type: 'S', value: Buffer.of(0xff) }))).toMatch(/x-match/)
    expect(refusal(() => check({ type: 'I', value: 1 }))).toMatch(/x-match/)
  })

  test('needs no mode', () => {
    expect(() => checkHeadersBinding(new Map())).not.toThrow()
    expect(() => check({ type: 'S', value: 'any-with-x' })).not.toThrow()
  })
})
