import { beforeEach, describe, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import type { WireTable } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

function limited(limits: WireTable): Promise<string> {
  return channel.queue({ arguments: limits })
}

/** Publishes all of them in one piece. */
function publishAll(queue: string, bodies: readonly string[]): void {
  channel.client.write(Buffer.concat(bodies.map((body) => channel.publishBytes({ routingKey: queue, body }))))
}

const REJECT = { 'x-overflow': 'reject-publish' }

describe('drop-head', () => {
  test('a queue keeps the newest messages, and its publisher is told that all of them are safe', async () => {
    const queue = await limited({ 'x-max-length': 3 })
    await channel.call('confirm.select')
    publishAll(queue, ['a', 'b', 'c', 'd', 'e'])
    expect(await channel.confirmsUpTo(5)).toEqual(['ack', 'ack', 'ack', 'ack', 'ack'])
    await channel.expectCounts(queue, 3, 0)
    expect(await channel.drain(queue)).toEqual(['c', 'd', 'e'])
  })

  test('only the bytes of bodies count', async () => {
    const queue = await limited({ 'x-max-length-bytes': 10 })
    const properties = { headers: { long: 'x'.repeat(100) } }
    for (const body of ['aaaa', 'bbbb', 'cc', 'd', '']) channel.publish({ routingKey: queue, body, properties })
    await channel.expectCounts(queue, 4, 0)
    expect(await channel.drain(queue)).toEqual(['bbbb', 'cc', 'd', ''])
  })

  test('of two limits each holds', async () => {
    const queue = await limited({ 'x-max-length': 3, 'x-max-length-bytes': 10, 'x-overflow': 'drop-head' })
    channel.publishTo(queue, 'a', 'b', 'c', 'd')
    await channel.expectCounts(queue, 3, 0)
    channel.publishTo(queue, '123456789')
    await channel.expectCounts(queue, 2, 0)
    expect(await channel.drain(queue)).toEqual(['d', '123456789'])
  })

  test('a message that is larger than the limit goes at once, with all before it', async () => {
    const queue = await limited({ 'x-max-length-bytes': 10 })
    channel.publishTo(queue, 'a', 'b', '12345678901')
    await channel.expectCounts(queue, 0, 0)
  })

  test('what was delivered and is not settled does not count', async () => {
    const queue = await limited({ 'x-max-length': 2 })
    channel.publishTo(queue, 'a', 'b')
    expect((await channel.get(queue))?.content.body.toString()).toBe('a')
    channel.publishTo(queue, 'c')
    await channel.expectCounts(queue, 2, 0)
    channel.ack(1)
    expect(await channel.drain(queue)).toEqual(['b', 'c'])
  })

  test.each([0, 1])(
    'what a consumer takes does not count: none of many is dropped with a limit of %i',
    async (limit) => {
      const queue = await limited({ 'x-max-length': limit })
      await channel.consume(queue, { noAck: true })
      const bodies = Array.from({ length: 500 }, (_, at) => String(at))
      publishAll(queue, bodies)
      await channel.expectBodies(...bodies)
    },
  )

  test('with a limit of none, what no consumer takes at once is dropped', async () => {
    const queue = await limited({ 'x-max-length': 0 })
    await channel.call('basic.qos', { prefetchCount: 2 })
    await channel.consume(queue)
    publishAll(queue, ['a', 'b', 'c', 'd'])
    const [first = 0] = await channel.expectBodies('a', 'b')
    channel.ack(first)
    await channel.expectCounts(queue, 0, 1)
    channel.publishTo(queue, 'e')
    await channel.expectBodies('e')
  })

  test('a message that comes back may be too much: the oldest are dropped, be it itself', async () => {
    const queue = await limited({ 'x-max-length': 2 })
    channel.publishTo(queue, 'a', 'b', 'c', 'd')
    const first = await channel.get(queue)
    channel.publishTo(queue, 'e')
    await channel.expectCounts(queue, 2, 0)
    channel.nack(Number(first?.args.deliveryTag))
    await channel.expectCounts(queue, 2, 0)
    expect(await channel.drain(queue)).toEqual(['d', 'e'])
  })

  test('of many that come back together the newest stay, in their order', async () => {
    const queue = await limited({ 'x-max-length': 5 })
    for (const round of ['a', 'b', 'c', 'd']) {
      for (let at = 0; at < 5; at++) channel.publishTo(queue, `${round}${at}`)
      for (let at = 0; at < 5; at++) await channel.get(queue)
    }
    await channel.close()
    await channel.reopen()
    await channel.expectCounts(queue, 5, 0)
    expect(await channel.drain(queue)).toEqual(['d0', 'd1', 'd2', 'd3', 'd4'])
  })

  test('one large message makes many small ones go, and others are served meanwhile', async () => {
    const queue = await limited({ 'x-max-length-bytes': 100_000 })
    publishAll(queue, new Array<string>(20_000).fill('12345'))
    await channel.expectCounts(queue, 20_000, 0)
    channel.publishTo(queue, 'x'.repeat(99_998))
    await channel.expectCounts(await channel.queue(), 0, 0)
    expect((await channel.get(queue))?.content.body.length).toBe(99_998)
  })
})

describe('reject-publish', () => {
  test('exactly what is too much is nacked', async () => {
    const queue = await limited({ 'x-max-length': 2, ...REJECT })
    await channel.call('confirm.select')
    publishAll(queue, ['a', 'b', 'c', 'd'])
    expect(await channel.confirmsUpTo(4)).toEqual(['ack', 'ack', 'nack', 'nack'])
    expect(await channel.drain(queue)).toEqual(['a', 'b'])
    publishAll(queue, ['e'])
    await channel.expect('basic.ack', { deliveryTag: 5, multiple: false })
  })

  test('a message that does not fit is refused, and a smaller one behind it taken', async () => {
    const queue = await limited({ 'x-max-length-bytes': 5, ...REJECT })
    await channel.call('confirm.select')
    publishAll(queue, ['123', '456', '78', ''])
    expect(await channel.confirmsUpTo(4)).toEqual(['ack', 'nack', 'ack', 'ack'])
    expect(await channel.drain(queue)).toEqual(['123', '78', ''])
  })

  test('no answer for many goes past a nack, whatever is published in turn', async () => {
    const full = await limited({ 'x-max-length': 1, ...REJECT })
    const free = await channel.queue()
    await channel.call('confirm.select')
    const keys = Array.from({ length: 60 }, (_, at) => (at % 7 < 3 ? full : free))
    channel.client.write(Buffer.concat(keys.map((routingKey) => channel.publishBytes({ routingKey }))))
    const expected = keys.map((key, at) => (key === full && at > 0 ? 'nack' : 'ack'))
    expect(await channel.confirmsUpTo(60)).toEqual(expected)
  })

  test('without confirms the message is gone, and none is returned', async () => {
    const queue = await limited({ 'x-max-length': 1, ...REJECT })
    channel.publish({ routingKey: queue, body: 'a', mandatory: true })
    channel.publish({ routingKey: queue, body: 'b', mandatory: true })
    await channel.expectQuiet()
    expect(await channel.drain(queue)).toEqual(['a'])
  })

  test('one of several queues that refuses makes it a nack, and the others have the message', async () => {
    const [full, free] = [await limited({ 'x-max-length': 0, ...REJECT }), await channel.queue()]
    const exchange = await channel.exchange('fanout')
    for (const queue of [full, free]) await channel.bind(queue, exchange)
    await channel.call('confirm.select')
    channel.publish({ exchange, body: 'a' })
    await channel.expect('basic.nack', { deliveryTag: 1, multiple: false, requeue: false })
    expect(await channel.drain(free)).toEqual(['a'])
  })

  test('what a consumer takes does not count: none of many is refused', async () => {
    const queue = await limited({ 'x-max-length': 1, ...REJECT })
    const consumer = await broker.channel()
    await channel.call('queue.delete', { queue })
    await channel.queue({ exclusive: false, autoDelete: true, arguments: { 'x-max-length': 1, ...REJECT } }, queue)
    await consumer.consume(queue, { noAck: true })
    await channel.call('confirm.select')
    const bodies = Array.from({ length: 300 }, (_, at) => String(at))
    publishAll(queue, bodies)
    expect(new Set(await channel.confirmsUpTo(300))).toEqual(new Set(['ack']))
    await consumer.expectBodies(...bodies)
  })

  test('messages that come back may be more than the limit', async () => {
    const queue = await limited({ 'x-max-length': 1, ...REJECT })
    channel.publishTo(queue, 'a')
    const taken = await channel.get(queue)
    channel.publishTo(queue, 'b')
    channel.nack(Number(taken?.args.deliveryTag))
    await channel.expectCounts(queue, 2, 0)
    channel.publishTo(queue, 'c')
    expect(await channel.drain(queue)).toEqual(['a', 'b'])
  })

  test('in a transaction the commit fails, and the rest of it is done', async () => {
    const queue = await limited({ 'x-max-length': 1, ...REJECT })
    await channel.call('tx.select')
    channel.publishTo(queue, 'a', 'b')
    await channel.expectRefusal('tx.commit', {}, 406, 'partial tx completion')
    expect(await channel.drain(queue)).toEqual(['a'])
  })
})
