import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
/** The channel in tx mode. */
let channel: RawChannel
/** A plain channel of the same connection. */
let observer: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
  observer = await channel.client.channel(2)
  await channel.call('tx.select')
})

test('publishes are invisible until commit and visible at commit-ok', async () => {
  const queue = await observer.queue()
  channel.publishTo(queue, 'a', 'b')
  await channel.expectQuiet(queue)
  expect(await observer.get(queue)).toBeUndefined()
  await channel.call('tx.commit')
  await observer.expectCounts(queue, 2, 0)
  expect(await observer.drain(queue)).toEqual(['a', 'b'])
})

test('a consumer gets committed messages only', async () => {
  const queue = await observer.queue()
  await observer.consume(queue, { noAck: true })
  channel.publishTo(queue, 'a')
  await channel.expectQuiet(queue)
  await observer.expectQuiet(queue)
  await channel.call('tx.commit')
  await observer.expectBodies('a')
})

test('rollback discards publishes', async () => {
  const queue = await observer.queue()
  channel.publishTo(queue, 'lost')
  await channel.call('tx.rollback')
  channel.publishTo(queue, 'kept')
  await channel.call('tx.commit')
  expect(await observer.drain(queue)).toEqual(['kept'])
})

test('a transaction follows the one before: commit starts the next', async () => {
  const queue = await observer.queue()
  channel.publishTo(queue, 'a')
  await channel.call('tx.commit')
  channel.publishTo(queue, 'b')
  await channel.call('tx.rollback')
  await channel.call('tx.commit')
  expect(await observer.drain(queue)).toEqual(['a'])
})

test('an empty transaction commits and rolls back', async () => {
  await channel.call('tx.commit')
  await channel.call('tx.rollback')
  await channel.call('tx.commit')
})

test('tx.select twice keeps the transaction open', async () => {
  const queue = await observer.queue()
  channel.publishTo(queue, 'a')
  await channel.call('tx.select')
  expect(await observer.get(queue)).toBeUndefined()
  await channel.call('tx.commit')
  expect(await observer.drain(queue)).toEqual(['a'])
})

test.each(['tx.commit', 'tx.rollback'] as const)('%s without tx.select is 406', async (method) => {
  await observer.expectRefusal(method, {}, 406, 'channel is not transactional')
})

test('closing the channel rolls back publishes and acks', async () => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'held')
  await observer.expectCounts(queue, 1, 0)
  await channel.get(queue)
  channel.ack(1)
  channel.publishTo(queue, 'lost')
  await channel.close()
  expect((await observer.get(queue))?.args).toMatchObject({ redelivered: true })
  expect(await observer.get(queue)).toBeUndefined()
})

test('a message routed to several queues appears in all of them at commit', async () => {
  const exchange = await observer.exchange('fanout')
  const queues = [await observer.queue(), await observer.queue()]
  for (const queue of queues) await observer.bind(queue, exchange)
  channel.publish({ exchange, body: 'm' })
  await channel.call('tx.commit')
  for (const queue of queues) expect(await observer.drain(queue)).toEqual(['m'])
})

test('an ack takes effect at commit', async () => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'a', 'b')
  await channel.consume(queue)
  await channel.expectBodies('a', 'b')
  channel.ack(1)
  await channel.call('tx.commit')
  await channel.close()
  expect(await observer.drain(queue)).toEqual(['b'])
})

test('acks of messages that were fetched take effect at commit', async () => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'a')
  await observer.expectCounts(queue, 1, 0)
  expect((await channel.get(queue))?.args.deliveryTag).toBe(1)
  channel.ack(1)
  await channel.call('tx.commit')
  await channel.close()
  expect(await observer.get(queue)).toBeUndefined()
})

test('after rollback an acked message is unacked again and not requeued', async () => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'a')
  await channel.consume(queue)
  await channel.expectBodies('a')
  channel.ack(1)
  await channel.call('tx.rollback')
  await channel.expectQuiet(queue)
  await observer.expectCounts(queue, 0, 1)
  channel.ack(1)
  await channel.call('tx.commit')
  await channel.close()
  expect(await observer.get(queue)).toBeUndefined()
})

test('recover after rollback delivers the messages again', async () => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'a', 'b')
  await channel.consume(queue)
  await channel.expectBodies('a', 'b')
  channel.ack(2, true)
  await channel.call('tx.rollback')
  channel.send('basic.recover', { requeue: true })
  await channel.expect('basic.recover-ok')
  expect((await channel.delivery({ redelivered: true })).content.body.toString()).toBe('a')
  expect((await channel.delivery({ redelivered: true })).content.body.toString()).toBe('b')
})

test.each([
  ['basic.nack', { deliveryTag: 1, requeue: true }],
  ['basic.reject', { deliveryTag: 1, requeue: true }],
] as const)('%s with requeue takes effect at commit', async (method, args) => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'a')
  await observer.expectCounts(queue, 1, 0)
  await channel.get(queue)
  channel.send(method, args)
  await channel.expectQuiet(queue)
  expect(await observer.get(queue)).toBeUndefined()
  await channel.call('tx.commit')
  expect((await observer.get(queue))?.args).toMatchObject({ redelivered: true })
})

test('a reject without requeue is taken back by rollback', async () => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'a')
  await observer.expectCounts(queue, 1, 0)
  await channel.get(queue)
  channel.send('basic.reject', { deliveryTag: 1, requeue: false })
  await channel.call('tx.rollback')
  await channel.close()
  expect(await observer.drain(queue)).toEqual(['a'])
})

