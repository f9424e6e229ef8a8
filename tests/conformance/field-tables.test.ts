import { beforeEach, expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { type Tagged, tagged, type WireTable } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel
let queue: string

beforeEach(async () => {
  channel = await broker.channel()
  queue = await channel.queue()
})

async function roundTrip(headers: WireTable): Promise<Readonly<Record<string, Tagged>> | undefined> {
  channel.publish({ routingKey: queue, body: 'm', properties: { headers } })
  return (await channel.get(queue, true))?.content.properties.headers
}

const values: readonly (readonly [string, Tagged])[] = [
  ['true', tagged('t', true)],
  ['false', tagged('t', false)],
  ['the smallest i8', tagged('b', -128)],
  ['the largest i8', tagged('b', 127)],
  ['the largest u8', tagged('B', 255)],
  ['the smallest i16', tagged('s', -32_768)],
  ['the largest u16', tagged('u', 65_535)],
  ['the smallest i32', tagged('I', -2_147_483_648)],
  ['the largest u32', tagged('i', 4_294_967_295)],
  ['the smallest i64', tagged('l', -(2n ** 63n))],
  ['the largest i64', tagged('l', 2n ** 63n - 1n)],
  ['an i64 of moderate size', tagged('l', 5)],
  ['a float', tagged('f', 1.5)],
  ['a double', tagged('d', Math.PI)],
  ['a decimal', tagged('D', { scale: 2, unscaled: 31_415 })],
  ['an empty string', tagged('S', '')],
  ['a string', tagged('S', 'žluťoučký 兎 🐇')],
  ['bytes', tagged('x', Buffer.from([0, 255, 128, 7]))],
  ['a timestamp', tagged('T', 1_700_000_000)],
  ['void', tagged('V', null)],
  ['an empty table', tagged('F', {})],
  ['an empty array', tagged('A', [])],
]

test.each(values)('headers: %s comes back with its type', async (_, value) => {
  expect(await roundTrip({ value })).toEqual({ value })
})

test('headers: tables and arrays within each other come back', async () => {
  const inner = tagged('F', {
    list: tagged('A', [tagged('I', 1), tagged('S', 'two'), tagged('F', { x: tagged('V', null) })]),
  })
  const headers = { outer: tagged('F', { inner, more: tagged('A', [inner, inner]) }) }
  expect(await roundTrip(headers)).toEqual(headers)
})

test('headers: an empty table is a table', async () => {
  expect(await roundTrip({})).toEqual({})
})

test('headers: a thousand entries come back', async () => {
  const headers = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key-${n}`, tagged('I', n)]))
  expect(await roundTrip(headers)).toEqual(headers)
})

test('headers: keys of 255 bytes come back', async () => {
  const headers = { ['k'.repeat(255)]: tagged('S', 'long'), '': tagged('S', 'empty') }
  expect(await roundTrip(headers)).toEqual(headers)
})

test('headers: the tag L is taken as a 64 bit integer', async () => {
  const headers = await roundTrip({ value: tagged('L', 77) })
  expect(headers?.value?.value).toBe(77)
  expect(['l', 'L']).toContain(headers?.value?.tag)
})

test('headers: all fourteen properties come back as they were', async () => {
  const properties = {
    contentType: 'application/json',
    contentEncoding: 'gzip',
    headers: { a: tagged('I', 1) },
    deliveryMode: 2,
    priority: 9,
    correlationId: 'correlation',
    replyTo: 'reply',
    expiration: '60000',
    messageId: 'message',
    timestamp: 1_700_000_000,
    type: 'type',
    userId: 'guest',
    appId: 'app',
    clusterId: 'cluster',
  }
  channel.publish({ routingKey: queue, body: 'm', properties })
  expect((await channel.get(queue, true))?.content.properties).toEqual(properties)
})

test.each([
  ['empty strings', { contentType: '', correlationId: '', messageId: '', type: '' }],
  ['zeros', { priority: 0, timestamp: 0 }],
  ['255 bytes', { messageId: 'm'.repeat(255) }],
  ['nothing', {}],
])('properties: %s come back as they were', async (_, properties) => {
  channel.publish({ routingKey: queue, body: 'm', properties })
  expect((await channel.get(queue, true))?.content.properties).toEqual(properties)
})

differsFromRabbit310('was 406')(
  'properties: a delivery mode that is neither 1 nor 2 comes back as it was',
  async () => {
    for (const deliveryMode of [0, 3, 255]) {
      channel.publish({ routingKey: queue, body: 'm', properties: { deliveryMode } })
      expect((await channel.get(queue, true))?.content.properties).toEqual({ deliveryMode })
    }
  },
)

test('arguments: every type is accepted in queue, exchange, binding and consumer arguments', async () => {
  const table = Object.fromEntries(values.map(([name, value]) => [`arg ${name}`, value]))
  const own = await channel.queue({ arguments: table })
  const exchange = await channel.exchange('direct', { arguments: table })
  await channel.bind(own, exchange, 'k', table)
  await channel.call('queue.unbind', { queue: own, exchange, routingKey: 'k', arguments: table })
  await channel.consume(own, { arguments: table })
})

test('arguments: the last one of a repeated key counts for nothing worse than itself', async () => {
  // A table may repeat a key on the wire; the broker must answer, not fall over.
  const twice = Buffer.concat([...Array(2)].map(() => Buffer.from([1, 0x61, 0x49, 0, 0, 0, 1])))
  const declare = Buffer.concat([Buffer.from([0, 50, 0, 10, 0, 0, 0, 0b100, 0, 0, 0, twice.length]), twice])
  const frame = Buffer.concat([Buffer.from([1, 0, 1, 0, 0, 0, declare.length]), declare, Buffer.from([0xce])])
  channel.client.write(frame)
  await channel.expect('queue.declare-ok')
})

differsFromRabbit310('has no such limit')(
  'a table nested a thousand deep ends the connection, not the broker',
  async () => {
    let nested: WireTable = {}
    for (let depth = 0; depth < 1000; depth++) nested = { n: nested }
    channel.send('queue.declare', { queue: 'deep', arguments: nested })
    await channel.client.expectSomeEnd(501, 502)
    await (await broker.open()).expectUsable()
  },
)
