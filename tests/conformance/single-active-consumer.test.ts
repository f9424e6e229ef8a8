// x-single-active-consumer: one consumer gets everything, the others wait until it goes.
import { beforeEach, expect, test } from 'vitest'
import { startTestBroker } from '../../src/testing.ts'
import { leveretOnly, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

const broker = useBroker()
const SINGLE = { 'x-single-active-consumer': true }
let channel: RawChannel
let queue: string

beforeEach(async () => {
  channel = await broker.channel()
  queue = await channel.queue({ exclusive: false, autoDelete: true, arguments: SINGLE })
})

/** A consumer on a channel of its own; its tag is `c` and the channel's number. */
async function consumer(id: number, priority?: number, prefetchCount = 0): Promise<RawChannel> {
  const own = await channel.client.channel(id)
  if (prefetchCount > 0) await own.call('basic.qos', { prefetchCount })
  const args = priority === undefined ? {} : { arguments: { 'x-priority': priority } }
  await own.consume(queue, { consumerTag: `c${id}`, ...args })
  return own
}

test('the first consumer gets everything, the others nothing', async () => {
  const [first, second, third] = [await consumer(2), await consumer(3), await consumer(4)]
  channel.publishTo(queue, '1', '2', '3', '4')
  await first.expectBodies('1', '2', '3', '4')
  for (const own of [second, third]) await own.expectQuiet(queue)
  await channel.expectCounts(queue, 0, 3)
})

test('what the active one has no room for waits for it', async () => {
  const [first, second] = [await consumer(2, undefined, 1), await consumer(3)]
  channel.publishTo(queue, '1', '2')
  const [tag] = await first.expectBodies('1')
  await channel.expectCounts(queue, 1, 2)
  await second.expectQuiet(queue)
  first.ack(tag as number)
  await first.expectBodies('2')
})

test('when it is cancelled, the one that has waited longest is next; what was delivered stays where it is', async () => {
  const [first, second, third] = [await consumer(2), await consumer(3), await consumer(4)]
  channel.publishTo(queue, '1')
  const [tag] = await first.expectBodies('1')
  await first.call('basic.cancel', { consumerTag: 'c2' })
  channel.publishTo(queue, '2')
  await second.expectBodies('2')
  await third.expectQuiet(queue)
  first.nack(tag as number)
  expect((await second.delivery()).args).toMatchObject({ redelivered: true, consumerTag: 'c3' })
  await second.close()
  await third.expectBodies('1', '2')
})

test('a channel that closes gives back what it had, in order, to the next one', async () => {
  const [first, second] = [await consumer(2), await consumer(3)]
  channel.publishTo(queue, '1', '2', '3')
  const [, tag] = await first.expectBodies('1', '2', '3')
  first.ack(tag as number)
  await first.close()
  expect((await second.delivery({ redelivered: true })).content.body.toString()).toBe('1')
  expect((await second.delivery({ redelivered: true })).content.body.toString()).toBe('3')
  channel.publishTo(queue, '4')
  expect((await second.delivery({ redelivered: false })).content.body.toString()).toBe('4')
})

test('a connection that is lost gives back what it had to the next one', async () => {
  const guest = await broker.channel()
  await guest.consume(queue)
  const second = await consumer(2)
  channel.publishTo(queue, '1', '2')
  await guest.expectBodies('1', '2')
  await second.expectQuiet(queue)
  guest.client.destroy()
  expect((await second.delivery({ redelivered: true })).content.body.toString()).toBe('1')
  expect((await second.delivery({ redelivered: true })).content.body.toString()).toBe('2')
})

test('of those that wait, the highest consumer priority is next', async () => {
  const active = await consumer(2, 0)
  const [low, high, alsoHigh] = [await consumer(3, -1), await consumer(4, 5), await consumer(5, 5)]
  channel.publishTo(queue, '1')
  await active.expectBodies('1')
  await active.call('basic.cancel', { consumerTag: 'c2' })
  channel.publishTo(queue, '2')
  await high.expectBodies('2')
  await high.call('basic.cancel', { consumerTag: 'c4' })
  channel.publishTo(queue, '3')
  await alsoHigh.expectBodies('3')
  await alsoHigh.call('basic.cancel', { consumerTag: 'c5' })
  channel.publishTo(queue, '4')
  await low.expectBodies('4')
})

test('a newcomer of higher priority does not take the place of the active one', async () => {
  const active = await consumer(2, 0)
  const high = await consumer(3, 10)
  channel.publishTo(queue, '1')
  await active.expectBodies('1')
  await high.expectQuiet(queue)
})

test('one that waits can go without being missed', async () => {
  const [first, second, third] = [await consumer(2), await consumer(3), await consumer(4)]
  await second.call('basic.cancel', { consumerTag: 'c3' })
  await first.call('basic.cancel', { consumerTag: 'c2' })
  channel.publishTo(queue, '1')
  await third.expectBodies('1')
  await third.call('basic.cancel', { consumerTag: 'c4' })
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('what is ready goes to the next one at once', async () => {
  const first = await consumer(2, undefined, 1)
  const second = await consumer(3)
  channel.publishTo(queue, '1', '2', '3')
  await first.expectBodies('1')
  await first.call('basic.cancel', { consumerTag: 'c2' })
  await second.expectBodies('2', '3')
})

test('of several consumers of one channel that closes, none gets what another one had', async () => {
  const own = await channel.client.channel(2)
  await own.consume(queue, { consumerTag: 'a' })
  await own.consume(queue, { consumerTag: 'b' })
  const other = await consumer(3)
  channel.publishTo(queue, '1', '2')
  await own.expectBodies('1', '2')
  await own.close()
  await other.expectBodies('1', '2')
})

test('a consumer that waits gets its consume-ok, and can be cancelled', async () => {
  await consumer(2)
  const waiting = await channel.client.channel(3)
  await waiting.consume(queue, { consumerTag: 'w' })
  expect((await waiting.call('basic.cancel', { consumerTag: 'w' })).args).toEqual({ consumerTag: 'w' })
})

test('an exclusive consumer is refused, whether there are others or not', async () => {
  const text = `queue '${queue}' in vhost '/' in exclusive use`
  await channel.expectRefusal('basic.consume', { queue, exclusive: true }, 403, text)
  await consumer(2)
  await channel.expectRefusal('basic.consume', { queue, exclusive: true }, 403, text)
})

test('basic.get takes messages beside it', async () => {
  const active = await consumer(2, undefined, 1)
  channel.publishTo(queue, '1', '2')
  await active.expectBodies('1')
  expect((await channel.get(queue, true))?.content.body.toString()).toBe('2')
})

test('with false, consumers take turns', async () => {
  queue = await channel.queue({ arguments: { 'x-single-active-consumer': false } })
  const [first, second] = [await consumer(2), await consumer(3)]
  channel.publishTo(queue, '1', '2')
  await first.expectBodies('1')
  await second.expectBodies('2')
})

test('with priorities of messages, the active one gets the highest', async () => {
  queue = await channel.queue({ arguments: { ...SINGLE, 'x-max-priority': 5 } })
  for (const priority of [1, 3, 2])
    channel.publish({ routingKey: queue, body: String(priority), properties: { priority } })
  const [first, second] = [await consumer(2), await consumer(3)]
  await first.expectBodies('3', '2', '1')
  await second.expectQuiet(queue)
})

test('when their channel goes, none takes the place of another one', async () => {
  const lasting = await channel.queue({ arguments: SINGLE })
  const own = await channel.client.channel(2)
  await own.call('basic.qos', { prefetchCount: 1 })
  for (const consumerTag of ['first', 'second']) await own.consume(lasting, { consumerTag })
  channel.publishTo(lasting, '1', '2')
  await own.expectBodies('1')
  await own.close()
  const [one, two] = [await channel.get(lasting), await channel.get(lasting)]
  expect([one, two].map((got) => [got?.content.body.toString(), got?.args.redelivered])).toEqual([
    ['1', true],
    ['2', false],
  ])
})

test('all of them are told when the queue is deleted', async () => {
  const [first, second] = [await consumer(2), await consumer(3)]
  await channel.call('queue.delete', { queue })
  await first.expect('basic.cancel', { consumerTag: 'c2' })
  await second.expect('basic.cancel', { consumerTag: 'c3' })
})

leveretOnly('looks at it from inside')('which one is active is told inside a program', async () => {
  const own = await startTestBroker()
  try {
    const client = await (await RawClient.connect(own)).handshake()
    const first = await client.channel(1)
    await first.call('queue.declare', { queue: 'q', arguments: SINGLE })
    await first.consume('q', { consumerTag: 'first' })
    const inside = own.broker.consume('q', () => {}, { tag: 'inside', priority: 3 })
    const second = await client.channel(2)
    await second.consume('q', { consumerTag: 'second' })
    const states = (): unknown =>
      own.broker
        .consumers()
        .map(({ tag, activityStatus }) => `${tag} ${activityStatus}`)
        .sort()
    expect(states()).toEqual(['first single_active', 'inside waiting', 'second waiting'])
    expect(own.broker.queueInfo('q')?.singleActiveConsumer).toBe('first')
    await first.call('basic.cancel', { consumerTag: 'first' })
    expect(states()).toEqual(['inside single_active', 'second waiting'])
    inside.cancel()
    expect(own.broker.queueInfo('q')?.singleActiveConsumer).toBe('second')
    await second.close()
    expect(own.broker.queueInfo('q')?.singleActiveConsumer).toBeUndefined()
    await first.call('queue.declare', { queue: 'plain' })
    own.broker.consume('plain', () => {}, { tag: 'up' })
    expect(states()).toEqual(['up up'])
    client.destroy()
  } finally {
    await own.stop()
  }
})
