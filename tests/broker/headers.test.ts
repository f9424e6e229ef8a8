import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Field } from '../../protocol/field-table.ts'
import { fieldTable, type PlainTable } from '../../protocol/field-table-plain.ts'
import { createBinding } from '../../src/broker/binding.ts'
import { checkHeadersBinding, HeadersTable } from '../../src/broker/exchange-types/headers.ts'
import { Model, refusal } from './model.ts'

const model = new Model()
const exchange = model.exchange('h', 'headers')
const queue = model.queue('q')

function isMatch(wanted: PlainTable, headers: PlainTable): boolean {
  const table = new HeadersTable()
  table.add(createBinding(exchange, queue, '', fieldTable(wanted)))
  let count = 0
  table.route('any key', fieldTable(headers), () => count++)
  return count > 0
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
        const counted = Object.entries(wanted).filter(([key]) => mode.endsWith('-with-x') || !key.startsWith('x-'))
        const matching = counted.filter(([key, one]) => headers[key] === one).length
        const expected = mode.startsWith('all') ? matching === counted.length : matching > 0
        expect(isMatch({ ...wanted, 'x-match': mode }, headers)).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })

  test('forgets a binding that is taken away', () => {
    const table = new HeadersTable()
    const binding = createBinding(exchange, queue, '', fieldTable({}))
    table.add(binding)
    table.remove(binding)
    table.route('', new Map(), () => expect.unreachable())
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
