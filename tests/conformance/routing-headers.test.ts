import { beforeEach, expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { tagged, type WireTable, type WireValue } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

/** Whether a message with these headers gets through a binding with these arguments. */
async function routes(binding: WireTable, headers: WireTable | undefined): Promise<boolean> {
  const exchange = await channel.exchange('headers')
  const queue = await channel.queue()
  await channel.bind(queue, exchange, '', binding)
  channel.publish({ exchange, body: 'm', properties: headers ? { headers } : {} })
  return (await channel.drain(queue)).length === 1
}

const matrix: readonly (readonly [string, WireTable, WireTable | undefined, boolean])[] = [
  ['all of all', { 'x-match': 'all', a: 1, b: 'two' }, { a: 1, b: 'two', c: true }, true],
  ['all but one is missing', { 'x-match': 'all', a: 1, b: 'two' }, { a: 1 }, false],
  ['all but one differs', { 'x-match': 'all', a: 1, b: 'two' }, { a: 1, b: 'three' }, false],
  ['all is the default', { a: 1, b: 2 }, { a: 1, b: 2 }, true],
  ['all is the default and strict', { a: 1, b: 2 }, { a: 1 }, false],
  ['all without conditions', { 'x-match': 'all' }, { a: 1 }, true],
  ['no arguments and no headers', {}, undefined, true],
  ['any with one of two', { 'x-match': 'any', a: 1, b: 2 }, { b: 2 }, true],
  ['any with none of two', { 'x-match': 'any', a: 1, b: 2 }, { a: 2, b: 1 }, false],
  ['any without conditions', { 'x-match': 'any' }, { a: 1 }, false],
  ['any of a message without headers', { 'x-match': 'any', a: 1 }, undefined, false],
  ['void means presence', { 'x-match': 'all', a: null }, { a: 'whatever' }, true],
  ['void means presence, absent', { 'x-match': 'all', a: null }, { b: 1 }, false],
  ['integers of other types are equal', { a: tagged('I', 5) }, { a: tagged('l', 5) }, true],
  ['a timestamp and its integer are equal', { a: 5 }, { a: tagged('T', 5) }, true],
  ['bytes and a string of them are equal', { a: 'x' }, { a: tagged('x', Buffer.from('x')) }, true],
  ['a void header is not what a binding asks for', { a: 1 }, { a: null }, false],
  ['a number and its text differ', { a: '1' }, { a: 1 }, false],
  ['true and "true" differ', { a: true }, { a: 'true' }, false],
  ['booleans', { a: true }, { a: true }, true],
  ['nested tables', { a: { b: 1 } }, { a: { b: 1 } }, true],
  ['arrays', { a: [1, 2] }, { a: [1, 2] }, true],
  ['arrays in another order', { a: [1, 2] }, { a: [2, 1] }, false],
  ['x- keys do not count for all', { 'x-match': 'all', a: 1, 'x-b': 2 }, { a: 1 }, true],
  ['x- keys do not count for any', { 'x-match': 'any', a: 1, 'x-b': 2 }, { 'x-b': 2 }, false],
  ['keys are case sensitive', { A: 1 }, { a: 1 }, false],
  ['the routing key does not matter', { a: 1 }, { a: 1 }, true],
]

test.each(matrix)('headers: %s', async (_, binding, headers, expected) => {
  expect(await routes(binding, headers)).toBe(expected)
})

const withX: readonly (readonly [string, WireTable, WireTable, boolean])[] = [
  ['all-with-x, both there', { 'x-match': 'all-with-x', a: 1, 'x-b': 2 }, { a: 1, 'x-b': 2 }, true],
  ['all-with-x, the x- key missing', { 'x-match': 'all-with-x', a: 1, 'x-b': 2 }, { a: 1 }, false],
  ['any-with-x, only the x- key', { 'x-match': 'any-with-x', a: 1, 'x-b': 2 }, { 'x-b': 2 }, true],
  ['any-with-x, nothing', { 'x-match': 'any-with-x', a: 1, 'x-b': 2 }, { 'x-b': 3 }, false],
]

test.each(withX)('headers: %s', async (_, binding, headers, expected) => {
  expect(await routes(binding, headers)).toBe(expected)
})

test('several bindings of one queue give one copy', async () => {
  const exchange = await channel.exchange('headers')
  const queue = await channel.queue()
  await channel.bind(queue, exchange, '', { a: 1 })
  await channel.bind(queue, exchange, '', { b: 2 })
  channel.publish({ exchange, body: 'once', properties: { headers: { a: 1, b: 2 } } })
  expect(await channel.drain(queue)).toEqual(['once'])
})

test('amq.match and amq.headers are headers exchanges', async () => {
  for (const exchange of ['amq.match', 'amq.headers']) {
    const queue = await channel.queue()
    await channel.bind(queue, exchange, '', { who: queue })
    channel.publish({ exchange, body: 'm', properties: { headers: { who: queue } } })
    expect(await channel.drain(queue)).toEqual(['m'])
  }
})

differsFromRabbit310('compared by value')('headers: an integer and a float differ', async () => {
  expect(await routes({ a: 1 }, { a: tagged('d', 1) })).toBe(false)
})

test.each([
  ['most', '<<"most">>'],
  ['', '<<>>'],
  ['say "all"', '<<"say \\"all\\"">>'],
  ['all\0', '<<97,108,108,0>>'],
])('an x-match of %j is 406', async (mode, printed) => {
  const queue = await channel.queue()
  const binding = { queue, exchange: 'amq.headers', arguments: { 'x-match': mode, a: 1 } }
  const text = `Invalid x-match field value ${printed}; expected all, any, all-with-x, or any-with-x`
  await channel.expectRefusal('queue.bind', binding, 406, text)
})

test.each<[WireValue, string, string]>([
  [1, 'signedint', '1'],
  [true, 'bool', 'true'],
  [null, 'void', 'undefined'],
  [tagged('d', 3), 'double', '3.0'],
  [tagged('d', 1e5), 'double', '1.0e5'],
  [tagged('x', Buffer.from('all')), 'binary', '<<"all">>'],
  [tagged('x', Buffer.of(0, 1)), 'binary', '<<0,1>>'],
  [[], 'array', '[]'],
  [{}, 'table', '[]'],
  [[1, 2], 'array', '[{signedint,1},{signedint,2}]'],
  [tagged('D', { scale: 1, unscaled: 5 }), 'decimal', '{1,5}'],
  [tagged('T', 77), 'timestamp', '77'],
])('an x-match of %j, which is no string, is 406', async (mode, type, printed) => {
  const queue = await channel.queue()
  const binding = { queue, exchange: 'amq.headers', arguments: { 'x-match': mode, a: 1 } }
  const text = `Invalid x-match field type ${type} (value ${printed}); expected longstr`
  await channel.expectRefusal('queue.bind', binding, 406, text)
})

test('an exchange binding to a headers exchange is checked as well', async () => {
  const destination = await channel.exchange('fanout')
  const binding = { source: 'amq.headers', destination, arguments: { 'x-match': 'most' } }
  await channel.expectRefusal('exchange.bind', binding, 406, /Invalid x-match field value .*/)
})
