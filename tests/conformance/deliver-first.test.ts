// Several methods in one write: what comes behind a publish or an ack finds that the queue has delivered already.
import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { methodFrame } from '../support/wire-frames.ts'
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'

const broker = useBroker()
let channel: RawChannel
/** On the same connection. */
let consumer: RawChannel
let queue: string

beforeEach(async () => {
  channel = await broker.channel()
  consumer = await channel.client.channel(2)
  queue = await channel.queue({ exclusive: false, autoDelete: true })
})

/** A publish to the queue and a method behind it, in one write. */
function publishThen(name: MethodName, args: MethodArguments): void {
  channel.client.write(
    Buffer.concat([channel.publishBytes({ routingKey: queue, body: 'm' }), methodFrame(channel.id, name, args)]),
  )
}

test('basic.get finds nothing that a consumer could take', async () => {
  await consumer.consume(queue, { noAck: true })
  publishThen('basic.get', { queue })
  await channel.expect('basic.get-empty')
  await consumer.expectBodies('m')
})

test('basic.get finds what no consumer can take', async () => {
  await consumer.call('basic.qos', { prefetchCount: 1 })
  await consumer.consume(queue)
  channel.publishTo(queue, 'first')
  await consumer.expectBodies('first')
  publishThen('basic.get', { queue, noAck: true })
  const { name, content } = await channel.next()
  expect([name, content?.body.toString()]).toEqual(['basic.get-ok', 'm'])
})

test('an ack lets the consumer take the next message before basic.get', async () => {
  await channel.call('basic.qos', { prefetchCount: 1 })
  await channel.consume(queue)
  channel.publishTo(queue, '1', '2')
  await channel.expectBodies('1')
  await channel.expectCounts(queue, 1, 1)
  channel.client.write(
    Buffer.concat([methodFrame(1, 'basic.ack', { deliveryTag: 1 }), methodFrame(1, 'basic.get', { queue })]),
  )
  // RabbitMQ says so before the delivery, which is on its way by then.
  const received = [await channel.next(), await channel.next()]
  expect(received.map(({ name }) => name).sort()).toEqual(['basic.deliver', 'basic.get-empty'])
})

test('queue.purge drops nothing that a consumer could take', async () => {
  await consumer.consume(queue, { noAck: true })
  publishThen('queue.purge', { queue })
  await channel.expect('queue.purge-ok', { messageCount: 0 })
  await consumer.expectBodies('m')
})

test('queue.delete drops nothing that a consumer could take', async () => {
  await consumer.consume(queue, { noAck: true, consumerTag: 'c' })
  publishThen('queue.delete', { queue })
  await channel.expect('queue.delete-ok', { messageCount: 0 })
  await consumer.expectBodies('m')
  await consumer.expect('basic.cancel', { consumerTag: 'c' })
})

test('queue.delete if-empty takes a queue for empty whose messages a consumer could take', async () => {
  await consumer.consume(queue, { noAck: true })
  publishThen('queue.delete', { queue, ifEmpty: true })
  await channel.expect('queue.delete-ok', { messageCount: 0 })
  await consumer.expectBodies('m')
})

test.each([true, false])('queue.declare counts nothing that a consumer could take (passive: %s)', async (passive) => {
  await consumer.consume(queue, { noAck: true })
  publishThen('queue.declare', { queue, passive, autoDelete: true })
  await channel.expect('queue.declare-ok', { messageCount: 0, consumerCount: 1 })
  await consumer.expectBodies('m')
})

test('basic.cancel comes behind what was published before it', async () => {
  await channel.consume(queue, { noAck: true, consumerTag: 'c' })
  await consumer.consume(queue, { noAck: true, consumerTag: 'another', arguments: { 'x-priority': -1 } })
  publishThen('basic.cancel', { consumerTag: 'c' })
  await channel.expectBodies('m')
  await channel.expect('basic.cancel-ok', { consumerTag: 'c' })
  await consumer.expectQuiet(queue)
})

