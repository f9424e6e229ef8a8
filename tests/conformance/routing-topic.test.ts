import { beforeEach, expect, test } from 'vitest'
import { leveretOnly, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

const keys = [
  '',
  '.',
  'a',
  'a.',
  '.a',
  'a.b',
  'a..b',
  'a.b.c',
  'a.c.b',
  'b',
  'b.a',
  'a.a.a',
  'a.b.b',
  'a.x.y.b',
  '*',
  '#',
]

const matrix: readonly (readonly [string, readonly string[]])[] = [
  ['', ['']],
  ['a', ['a']],
  ['a.b', ['a.b']],
  ['*', ['a', 'b', '*', '#']],
  ['a.*', ['a.', 'a.b']],
  ['*.a', ['.a', 'b.a']],
  ['*.*', ['.', 'a.', '.a', 'a.b', 'b.a']],
  ['a.*.b', ['a..b', 'a.c.b', 'a.b.b']],
  ['#', keys],
  ['a.#', ['a', 'a.', 'a.b', 'a..b', 'a.b.c', 'a.c.b', 'a.a.a', 'a.b.b', 'a.x.y.b']],
  ['#.b', ['b', 'a.b', 'a..b', 'a.c.b', 'a.b.b', 'a.x.y.b']],
  ['a.#.b', ['a.b', 'a..b', 'a.c.b', 'a.b.b', 'a.x.y.b']],
  ['#.b.#', ['b', 'a.b', 'b.a', 'a..b', 'a.b.c', 'a.c.b', 'a.b.b', 'a.x.y.b']],
  ['#.#', keys],
  ['*.#', keys.filter((key) => key !== '')],
  ['#.*', keys.filter((key) => key !== '')],
  ['*.*.#', ['.', 'a.', '.a', 'a.b', 'a..b', 'a.b.c', 'a.c.b', 'b.a', 'a.a.a', 'a.b.b', 'a.x.y.b']],
  ['#.*.*.*', ['a..b', 'a.b.c', 'a.c.b', 'a.a.a', 'a.b.b', 'a.x.y.b']],
  ['*b', []],
  ['#b', []],
  ['A', []],
]

test.each(matrix)('the pattern "%s" matches just what it should', async (pattern, expected) => {
  const exchange = await channel.exchange('topic')
  const queue = await channel.queue()
  await channel.bind(queue, exchange, pattern)
  for (const routingKey of keys) channel.publish({ exchange, routingKey, body: `<${routingKey}>` })
  const matched = keys.filter((key) => expected.includes(key))
  expect(await channel.drain(queue)).toEqual(matched.map((key) => `<${key}>`))
})

test('many patterns of many queues are matched together', async () => {
  const exchange = await channel.exchange('topic')
  const queues = new Map<string, string>()
  for (const pattern of ['stock.#', 'stock.*.nyse', '#.nyse', 'stock.ibm.nyse', 'stock.*', '*.ibm.*', '#']) {
    const queue = await channel.queue()
    queues.set(pattern, queue)
    await channel.bind(queue, exchange, pattern)
  }
  for (const key of ['stock.ibm.nyse', 'stock.ibm', 'stock', 'fx.nyse']) {
    channel.publish({ exchange, routingKey: key, body: key })
  }
  const received: Record<string, string[]> = {}
  for (const [pattern, queue] of queues) received[pattern] = await channel.drain(queue)
  expect(received).toEqual({
    'stock.#': ['stock.ibm.nyse', 'stock.ibm', 'stock'],
    'stock.*.nyse': ['stock.ibm.nyse'],
    '#.nyse': ['stock.ibm.nyse', 'fx.nyse'],
    'stock.ibm.nyse': ['stock.ibm.nyse'],
    'stock.*': ['stock.ibm'],
    '*.ibm.*': ['stock.ibm.nyse'],
    '#': ['stock.ibm.nyse', 'stock.ibm', 'stock', 'fx.nyse'],
  })
})

test('unbinding one pattern leaves those that share its words', async () => {
  const exchange = await channel.exchange('topic')
  const first = await channel.queue()
  const second = await channel.queue()
  await channel.bind(first, exchange, 'a.b.#')
  await channel.bind(first, exchange, 'a.b.c')
  await channel.bind(second, exchange, 'a.b.c')
  await channel.call('queue.unbind', { queue: first, exchange, routingKey: 'a.b.#' })
  await channel.call('queue.unbind', { queue: first, exchange, routingKey: 'a.b.c' })
  channel.publish({ exchange, routingKey: 'a.b.c', body: 'm' })
  expect(await channel.drain(second)).toEqual(['m'])
  expect(await channel.drain(first)).toEqual([])
})

leveretOnly('others need minutes')('a key of many words meets a pattern of many # without delay', async () => {
  const exchange = await channel.exchange('topic')
  const queue = await channel.queue()
  await channel.bind(queue, exchange, '#.a.#.a.#.a.#.z')
  for (let count = 0; count < 10; count++) channel.publish({ exchange, routingKey: 'a.'.repeat(120).concat('y') })
  await channel.expectQuiet(queue)
  channel.publish({ exchange, routingKey: 'a.'.repeat(120).concat('z'), body: 'm' })
  expect(await channel.drain(queue)).toEqual(['m'])
})
