import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test('consume: a missing queue is 404', async () => {
  const queue = unique('missing')
  await channel.expectRefusal('basic.consume', { queue }, 404, `no queue '${queue}' in vhost '/'`)
})

test('consume: without a tag the server makes unique ones', async () => {
  const queue = await channel.queue()
  const first = await channel.consume(queue)
  const second = await channel.consume(queue)
  expect(first).toMatch(/^amq\.ctag-[A-Za-z0-9_-]{22}$/)
  expect(second).toMatch(/^amq\.ctag-[A-Za-z0-9_-]{22}$/)
  expect(second).not.toBe(first)
})

test('consume: a delivery carries tag, exchange, routing key, properties and body', async () => {
  const queue = await channel.queue()
  await channel.bind(queue, 'amq.topic', `${queue}.#`)
  expect(await channel.consume(queue, { consumerTag: 'mine', noAck: true })).toBe('mine')
  const properties = { contentType: 'text/plain', correlationId: '7', deliveryMode: 1 }
  channel.publish({ exchange: 'amq.topic', routingKey: `${queue}.x`, body: 'hello', properties })
  const delivery = await channel.delivery()
  expect(delivery.args).toEqual({
    consumerTag: 'mine',
    deliveryTag: 1,
    redelivered: false,
    exchange: 'amq.topic',
    routingKey: `${queue}.x`,
  })
  expect(delivery.content.properties).toEqual(properties)
  expect(delivery.content.body.toString()).toBe('hello')
})

test('consume: a tag that the channel uses already ends the connection with 530', async () => {
  const queue = await channel.queue()
  await channel.consume(queue, { consumerTag: 'twice' })
  channel.send('basic.consume', { queue, consumerTag: 'twice' })
  await channel.client.expectConnectionClose(530, "attempt to reuse consumer tag 'twice'", 'basic.consume')
  await channel.client.expectSocketClosed()
})

test('consume: a tag in use is found before a missing queue', async () => {
  const queue = await channel.queue()
  await channel.consume(queue, { consumerTag: 'twice' })
  channel.send('basic.consume', { queue: unique('missing'), consumerTag: 'twice' })
  await channel.client.expectConnectionClose(530, "attempt to reuse consumer tag 'twice'", 'basic.consume')
})

test('consume: two channels may use the same tag', async () => {
  const queue = await channel.queue()
  const second = await channel.client.channel(2)
  await channel.consume(queue, { consumerTag: 'same' })
  await second.consume(queue, { consumerTag: 'same' })
})

test('consume: a tag is free again after cancel', async () => {
  const queue = await channel.queue()
  for (let round = 0; round < 3; round++) {
    await channel.consume(queue, { consumerTag: 'again' })
    await channel.call('basic.cancel', { consumerTag: 'again' })
  }
})

test('consume: no-local is ignored', async () => {
  const queue = await channel.queue()
  await channel.consume(queue, { noLocal: true, noAck: true })
  channel.publishTo(queue, 'own')
  await channel.expectBodies('own')
})

test('consume: exclusive is refused while others consume', async () => {
  const queue = await channel.queue()
  await channel.consume(queue)
  const second = await channel.client.channel(2)
  const text = `queue '${queue}' in vhost '/' in exclusive use`
  await second.expectRefusal('basic.consume', { queue, exclusive: true }, 403, text)
})

test('consume: no other consumer may join an exclusive one, until it is gone', async () => {
  const queue = await channel.queue()
  await channel.consume(queue, { exclusive: true, consumerTag: 'alone' })
  const second = await channel.client.channel(2)
  const text = `queue '${queue}' in vhost '/' in exclusive use`
  await second.expectRefusal('basic.consume', { queue }, 403, text)
  await second.expectRefusal('basic.consume', { queue, exclusive: true }, 403, text)
  await channel.call('basic.cancel', { consumerTag: 'alone' })
  await second.consume(queue, { exclusive: true })
})

test('consume: an exclusive consumer does not keep others from get', async () => {
  const queue = await channel.queue()
  await channel.call('basic.qos', { prefetchCount: 1 })
  await channel.consume(queue, { exclusive: true })
  channel.publishTo(queue, 'a', 'b')
  await channel.expectBodies('a')
  const second = await channel.client.channel(2)
  expect((await second.get(queue))?.content.body.toString()).toBe('b')
})

test('consume: messages go round robin among equal consumers', async () => {
  const queue = await channel.queue()
  const consumers = [await channel.client.channel(2), await channel.client.channel(3), await channel.client.channel(4)]
  for (const consumer of consumers) await consumer.consume(queue, { noAck: true })
  const bodies = Array.from({ length: 9 }, (_, n) => `${n}`)
  channel.publishTo(queue, ...bodies)
  const seen: string[] = []
  for (const consumer of consumers) {
    for (let count = 0; count < 3; count++) seen.push((await consumer.delivery()).content.body.toString())
    await consumer.expectQuiet(queue)
  }
  expect(seen.sort()).toEqual(bodies)
})

