import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { tagged } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel
let queue: string

beforeEach(async () => {
  channel = await broker.channel()
  queue = await channel.queue()
})

async function consumer(id: number, priority: number | undefined, prefetchCount: number): Promise<RawChannel> {
  const own = await channel.client.channel(id)
  await own.call('basic.qos', { prefetchCount })
  await own.consume(queue, priority === undefined ? {} : { arguments: { 'x-priority': priority } })
  return own
}

test('the highest priority is served first until its prefetch is full', async () => {
  const low = await consumer(2, -1, 10)
  const high = await consumer(3, 5, 2)
  const middle = await consumer(4, undefined, 2)
  channel.publishTo(queue, '1', '2', '3', '4', '5', '6')
  await high.expectBodies('1', '2')
  await middle.expectBodies('3', '4')
  await low.expectBodies('5', '6')
})

test('the highest priority is served again as soon as it acks', async () => {
  const low = await consumer(2, 1, 10)
  const high = await consumer(3, 2, 1)
  channel.publishTo(queue, '1', '2')
  await high.expectBodies('1')
  await low.expectBodies('2')
  high.ack(1)
  await high.expectQuiet(queue)
  channel.publishTo(queue, '3', '4')
  await high.expectBodies('3')
  await low.expectBodies('4')
})

test('consumers of one priority take turns', async () => {
  const first = await consumer(2, 7, 10)
  const second = await consumer(3, 7, 10)
  const low = await consumer(4, 0, 10)
  channel.publishTo(queue, '1', '2', '3', '4')
  const bodies: string[] = []
  for (const own of [first, second]) {
    for (let count = 0; count < 2; count++) bodies.push((await own.delivery()).content.body.toString())
    await own.expectQuiet(queue)
  }
  expect(bodies.sort()).toEqual(['1', '2', '3', '4'])
  await low.expectQuiet(queue)
})

test('when the highest priority is cancelled the next one is served', async () => {
  const low = await consumer(2, 0, 10)
  const high = await channel.client.channel(3)
  await high.consume(queue, { consumerTag: 'high', arguments: { 'x-priority': 1 } })
  channel.publishTo(queue, '1')
  await high.expectBodies('1')
  await high.call('basic.cancel', { consumerTag: 'high' })
  channel.publishTo(queue, '2')
  await low.expectBodies('2')
})

test('every integer type is a priority', async () => {
  for (const tag of ['b', 's', 'I', 'l', 'B', 'u', 'i']) {
    await channel.consume(queue, { arguments: { 'x-priority': tagged(tag, 5) } })
  }
})

test.each([
  ['high', 'longstr'],
  [1.5, 'double'],
  [null, 'void'],
])('the priority %j is 406', async (priority, type) => {
  const args = { queue, arguments: { 'x-priority': priority } }
  const text = `invalid arg 'x-priority' for queue '${queue}' in vhost '/': "expected integer, got ${type}"`
  await channel.expectRefusal('basic.consume', args, 406, text)
})

test('a consumer argument of stream queues is 406', async () => {
  const args = { queue, arguments: { 'x-stream-offset': 5 } }
  const text = `invalid arg 'x-stream-offset' for queue '${queue}' in vhost '/' of queue type rabbit_classic_queue`
  await channel.expectRefusal('basic.consume', args, 406, text)
})