test('basic.consume of another one comes behind what was published before it', async () => {
  await consumer.consume(queue, { noAck: true })
  publishThen('basic.consume', { queue, noAck: true, consumerTag: 'late', arguments: { 'x-priority': 5 } })
  await consumer.expectBodies('m')
  await channel.expect('basic.consume-ok', { consumerTag: 'late' })
  await channel.expectQuiet(queue)
})

test('a message that is given back comes behind one that a consumer could take', async () => {
  channel.publishTo(queue, 'old')
  await channel.expectCounts(queue, 1, 0)
  await channel.get(queue)
  await consumer.call('basic.qos', { prefetchCount: 1 })
  await consumer.consume(queue)
  publishThen('basic.nack', { deliveryTag: 1, requeue: true })
  await consumer.expectBodies('m')
  consumer.ack(1)
  await consumer.expectBodies('old')
})

test('a new consumer goes to the back of the round', async () => {
  const third = await channel.client.channel(3)
  await channel.consume(queue, { noAck: true, consumerTag: 'a' })
  await consumer.consume(queue, { noAck: true, consumerTag: 'b' })
  channel.publishTo(queue, '1')
  await channel.expectBodies('1')
  await third.consume(queue, { noAck: true, consumerTag: 'c' })
  channel.publishTo(queue, '2', '3', '4')
  await consumer.expectBodies('2')
  await channel.expectBodies('3')
  await third.expectBodies('4')
})

test('a consumer that could not take a message when it was due goes to the back of the round', async () => {
  const third = await channel.client.channel(3)
  for (const one of [channel, consumer, third]) {
    await one.call('basic.qos', { prefetchCount: 1 })
    await one.consume(queue)
  }
  channel.publishTo(queue, '1', '2', '3', '4', '5', '6')
  await channel.expectBodies('1')
  await consumer.expectBodies('2')
  await third.expectBodies('3')
  await channel.expectCounts(queue, 3, 3)
  third.ack(1)
  await third.expectBodies('4')
  consumer.ack(1)
  await consumer.expectBodies('5')
  channel.ack(1)
  await channel.expectBodies('6')
})

test('a limit shared by the consumers of several queues leaves each of them its part', async () => {
  const queues = [queue, await channel.queue(), await channel.queue()]
  for (const one of queues) channel.publishTo(one, ...Array.from({ length: 60 }, () => one))
  for (const one of queues) await channel.expectCounts(one, 60, 0)
  await channel.call('basic.qos', { prefetchCount: 1, global: true })
  const counts = new Map(queues.map((one) => [one, 0]))
  for (const one of queues) {
    channel.send('basic.consume', { queue: one, consumerTag: one })
  }
  let started = 0
  for (let delivered = 0; delivered < 60; ) {
    const { name, args } = await channel.next()
    if (name === 'basic.consume-ok') started++
    else {
      const tag = String(args.consumerTag)
      // Others are not there yet while the first has its first ones.
      if (started === queues.length) {
        delivered++
        counts.set(tag, (counts.get(tag) ?? 0) + 1)
      }
      channel.ack(Number(args.deliveryTag))
    }
  }
  for (const count of counts.values()) expect(count).toBeGreaterThan(8)
})

// On a busy machine a turn may end between the two methods: then some are delivered, as in RabbitMQ.
test('a channel that closes takes none of what is ready', { retry: 5 }, async () => {
  queue = await channel.queue()
  channel.publishTo(queue, ...Array.from({ length: 500 }, () => 'm'))
  await channel.expectCounts(queue, 500, 0)
  const closing = await channel.client.channel(3)
  closing.client.write(
    Buffer.concat([
      methodFrame(closing.id, 'basic.consume', { queue, consumerTag: 'gone', noAck: true }),
      methodFrame(closing.id, 'channel.close', { replyCode: 200, replyText: '', classId: 0, methodId: 0 }),
    ]),
  )
  await closing.expect('basic.consume-ok')
  await closing.expect('channel.close-ok')
  expect((await channel.call('queue.declare', { queue, passive: true })).args.messageCount).toBe(500)
})
