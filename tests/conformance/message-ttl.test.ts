import { beforeEach, describe, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { deathsOf, headersOf, pair, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

function publish(queue: string, body: string, expiration: string): void {
  channel.publish({ routingKey: queue, body, properties: { expiration } })
}

describe('a message that expires', () => {
  test.each([
    ['by its queue', { 'x-message-ttl': 60 }, undefined],
    ['by itself', {}, '60'],
    ['by its queue, though it would have more time', { 'x-message-ttl': 60 }, '100000'],
    ['by itself, though its queue would give it more', { 'x-message-ttl': 100_000 }, '60'],
  ])('becomes a dead letter when its time is over, and not before: %s', async (_, options, expiration) => {
    const { source, dead } = await pair(channel, options)
    await channel.consume(dead, { noAck: true })
    const begin = performance.now()
    const properties = expiration === undefined ? {} : { expiration }
    channel.publish({ routingKey: source, body: 'a', properties: { ...properties, messageId: 'm' } })
    const letter = await channel.delivery()
    expect(performance.now() - begin).toBeGreaterThanOrEqual(60)
    expect(letter.content.body.toString()).toBe('a')
    expect(letter.content.properties.expiration).toBeUndefined()
    expect(letter.content.properties.messageId).toBe('m')
    expect(deathsOf(letter)).toMatchObject([{ reason: 'expired', queue: source, count: 1 }])
    expect(deathsOf(letter)[0]?.['original-expiration']).toBe(expiration)
    await channel.expectCounts(source, 0, 0)
  })

  test('has its expiration still when it is delivered in time', async () => {
    const queue = await channel.queue({ arguments: { 'x-message-ttl': 100_000 } })
    publish(queue, 'a', '50000')
    expect((await take(channel, queue)).content.properties).toEqual({ expiration: '50000' })
  })

  test('waits behind one with more time, and is gone when it comes to the head', async () => {
    const { source, dead } = await pair(channel)
    publish(source, 'long', '100000')
    publish(source, 'short', '1')
    publish(source, 'last', '100000')
    const clock = await channel.queue({
      arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead },
    })
    publish(clock, 'the clock', '20')
    for (let isOver = false; !isOver; ) isOver = (await channel.get(dead, true)) !== undefined
    await channel.expectCounts(source, 3, 0)
    const first = await take(channel, source)
    expect([first.content.body.toString(), first.args.messageCount]).toEqual(['long', 1])
    expect((await take(channel, source)).content.body.toString()).toBe('last')
    expect(await channel.drain(dead)).toEqual(['short'])
  })

  test('keeps its time when it comes back', async () => {
    const { source, dead } = await pair(channel, { 'x-message-ttl': 80 })
    const begin = performance.now()
    channel.publishTo(source, 'a')
    const taken = await take(channel, source)
    await channel.consume(dead, { noAck: true })
    channel.nack(Number(taken.args.deliveryTag))
    await channel.delivery()
    const passed = performance.now() - begin
    expect(passed).toBeGreaterThanOrEqual(80)
    expect(passed).toBeLessThan(2 * 80 + 1000)
  })

  test('does not expire while a client has it, and does at once when it comes back then', async () => {
    const { source, dead } = await pair(channel, { 'x-message-ttl': 30 })
    channel.publishTo(source, 'a', 'b')
    const taken = await take(channel, source)
    const other = await channel.client.channel(2)
    await other.consume(dead, { noAck: true })
    await other.expectBodies('b')
    await channel.expectCounts(dead, 0, 1)
    channel.nack(Number(taken.args.deliveryTag))
    await other.expectBodies('a')
  })

  test('is dropped where there is no dead letter exchange, and a get that comes later finds what is left', async () => {
    const queue = await channel.queue()
    const { source, dead } = await pair(channel, { 'x-message-ttl': 30 })
    await channel.consume(dead, { noAck: true })
    publish(queue, 'a', '20')
    channel.publishTo(queue, 'b')
    channel.publishTo(source, 'the clock')
    await channel.delivery()
    expect(await channel.drain(queue)).toEqual(['b'])
  })

  test('is confirmed, whatever becomes of it', async () => {
    const queue = await channel.queue({ arguments: { 'x-message-ttl': 0 } })
    await channel.call('confirm.select')
    channel.publishTo(queue, 'a')
    await channel.expect('basic.ack', { deliveryTag: 1, multiple: false })
  })

  test('expires in the order of the queue, with thousands of others', async () => {
    const { source, dead } = await pair(channel, { 'x-message-ttl': 50 })
    const bodies = Array.from({ length: 5000 }, (_, at) => String(at))
    channel.client.write(Buffer.concat(bodies.map((body) => channel.publishBytes({ routingKey: source, body }))))
    await channel.consume(dead, { noAck: true })
    await channel.expectBodies(...bodies)
    await channel.expectCounts(source, 0, 0)
  })
})

describe('no time at all', () => {
  test.each([
    ['by the queue', { 'x-message-ttl': 0 }, {}],
    ['by the message', {}, { expiration: '0' }],
  ])('means now or never: %s', async (_, options, properties) => {
    const { source, dead } = await pair(channel, options)
    channel.publish({ routingKey: source, body: 'none is there', properties })
    await channel.expectCounts(source, 0, 0)
    await channel.call('basic.qos', { prefetchCount: 2 })
    await channel.consume(source)
    const bodies = ['a', 'b', 'c', 'd']
    const all = bodies.map((body) => channel.publishBytes({ routingKey: source, body, properties }))
    channel.client.write(Buffer.concat(all))
    const [first = 0] = await channel.expectBodies('a', 'b')
    await channel.expectCounts(source, 0, 1)
    channel.ack(first)
    channel.publish({ routingKey: source, body: 'e', properties })
    await channel.expectBodies('e')
    expect(await channel.drain(dead)).toEqual(['none is there', 'c', 'd'])
  })

  test('waits behind a message with more time, if none can take that', async () => {
    const { source, dead } = await pair(channel)
    channel.publishTo(source, 'first')
    publish(source, 'none', '0')
    await channel.expectCounts(source, 2, 0)
    expect(await channel.drain(source)).toEqual(['first'])
    expect(await channel.drain(dead)).toEqual(['none'])
  })

  test('goes on through queues without time, one after the other', async () => {
    const end = await channel.queue()
    let next = end
    for (let count = 0; count < 200; count++) {
      const options = { 'x-message-ttl': 0, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': next }
      next = await channel.queue({ arguments: options })
    }
    await channel.consume(end, { noAck: true })
    channel.publishTo(next, 'a')
    expect(deathsOf(await channel.delivery()).length).toBe(200)
  })
})

test('a message goes from queue to queue as they tell: a ladder of delays', async () => {
  const ladder = await channel.queue()
  const begin = performance.now()
  const second = { 'x-message-ttl': 40, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': ladder }
  const middle = await channel.queue({ arguments: second })
  const first = await channel.queue({
    arguments: { 'x-message-ttl': 30, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': middle },
  })
  await channel.consume(ladder, { noAck: true })
  channel.publishTo(first, 'a')
  const letter = await channel.delivery()
  expect(performance.now() - begin).toBeGreaterThanOrEqual(70)
  expect(deathsOf(letter).map(({ queue }) => queue)).toEqual([middle, first])
  expect(headersOf(letter)).toMatchObject({ 'x-first-death-queue': first, 'x-last-death-queue': middle })
})

describe('the longest times', () => {
  test.each(['2147483647', '2147483648', '4294967295', '4294967297', '315360000000'])(
    'a message with %s ms stays, and one behind it with less goes in its time',
    async (expiration) => {
      const { source, dead } = await pair(channel)
      const other = await channel.queue({
        arguments: { 'x-message-ttl': Number(expiration) > 2 ** 31 - 1 ? BigInt(expiration) : Number(expiration) },
      })
      publish(source, 'long', expiration)
      channel.publishTo(other, 'long')
      publish(
        await channel.queue({ arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead } }),
        'x',
        '20',
      )
      await channel.consume(dead, { noAck: true })
      await channel.expectBodies('x')
      await channel.expectCounts(source, 1, 0)
      await channel.expectCounts(other, 1, 0)
    },
  )
})

describe('a queue that expires', () => {
  test('is gone when nothing has used it for so long', async () => {
    const queue = await channel.queue({ exclusive: false, arguments: { 'x-expires': 40 } })
    const { source, dead } = await pair(channel, { 'x-message-ttl': 60 })
    await channel.consume(dead, { noAck: true })
    channel.publishTo(source, 'the clock')
    await channel.delivery()
    await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
  })

  test('stays while it has a consumer, and each use of it gives it all of its time again', async () => {
    const leaseMs = 300
    const uses: ((queue: string) => Promise<unknown>)[] = [
      (queue) => channel.get(queue),
      (queue) => channel.call('queue.declare', { queue, passive: true }),
      (queue) => channel.call('queue.declare', { queue, exclusive: true, arguments: { 'x-expires': leaseMs } }),
      async (queue) => {
        const consumerTag = await channel.consume(queue)
        await channel.call('basic.cancel', { consumerTag })
      },
    ]
    const queues: string[] = []
    for (const _ of uses) queues.push(await channel.queue({ arguments: { 'x-expires': leaseMs } }))
    const consumed = await channel.queue({ arguments: { 'x-expires': leaseMs } })
    await channel.consume(consumed)
    const begin = performance.now()
    while (performance.now() - begin < 3 * leaseMs) {
      for (const [at, queue] of queues.entries()) await uses[at]?.(queue)
      await tick()
    }
    for (const queue of [...queues, consumed]) {
      expect((await channel.call('queue.declare', { queue, passive: true })).args.queue).toBe(queue)
    }
  })

  /** Some 20 ms, told by the broker. */
  async function tick(): Promise<void> {
    const { source, dead } = await pair(channel, { 'x-message-ttl': 20 })
    const clock = await channel.client.channel(2)
    const consumerTag = await clock.consume(dead, { noAck: true })
    channel.publishTo(source, 'tick')
    await clock.delivery()
    await clock.call('basic.cancel', { consumerTag })
    await clock.close()
  }

  test('has no dead letters', async () => {
    const { source, dead } = await pair(channel, { 'x-expires': 30 })
    channel.publishTo(source, 'a')
    for (let count = 0; count < 3; count++) await tick()
    await channel.expectRefusal('queue.declare', { queue: source, passive: true }, 404, /no queue/)
    await channel.expectCounts(dead, 0, 0)
  })
})