test('a returned message comes at commit, before commit-ok', async () => {
  const nowhere = unique('nowhere')
  channel.publish({ routingKey: nowhere, body: 'm', mandatory: true })
  await channel.expectQuiet()
  channel.send('tx.commit')
  const { content } = await channel.returned({ replyCode: 312, replyText: 'NO_ROUTE', routingKey: nowhere })
  expect(content.body.toString()).toBe('m')
  await channel.expect('tx.commit-ok')
})

// RabbitMQ: the names of the queues are settled when the message is published; whether they are there counts at the commit.
test('a message for a queue that is declared before the commit arrives, mandatory or not', async () => {
  const queue = unique('q')
  channel.publishTo(queue, 'a')
  channel.publish({ routingKey: queue, body: 'b', mandatory: true })
  channel.publish({ routingKey: unique('nowhere'), body: 'c', properties: { headers: { CC: [queue] } } })
  await channel.expectQuiet()
  await observer.queue({}, queue)
  await channel.call('tx.commit')
  expect(await observer.drain(queue)).toEqual(['a', 'b', 'c'])
})

test('a message for a queue that was deleted and declared again before the commit arrives in the new one', async () => {
  const queue = await observer.queue()
  await observer.queue({}, `${queue}-bound`)
  await observer.call('queue.bind', { queue: `${queue}-bound`, exchange: 'amq.fanout', routingKey: '' })
  channel.publishTo(queue, 'a')
  channel.publish({ exchange: 'amq.fanout', routingKey: '', body: 'b' })
  await channel.expectQuiet()
  for (const name of [queue, `${queue}-bound`]) {
    await observer.call('queue.delete', { queue: name })
    await observer.queue({}, name)
  }
  await channel.call('tx.commit')
  expect(await observer.drain(queue)).toEqual(['a'])
  expect(await observer.drain(`${queue}-bound`)).toEqual(['b'])
})

test('a message that no binding leads anywhere when it is published goes nowhere, whatever is bound before the commit', async () => {
  channel.publish({ exchange: 'amq.fanout', routingKey: unique('nothing'), body: 'lost' })
  await channel.expectQuiet()
  const queue = await observer.queue()
  await observer.call('queue.bind', { queue, exchange: 'amq.fanout', routingKey: '' })
  await channel.call('tx.commit')
  expect(await observer.drain(queue)).toEqual([])
})

test('a rolled back mandatory message is not returned', async () => {
  channel.publish({ routingKey: unique('nowhere'), mandatory: true })
  await channel.call('tx.rollback')
  await channel.call('tx.commit')
})

test('a missing exchange is refused at the publish', async () => {
  const missing = unique('missing')
  channel.publish({ exchange: missing })
  await channel.expectClose(404, `no exchange '${missing}' in vhost '/'`, 'basic.publish')
})

test('an unknown delivery tag is refused at the ack', async () => {
  channel.ack(7)
  await channel.expectClose(406, 'unknown delivery tag 7', 'basic.ack')
})

test('acking a tag twice in one transaction is refused at the second ack', async () => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'a')
  await observer.expectCounts(queue, 1, 0)
  await channel.get(queue)
  channel.ack(1)
  channel.ack(1)
  await channel.expectClose(406, 'unknown delivery tag 1', 'basic.ack')
})

test('an error within a transaction discards all of it', async () => {
  const queue = await observer.queue()
  channel.publishTo(queue, 'lost')
  channel.ack(7)
  await channel.expectClose(406, 'unknown delivery tag 7', 'basic.ack')
  expect(await observer.get(queue)).toBeUndefined()
})

test('transactions of two channels do not see each other', async () => {
  const queue = await observer.queue()
  await observer.call('tx.select')
  channel.publishTo(queue, 'a')
  observer.publishTo(queue, 'b')
  await observer.call('tx.commit')
  const third = await channel.client.channel(3)
  expect(await third.drain(queue)).toEqual(['b'])
  await channel.call('tx.commit')
  expect(await third.drain(queue)).toEqual(['a'])
})

test('order within a transaction is kept over hundreds of messages', async () => {
  const queue = await observer.queue()
  const bodies = Array.from({ length: 300 }, (_, n) => `${n}`)
  channel.publishTo(queue, ...bodies)
  await channel.call('tx.commit')
  await observer.consume(queue, { noAck: true })
  await observer.expectBodies(...bodies)
})

test('an ack gives credit back at commit, not before', async () => {
  const queue = await observer.queue()
  observer.publishTo(queue, 'a', 'b')
  await channel.call('basic.qos', { prefetchCount: 1 })
  await channel.consume(queue)
  await channel.expectBodies('a')
  channel.ack(1)
  await channel.expectQuiet(queue)
  channel.send('tx.commit')
  const both = [await channel.next(), await channel.next()]
  expect(both.map(({ name }) => name).sort()).toEqual(['basic.deliver', 'tx.commit-ok'])
})

test('publishes and acks of one transaction take effect together', async () => {
  const source = await observer.queue()
  const target = await observer.queue()
  observer.publishTo(source, 'work')
  await observer.expectCounts(source, 1, 0)
  await channel.get(source)
  channel.publishTo(target, 'result')
  channel.ack(1)
  await channel.call('tx.commit')
  await channel.close()
  expect(await observer.drain(source)).toEqual([])
  expect(await observer.drain(target)).toEqual(['result'])
})

test('a message published to a queue that is deleted before commit is dropped', async () => {
  const queue = await observer.queue()
  channel.publishTo(queue, 'm')
  await channel.expectQuiet(queue)
  await observer.call('queue.delete', { queue })
  await channel.call('tx.commit')
})
