import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Binding, createBinding, type Destination } from '../../../../src/broker/exchanges/binding.ts'
import { TopicTable } from '../../../../src/broker/exchanges/types/topic.ts'
import { TopicPattern } from '../../../../src/broker/exchanges/types/topic-pattern.ts'
import type { TopicKey } from '../../../../src/broker/exchanges/types/topic-words.ts'
import { Model } from '../../model.ts'

const model = new Model()
const exchange = model.exchange('topics', 'topic')
const queue = model.queue('q')

function binding(routingKey: string): Binding {
  return createBinding(exchange, queue, routingKey, new Map())
}

function tableOf(...keys: string[]): TopicTable<Destination> {
  const table = new TopicTable<Destination>()
  for (const key of keys) table.add(binding(key))
  return table
}

function isMatch(table: TopicTable<Destination>, routingKey: string): boolean {
  let count = 0
  table.route(routingKey, {}, () => count++)
  return count > 0
}

/** The rule itself: `*` is one word, `#` any number of them. */
function matches(pattern: readonly string[], words: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return words.length === 0
  if (first === '#') return matches(rest, words) || (words.length > 0 && matches(pattern, words.slice(1)))
  return words.length > 0 && (first === '*' || first === words[0]) && matches(rest, words.slice(1))
}

/** The same rule, for patterns of any length: which words may be left after each part of the pattern. */
function matchesLong(pattern: readonly string[], words: readonly string[]): boolean {
  let reached = new Set([0])
  for (const word of pattern) {
    const next = new Set<number>()
    if (word === '#') for (let at = Math.min(...reached); at <= words.length; at++) next.add(at)
    else for (const at of reached) if (at < words.length && (word === '*' || word === words[at])) next.add(at + 1)
    reached = next
    if (reached.size === 0) return false
  }
  return reached.has(words.length)
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
function steps(table: TopicTable<Destination>, routed: string): number {
  const { get } = Map.prototype
  let count = 0
  Map.prototype.get = function counted(this: Map<unknown, unknown>, name: unknown) {
    count++
    return get.call(this, name)
  }
  try {
    table.route(routed, {}, () => {})
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
          const table = new TopicTable<Destination>()
          const queues = bound.map((_, index) => model.queue(`q${index}`))
          const bindings = bound.map((one, index) => createBinding(exchange, queues[index] ?? queue, one, new Map()))
          for (const one of bindings) table.add(one)
          const gone = bindings.filter((_, index) => (removed >> (index % 16)) & 1)
          for (const one of gone) table.remove(one)
          for (const one of routed) {
            const found = new Set<string>()
            table.route(one, {}, ({ name }) => found.add(name))
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

  test('matches long keys and patterns as the rule says', () => {
    const words = (arbitrary: fc.Arbitrary<string>) => fc.array(arbitrary, { minLength: 30, maxLength: 100 })
    const long = words(fc.constantFrom('a', 'a', 'a', 'b', '*', '#', '#'))
    const routed = words(fc.constantFrom('a', 'a', 'a', 'a', 'a', 'b', 'c'))
    fc.assert(
      fc.property(fc.array(long, { minLength: 1, maxLength: 12 }), routed, (patterns, key) => {
        const bound = patterns.map((one) => one.join('.'))
        const table = new TopicTable<Destination>()
        for (const [i, one] of bound.entries()) {
          table.add(createBinding(exchange, model.queue(`long${i}`), one, new Map()))
        }
        const found = new Set<string>()
        table.route(key.join('.'), {}, ({ name }) => found.add(name))
        const expected = patterns.flatMap((one, i) => (matchesLong(one, key) ? [`long${i}`] : []))
        expect([...found].sort()).toEqual(expected.sort())
      }),
      { numRuns: 500 },
    )
  })

  test('finds a pattern that is found at the end of what it can be found in', () => {
    const patterns = Array.from({ length: 70 }, (_, i) => ['#', ...Array.from({ length: i }, () => 'a'), 'b', '#'])
    const table = tableOf(...patterns.map((one) => one.join('.')))
    for (let count = 0; count < 70; count++) {
      const key = [...Array.from({ length: count }, () => 'a'), 'b']
      let found = 0
      table.route(key.join('.'), {}, () => found++)
      expect(found).toBe(count + 1)
    }
  })

  test('takes no steps for patterns that ask for words which the key lacks, however often `#` is repeated', () => {
    const evil = (i: number) => `${'#.a.*.'.repeat(20)}w${i}.${'#.a.'.repeat(10)}#`
    const table = tableOf(...Array.from({ length: 2000 }, (_, i) => evil(i)))
    const key = (i: number) => `${'a.'.repeat(60)}w${i}.${'a.'.repeat(40)}end`
    expect(isMatch(table, key(7))).toBe(true)
    expect(isMatch(table, key(3000))).toBe(false)
    expect(steps(table, key(7))).toBeLessThan(500)
  })

  test('compares a key with each pattern at most once, whatever they have in common', () => {
    const evil = (i: number) =>
      Array.from({ length: 30 }, (_, bit) => ((i >> (bit % 11)) & 1 ? '#.a.*' : 'a.#')).join('.')
    const patterns = new Set(Array.from({ length: 2000 }, (_, i) => evil(i)))
    const table = tableOf(...patterns)
    const { matches: compare } = TopicPattern.prototype
    let comparisons = 0
    TopicPattern.prototype.matches = function counted(this: TopicPattern<unknown>, key: TopicKey) {
      comparisons++
      return compare.call(this, key)
    }
    try {
      table.route('a.'.repeat(126), {}, () => {})
    } finally {
      TopicPattern.prototype.matches = compare
    }
    expect(comparisons).toBeGreaterThan(0)
    expect(comparisons).toBeLessThanOrEqual(patterns.size)
  })

  test('visits a destination for each of its bindings that mean the same', () => {
    const table = tableOf('a.#.*', 'a.*.#', 'a.*.#.#')
    let count = 0
    table.route('a.b.c', {}, () => count++)
    expect(count).toBe(3)
    table.remove(binding('a.#.*'))
    expect(isMatch(table, 'a.b')).toBe(true)
    expect(isMatch(table, 'a')).toBe(false)
  })

  test('keeps nothing of bindings that are gone', () => {
    fc.assert(
      fc.property(fc.array(bindingKey, { maxLength: 20 }), (bound) => {
        const table = new TopicTable<Destination>()
        const bindings = [...new Set(bound)].map(binding)
        for (const one of bindings) table.add(one)
        for (const one of bindings) table.remove(one)
        for (const one of bound) {
          const routed = one.replaceAll(/[*#]/g, 'a')
          expect(steps(table, routed)).toBe(steps(new TopicTable<Destination>(), routed))
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