test('consume: consumers of one channel take turns, one message each', async () => {
  const queue = await channel.queue()
  for (const consumerTag of ['a', 'b', 'c']) await channel.consume(queue, { consumerTag })
  const other = await channel.client.channel(2)
  other.publishTo(queue, '1', '2', '3', '4', '5', '6')
  const tags: unknown[] = []
  for (let count = 0; count < 6; count++) tags.push((await channel.delivery()).args.consumerTag)
  expect(tags.slice(0, 3).sort()).toEqual(['a', 'b', 'c'])
  expect(tags.slice(3)).toEqual(tags.slice(0, 3))
})

test('cancel: the tag of another channel is not touched', async () => {
  const queue = await channel.queue()
  await channel.consume(queue, { consumerTag: 'mine', noAck: true })
  const other = await channel.client.channel(2)
  await other.call('basic.cancel', { consumerTag: 'mine' })
  other.publishTo(queue, 'm')
  await channel.delivery({ consumerTag: 'mine' })
})

test('cancel: an unknown tag is answered with the same tag', async () => {
  const reply = await channel.call('basic.cancel', { consumerTag: 'never-was' })
  expect(reply.args).toEqual({ consumerTag: 'never-was' })
})

test('cancel: unacked messages stay with the channel and can be acked', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b')
  await channel.consume(queue, { consumerTag: 'c' })
  await channel.expectBodies('a', 'b')
  await channel.call('basic.cancel', { consumerTag: 'c' })
  await channel.expectCounts(queue, 0, 0)
  channel.ack(1)
  await channel.close()
  await channel.reopen()
  expect(await channel.drain(queue)).toEqual(['b'])
})

test('cancel: the consumer count follows', async () => {
  const queue = await channel.queue()
  await channel.consume(queue, { consumerTag: 'a' })
  await channel.consume(queue, { consumerTag: 'b' })
  await channel.expectCounts(queue, 0, 2)
  await channel.call('basic.cancel', { consumerTag: 'a' })
  await channel.expectCounts(queue, 0, 1)
})

test('cancel: the other consumers get what comes later', async () => {
  const queue = await channel.queue()
  await channel.consume(queue, { consumerTag: 'a', noAck: true })
  await channel.consume(queue, { consumerTag: 'b', noAck: true })
  await channel.call('basic.cancel', { consumerTag: 'a' })
  channel.publishTo(queue, '1', '2')
  await channel.delivery({ consumerTag: 'b' })
  await channel.delivery({ consumerTag: 'b' })
})

test('cancel: an auto-delete queue goes with its last consumer', async () => {
  const queue = await channel.queue({ exclusive: false, autoDelete: true })
  await channel.consume(queue, { consumerTag: 'a' })
  await channel.consume(queue, { consumerTag: 'b' })
  await channel.call('basic.cancel', { consumerTag: 'a' })
  await channel.expectCounts(queue, 0, 1)
  await channel.call('basic.cancel', { consumerTag: 'b' })
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('an auto-delete queue goes when the channel of its last consumer closes', async () => {
  const queue = await channel.queue({ exclusive: false, autoDelete: true })
  await channel.consume(queue)
  await channel.close()
  await channel.reopen()
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('an auto-delete queue without a consumer so far stays, get or no get', async () => {
  const queue = await channel.queue({ exclusive: false, autoDelete: true })
  channel.publishTo(queue, 'm')
  expect(await channel.drain(queue)).toEqual(['m'])
  await channel.close()
  await channel.reopen()
  await channel.expectCounts(queue, 0, 0)
})

test('queue deletion sends basic.cancel to consumers that announced the capability', async () => {
  const queue = await channel.queue()
  const consumer = await channel.client.channel(2)
  await consumer.consume(queue, { consumerTag: 'told' })
  await channel.call('queue.delete', { queue })
  await consumer.expect('basic.cancel', { consumerTag: 'told', nowait: true })
  await consumer.expectQuiet()
})

test('queue deletion sends nothing to consumers without the capability', async () => {
  const plain = await broker.channel({ capabilities: {} })
  const queue = await plain.queue()
  await plain.consume(queue)
  await plain.call('queue.delete', { queue })
  await plain.expectQuiet()
})

test('queue deletion leaves the other consumers of the channel alone', async () => {
  const doomed = await channel.queue()
  const kept = await channel.queue()
  await channel.consume(doomed, { consumerTag: 'doomed' })
  await channel.consume(kept, { consumerTag: 'kept', noAck: true })
  const other = await channel.client.channel(2)
  await other.call('queue.delete', { queue: doomed })
  await channel.expect('basic.cancel', { consumerTag: 'doomed' })
  other.publishTo(kept, 'm')
  await channel.delivery({ consumerTag: 'kept' })
  const again = await channel.queue()
  await channel.consume(again, { consumerTag: 'doomed' })
})

test('consumers of one queue on several connections share its messages', async () => {
  const second = await broker.channel()
  const queue = await channel.queue({ exclusive: false, autoDelete: true })
  await channel.consume(queue, { noAck: true })
  await second.consume(queue, { noAck: true })
  const publisher = await broker.channel()
  publisher.publishTo(queue, 'a', 'b')
  const bodies = [await channel.delivery(), await second.delivery()].map(({ content }) => content.body.toString())
  expect(bodies.sort()).toEqual(['a', 'b'])
})
