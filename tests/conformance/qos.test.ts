import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
let channel: RawChannel
let publisher: RawChannel
let queue: string

beforeEach(async () => {
  channel = await broker.channel()
  publisher = await channel.client.channel(9)
  queue = await channel.queue()
})

const qos = (prefetchCount: number, global = false) => channel.call('basic.qos', { prefetchCount, global })
const five = ['1', '2', '3', '4', '5']

test('qos: a prefetch size other than zero ends the connection with 540', async () => {
  channel.send('basic.qos', { prefetchSize: 10, prefetchCount: 1 })
  await channel.client.expectConnectionClose(540, 'prefetch_size!=0 (10)', 'basic.qos')
  await channel.client.expectSocketClosed()
})

test('qos: a consumer holds no more than its prefetch', async () => {
  await qos(2)
  publisher.publishTo(queue, ...five)
  await channel.consume(queue)
  await channel.expectBodies('1', '2')
  await channel.expectQuiet(queue)
  channel.ack(1)
  await channel.expectBodies('3')
  await channel.expectQuiet(queue)
  channel.ack(3, true)
  await channel.expectBodies('4', '5')
})

test.each(['basic.nack', 'basic.reject'] as const)('qos: %s releases credit', async (method) => {
  await qos(1)
  publisher.publishTo(queue, '1', '2')
  await channel.consume(queue)
  await channel.expectBodies('1')
  channel.send(method, { deliveryTag: 1, requeue: false })
  await channel.expectBodies('2')
})

test('qos: a requeued message may come to the same consumer again', async () => {
  await qos(1)
  publisher.publishTo(queue, '1')
  await channel.consume(queue)
  await channel.expectBodies('1')
  for (let tag = 1; tag <= 5; tag++) {
    channel.nack(tag)
    await channel.delivery({ deliveryTag: tag + 1, redelivered: true })
  }
})

test('qos: zero is no limit', async () => {
  await qos(0)
  const bodies = Array.from({ length: 500 }, (_, n) => `${n}`)
  publisher.publishTo(queue, ...bodies)
  await channel.consume(queue)
  await channel.expectBodies(...bodies)
})

test('qos: a change concerns only consumers started afterwards', async () => {
  await qos(1)
  await channel.consume(queue, { consumerTag: 'one' })
  await qos(3)
  await channel.consume(queue, { consumerTag: 'three' })
  publisher.publishTo(queue, '1', '2', '3', '4', '5', '6')
  const tags: unknown[] = []
  for (let count = 0; count < 4; count++) tags.push((await channel.delivery()).args.consumerTag)
  expect(tags.sort()).toEqual(['one', 'three', 'three', 'three'])
  await channel.expectQuiet(queue)
})

test('qos: every consumer of the channel has a limit of its own', async () => {
  const other = await channel.queue()
  await qos(2)
  await channel.consume(queue, { consumerTag: 'a' })
  await channel.consume(other, { consumerTag: 'b' })
  publisher.publishTo(queue, ...five)
  publisher.publishTo(other, ...five)
  const tags: unknown[] = []
  for (let count = 0; count < 4; count++) tags.push((await channel.delivery()).args.consumerTag)
  expect(tags.sort()).toEqual(['a', 'a', 'b', 'b'])
  await channel.expectQuiet(queue)
})

test('qos: no-ack consumers and gets ignore the prefetch', async () => {
  await qos(1)
  publisher.publishTo(queue, ...five)
  await channel.consume(queue, { noAck: true })
  await channel.expectBodies(...five)
  const other = await channel.queue()
  publisher.publishTo(other, 'x', 'y', 'z')
  await publisher.expectCounts(other, 3, 0)
  for (let count = 0; count < 3; count++) expect(await channel.get(other)).toBeDefined()
})

test('qos: prefetch 1 shares the work by who is free', async () => {
  const slow = await channel.client.channel(2)
  const fast = await channel.client.channel(3)
  for (const consumer of [slow, fast]) {
    await consumer.call('basic.qos', { prefetchCount: 1 })
    await consumer.consume(queue)
  }
  publisher.publishTo(queue, ...five)
  await slow.delivery()
  for (let tag = 1; tag <= 4; tag++) {
    await fast.delivery({ deliveryTag: tag })
    fast.ack(tag)
  }
  await fast.expectQuiet(queue)
})

test('qos: messages left after cancel hold no credit of a new consumer', async () => {
  await qos(1)
  publisher.publishTo(queue, '1', '2')
  await channel.consume(queue, { consumerTag: 'a' })
  await channel.expectBodies('1')
  await channel.call('basic.cancel', { consumerTag: 'a' })
  await channel.consume(queue, { consumerTag: 'b' })
  await channel.expectBodies('2')
})

test('global qos: one limit is shared by all consumers of the channel', async () => {
  await qos(3, true)
  const other = await channel.queue()
  await channel.consume(queue)
  await channel.consume(other)
  publisher.publishTo(queue, ...five)
  publisher.publishTo(other, ...five)
  for (let count = 0; count < 3; count++) await channel.delivery()
  await channel.expectQuiet(queue)
  channel.ack(2, true)
  await channel.delivery()
  await channel.delivery()
  await channel.expectQuiet(queue)
})

test('global qos: a limit set later holds for consumers that run already', async () => {
  await channel.consume(queue)
  await qos(2, true)
  publisher.publishTo(queue, ...five)
  await channel.expectBodies('1', '2')
  await channel.expectQuiet(queue)
})

test('global qos: raising the limit lets more through at once', async () => {
  await qos(1, true)
  await channel.consume(queue)
  publisher.publishTo(queue, ...five)
  await channel.expectBodies('1')
  await channel.expectQuiet(queue)
  await qos(3, true)
  await channel.expectBodies('2', '3')
  await channel.expectQuiet(queue)
  await qos(0, true)
  await channel.expectBodies('4', '5')
})

test('global qos: both limits hold together', async () => {
  await qos(2)
  await qos(3, true)
  const other = await channel.queue()
  await channel.consume(queue, { consumerTag: 'a' })
  await channel.consume(other, { consumerTag: 'b' })
  publisher.publishTo(queue, ...five)
  for (let count = 0; count < 2; count++) await channel.delivery({ consumerTag: 'a' })
  await channel.expectQuiet(queue)
  publisher.publishTo(other, ...five)
  await channel.delivery({ consumerTag: 'b' })
  await channel.expectQuiet(other)
})

test('global qos: another channel has its own', async () => {
  await qos(1, true)
  await channel.consume(queue)
  publisher.publishTo(queue, '1', '2')
  await channel.expectBodies('1')
  await channel.expectQuiet(queue)
  const second = await channel.client.channel(2)
  await second.consume(queue)
  await second.expectBodies('2')
})
