// x-dead-letter-strategy at-least-once: a message leaves its queue only when the queues that it goes to have it.
import { beforeEach, expect, test } from 'vitest'
import { differsFromRabbit310, leveretOnly, useBroker } from '../support/broker.ts'
import { deathsOf, headersOf, reject, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import type { WireTable } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

/** A quorum queue that is gone with the test's channel, with dead letters to this exchange. */
async function source(exchange: string, options: WireTable = {}): Promise<string> {
  return await channel.queue({
    durable: true,
    exclusive: false,
    arguments: {
      'x-queue-type': 'quorum',
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
      'x-dead-letter-exchange': exchange,
      'x-expires': 60_000,
      ...options,
    },
  })
}

/** Waits until so many messages are in the queue. */
async function untilCount(queue: string, count: number): Promise<void> {
  for (;;) {
    const { args } = await channel.call('queue.declare', { queue, passive: true })
    if (args.messageCount === count) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('what is rejected or expires arrives, with its deaths told', async () => {
  const exchange = await channel.exchange('fanout')
  const dead = await channel.queue()
  await channel.bind(dead, exchange)
  const queue = await source(exchange, { 'x-message-ttl': 200 })
  channel.publishTo(queue, 'rejected', 'expired')
  await reject(channel, queue)
  const first = await take(channel, dead)
  expect(first.content.body.toString()).toBe('rejected')
  expect(deathsOf(first)[0]).toMatchObject({ queue, reason: 'rejected', count: 1 })
  await untilCount(dead, 1)
  const second = await take(channel, dead)
  expect(headersOf(second)).toMatchObject({ 'x-last-death-reason': 'expired', 'x-last-death-queue': queue })
})

test('without a queue to go to it waits until there is one', async () => {
  const exchange = await channel.exchange('direct', { autoDelete: false })
  const queue = await source(exchange, { 'x-dead-letter-routing-key': 'dead' })
  channel.publishTo(queue, 'a', 'b', 'c')
  for (let count = 0; count < 3; count++) await reject(channel, queue)
  await channel.expectCounts(queue, 0, 0)
  const dead = await channel.queue()
  await channel.bind(dead, exchange, 'dead')
  await untilCount(dead, 3)
  expect(await channel.drain(dead)).toEqual(['a', 'b', 'c'])
  await channel.call('exchange.delete', { exchange })
})

test('without its exchange it waits until that is declared', async () => {
  const exchange = unique('later')
  const queue = await source(exchange)
  channel.publishTo(queue, 'a')
  await reject(channel, queue)
  await channel.expectCounts(queue, 0, 0)
  await channel.exchange('fanout', {}, exchange)
  const dead = await channel.queue()
  await channel.bind(dead, exchange)
  await untilCount(dead, 1)
})

test('a queue that refuses it makes it wait, and no other queue has it twice', async () => {
  const exchange = await channel.exchange('fanout')
  const small = await channel.queue({ arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } })
  const large = await channel.queue()
  await channel.bind(small, exchange)
  await channel.bind(large, exchange)
  const queue = await source(exchange)
  channel.publishTo(queue, 'a', 'b')
  await reject(channel, queue)
  await reject(channel, queue)
  await channel.expectCounts(small, 1, 0)
  await channel.expectCounts(large, 1, 0)
  expect(await channel.drain(small)).toEqual(['a'])
  await untilCount(small, 1)
  expect(await channel.drain(small)).toEqual(['b'])
  expect(await channel.drain(large)).toEqual(['a', 'b'])
})

leveretOnly('RabbitMQ goes on when its own timer says so')(
  'more than are tried again at once all arrive, in their order',
  async () => {
    const exchange = await channel.exchange('fanout')
    const queue = await source(exchange)
    const bodies = Array.from({ length: 3000 }, (_, at) => String(at))
    channel.publishTo(queue, ...bodies)
    for (let count = 0; count < bodies.length; count++) channel.send('basic.get', { queue })
    for (let count = 0; count < bodies.length; count++) await channel.expect('basic.get-ok')
    channel.nack(bodies.length, { multiple: true, requeue: false })
    await channel.expectCounts(queue, 0, 0)
    const dead = await channel.queue()
    await channel.bind(dead, exchange)
    await untilCount(dead, bodies.length)
    expect(await channel.drain(dead)).toEqual(bodies)
  },
)

test('a queue that drops its oldest messages promises nothing: what has no way is dropped', async () => {
  const queue = await source(unique('nowhere'), { 'x-overflow': 'drop-head' })
  channel.publishTo(queue, 'a')
  await reject(channel, queue)
  const { args } = await channel.call('queue.delete', { queue })
  expect(args.messageCount).toBe(0)
})

differsFromRabbit310('it prints the reason in another form')('another strategy is refused', async () => {
  await channel.expectRefusal(
    'queue.declare',
    {
      queue: unique('q'),
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'sometimes' },
    },
    406,
    /invalid arg 'x-dead-letter-strategy' for queue '.*' in vhost '\/': invalid_dlx_strategy/,
  )
})
