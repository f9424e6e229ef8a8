import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Binding, createBinding } from '../../src/broker/binding.ts'
import { TopicTable } from '../../src/broker/exchange-types/topic.ts'
import { Model } from './model.ts'

const model = new Model()
const exchange = model.exchange('topics', 'topic')
const queue = model.queue('q')

function binding(routingKey: string): Binding {
  return createBinding(exchange, queue, routingKey, new Map())
}

function tableOf(...keys: string[]): TopicTable {
  const table = new TopicTable()
  for (const key of keys) table.add(binding(key))
  return table
}

function isMatch(table: TopicTable, routingKey: string): boolean {
  let count = 0
  table.route(routingKey, new Map(), () => count++)
  return count > 0
}

/** The rule itself: `*` is one word, `#` any number of them. */
function matches(pattern: readonly string[], words: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return words.length === 0
  if (first === '#') return matches(rest, words) || (words.length > 0 && matches(pattern, words.slice(1)))
  return words.length > 0 && (first === '*' || first === words[0]) && matches(rest, words.slice(1))
}

const wordsOf = (key: string): string[] => (key === '' ? [] : key.split('.'))
const word = fc.constantFrom('a', 'b', '', 'cc')
const routingKey = fc.array(fc.oneof({ weight: 8, arbitrary: word }, fc.constantFrom('*', '#')), { maxLength: 5 })
const pattern = fc.array(fc.oneof(word, fc.constantFrom('*', '#')), { maxLength: 5 })
const key = routingKey.map((words) => words.join('.'))
const bindingKey = pattern.map((words) => words.join('.'))

/** In a routing key the two signs are words like any other: only wildcards match them. */
function isExpected(patternKey: string, routed: string): boolean {
  const escaped = wordsOf(routed).map((one) => (one === '*' || one === '#' ? `${one}literal` : one))
  return matches(wordsOf(patternKey), escaped)
}

/** How often a match looks for the next node. */
function steps(table: TopicTable, routed: string): number {
  const { get } = Map.prototype
  let count = 0
  Map.prototype.get = function counted(this: Map<unknown, unknown>, name: unknown) {
    count++
    return get.call(this, name)
  }
  try {
    table.route(routed, new Map(), () => {})
  } finally {
    Map.prototype.get = get
  }
  return count
}

describe('TopicTable', () => {
  test('matches as the rule says', () => {
    fc.assert(
      fc.property(bindingKey, key, (bound, routed) => {
        expect(isMatch(tableOf(bound), routed)).toBe(isExpected(bound, routed))
      }),
      { numRuns: 2000 },
    )
  })

  test('finds all of many bindings, and none that were taken away', () => {
    fc.assert(
      fc.property(
        fc.array(bindingKey, { maxLength: 30 }),
        fc.array(key, { maxLength: 10 }),
        fc.nat(),
        (bound, routed, removed) => {
          const table = new TopicTable()
          const queues = bound.map((_, index) => model.queue(`q${index}`))
          const bindings = bound.map((one, index) => createBinding(exchange, queues[index] ?? queue, one, new Map()))
          for (const one of bindings) table.add(one)
          const gone = bindings.filter((_, index) => (removed >> (index % 16)) & 1)
          for (const one of gone) table.remove(one)
          for (const one of routed) {
            const found = new Set<string>()
            table.route(one, new Map(), ({ name }) => found.add(name))
            const expected = bindings.filter((each) => !gone.includes(each) && isExpected(each.routingKey, one))
            expect([...found].sort()).toEqual(expected.map(({ destination }) => destination.name).sort())
          }
        },
      ),
    )
  })

  test('matches as the table in the AMQP documents says', () => {
    const stock = tableOf('*.stock.#')
    expect(['usd.stock', 'eur.stock.db'].map((one) => isMatch(stock, one))).toEqual([true, true])
    expect(isMatch(stock, 'stock.nasdaq')).toBe(false)
  })

  test('gives an empty key no words, and a dot two empty ones', () => {
    const matching = (routed: string) =>
      ['', '*', '#', '*.*', '#.#', '.', '*.#'].filter((one) => isMatch(tableOf(one), routed))
    expect(matching('')).toEqual(['', '#', '#.#'])
    expect(matching('.')).toEqual(['#', '*.*', '#.#', '.', '*.#'])
  })

  test('takes no more steps than words times nodes, however often `#` is repeated', () => {
    const hashes = Array.from({ length: 40 }, (_, i) => `${'#.'.repeat(i + 1)}never`)
    const table = tableOf(...hashes, `${'#.a.'.repeat(40)}never`)
    const nodes = 40 + 40 + 80 + 1
    expect(steps(table, `${'a.'.repeat(120)}end`)).toBeLessThan(121 * nodes * 4)
  })

  test('keeps nothing of bindings that are gone', () => {
    fc.assert(
      fc.property(fc.array(bindingKey, { maxLength: 20 }), (bound) => {
        const table = new TopicTable()
        const bindings = [...new Set(bound)].map(binding)
        for (const one of bindings) table.add(one)
        for (const one of bindings) table.remove(one)
        for (const one of bound) {
          const routed = one.replaceAll(/[*#]/g, 'a')
          expect(steps(table, routed)).toBe(steps(new TopicTable(), routed))
        }
      }),
    )
  })

  test('takes away no binding but the one asked for', () => {
    const table = tableOf('a.b', 'a.b.c', 'a')
    table.remove(binding('a.b.x'))
    table.remove(binding('a.b'))
    expect(['a', 'a.b.c'].map((one) => isMatch(table, one))).toEqual([true, true])
  })
})
