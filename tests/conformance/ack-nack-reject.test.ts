import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

/** A queue with these messages, all delivered to a consumer of the channel and not acknowledged. */
async function delivered(...bodies: string[]): Promise<string> {
  const queue = await channel.queue()
  channel.publishTo(queue, ...bodies)
  await channel.consume(queue)
  await channel.expectBodies(...bodies)
  return queue
}

/** What is left in the queue for others once the channel has given back what it holds. */
async function leftAfterClose(queue: string): Promise<string[]> {
  await channel.close()
  return await (await channel.client.channel(2)).drain(queue)
}

test('delivery tags start at 1 and count deliveries and gets of the channel together', async () => {
  const queue = await delivered('a', 'b')
  const other = await channel.queue()
  channel.publishTo(other, 'c')
  const got = await channel.get(other)
  expect(got?.args.deliveryTag).toBe(3)
  channel.publishTo(queue, 'd')
  await channel.delivery({ deliveryTag: 4, redelivered: false })
})

test('every channel has delivery tags of its own', async () => {
  const second = await channel.client.channel(2)
  for (const current of [channel, second]) {
    const queue = await current.queue()
    current.publishTo(queue, 'x')
    expect((await current.get(queue))?.args.deliveryTag).toBe(1)
  }
})

test('ack removes one message', async () => {
  const queue = await delivered('a', 'b', 'c')
  channel.ack(2)
  expect(await leftAfterClose(queue)).toEqual(['a', 'c'])
})

test('ack multiple removes the message and all before it', async () => {
  const queue = await delivered('a', 'b', 'c', 'd')
  channel.ack(3, true)
  expect(await leftAfterClose(queue)).toEqual(['d'])
})

test('ack multiple covers several queues of the channel', async () => {
  const first = await delivered('a')
  const second = await delivered('b')
  channel.ack(2, true)
  await channel.close()
  const after = await channel.client.channel(2)
  expect(await after.drain(first)).toEqual([])
  expect(await after.drain(second)).toEqual([])
})

test('ack multiple with tag 0 removes everything outstanding', async () => {
  const queue = await delivered('a', 'b', 'c')
  channel.ack(0, true)
  expect(await leftAfterClose(queue)).toEqual([])
})

test.each([
  ['basic.ack', { deliveryTag: 0, multiple: true }],
  ['basic.nack', { deliveryTag: 0, multiple: true, requeue: true }],
] as const)('%s multiple with tag 0 is fine when nothing is outstanding', async (method, args) => {
  channel.send(method, args)
  await channel.expectQuiet()
})

test.each([
  ['basic.ack', { deliveryTag: 0 }, 0],
  ['basic.nack', { deliveryTag: 0, requeue: true }, 0],
  ['basic.reject', { deliveryTag: 0 }, 0],
  ['basic.ack', { deliveryTag: 3 }, 3],
  ['basic.nack', { deliveryTag: 3 }, 3],
  ['basic.reject', { deliveryTag: 3 }, 3],
  ['basic.ack', { deliveryTag: 3, multiple: true }, 3],
  ['basic.nack', { deliveryTag: 999, multiple: true }, 999],
  ['basic.ack', { deliveryTag: 2n ** 32n + 1n }, 4294967297],
] as const)('%s %o of a tag that is not outstanding is 406 and settles nothing', async (method, args, tag) => {
  const queue = await delivered('a', 'b')
  channel.send(method, args)
  await channel.expectClose(406, `unknown delivery tag ${tag}`, method)
  await channel.reopen()
  expect(await channel.drain(queue)).toEqual(['a', 'b'])
})

test.each(['basic.ack', 'basic.nack', 'basic.reject'] as const)('%s of a tag settled before is 406', async (method) => {
  await delivered('a')
  channel.ack(1)
  channel.send(method, { deliveryTag: 1 })
  await channel.expectClose(406, 'unknown delivery tag 1', method)
})

test('ack of a tag below one that was acked with multiple is 406', async () => {
  await delivered('a', 'b')
  channel.ack(2, true)
  channel.ack(1)
  await channel.expectClose(406, 'unknown delivery tag 1', 'basic.ack')
})

test('ack of a delivery to a no-ack consumer is 406', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  await channel.consume(queue, { noAck: true })
  await channel.expectBodies('a')
  channel.ack(1)
  await channel.expectClose(406, 'unknown delivery tag 1', 'basic.ack')
})

test('ack of another channel’s delivery is 406 there', async () => {
  await delivered('a')
  const other = await channel.client.channel(2)
  other.ack(1)
  await other.expectClose(406, 'unknown delivery tag 1', 'basic.ack')
  await channel.expectQuiet()
})

test('nack with requeue delivers the message again, marked', async () => {
  await delivered('a')
  channel.nack(1)
  const again = await channel.delivery({ deliveryTag: 2, redelivered: true })
  expect(again.content.body.toString()).toBe('a')
})

test('nack without requeue drops the message', async () => {
  const queue = await delivered('a', 'b')
  channel.nack(1, { requeue: false })
  expect(await leftAfterClose(queue)).toEqual(['b'])
})

test('nack multiple without requeue drops the message and all before it', async () => {
  const queue = await delivered('a', 'b', 'c')
  channel.nack(2, { multiple: true, requeue: false })
  expect(await leftAfterClose(queue)).toEqual(['c'])
})

test('nack multiple with tag 0 gives back everything, in order', async () => {
  const tag = 'consumer'
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b', 'c')
  await channel.consume(queue, { consumerTag: tag })
  await channel.expectBodies('a', 'b', 'c')
  await channel.call('basic.cancel', { consumerTag: tag })
  channel.nack(0, { multiple: true })
  expect(await channel.drain(queue)).toEqual(['a', 'b', 'c'])
})

test('reject with requeue delivers the message again, marked', async () => {
  await delivered('a')
  channel.send('basic.reject', { deliveryTag: 1, requeue: true })
  const again = await channel.delivery({ deliveryTag: 2, redelivered: true })
  expect(again.content.body.toString()).toBe('a')
})

test('reject without requeue drops the message', async () => {
  const queue = await delivered('a', 'b')
  channel.send('basic.reject', { deliveryTag: 1, requeue: false })
  expect(await leftAfterClose(queue)).toEqual(['b'])
})

test('acks out of order are fine', async () => {
  const queue = await delivered('a', 'b', 'c', 'd')
  for (const tag of [3, 1, 4]) channel.ack(tag)
  expect(await leftAfterClose(queue)).toEqual(['b'])
})

test('ack multiple skips over tags settled singly', async () => {
  const queue = await delivered('a', 'b', 'c', 'd')
  channel.ack(2)
  channel.ack(3, true)
  expect(await leftAfterClose(queue)).toEqual(['d'])
})

test('ack of a delivery whose queue was deleted is accepted silently', async () => {
  const queue = await delivered('a', 'b')
  await (await channel.client.channel(2)).call('queue.delete', { queue })
  await channel.expect('basic.cancel')
  channel.ack(1)
  channel.nack(2)
  await channel.expectQuiet()
})

test('ready and unacked messages are counted exactly through ack, nack and close', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b', 'c', 'd', 'e')
  await channel.expectCounts(queue, 5, 0)
  for (let count = 0; count < 4; count++) await channel.get(queue)
  await channel.expectCounts(queue, 1, 0)
  channel.ack(1)
  channel.nack(3, { multiple: true })
  await channel.expectCounts(queue, 3, 0)
  await channel.close()
  await channel.reopen()
  await channel.expectCounts(queue, 4, 0)
  expect(await channel.drain(queue)).toEqual(['b', 'c', 'd', 'e'])
})

test('a few old deliveries stay open while thousands come and go', async () => {
  const queue = await channel.queue()
  const other = await channel.client.channel(2)
  await channel.call('basic.qos', { prefetchCount: 0 })
  await channel.consume(queue, { consumerTag: 'c' })
  const kept = [2, 3, 700, 5000, 5001]
  const total = 12_000
  for (let sent = 0; sent < total; sent += 1000) {
    const batch = Array.from({ length: 1000 }, (_, n) =>
      other.publishBytes({ routingKey: queue, body: `${sent + n + 1}` }),
    )
    channel.client.write(Buffer.concat(batch))
    for (let tag = sent + 1; tag <= sent + 1000; tag++) {
      await channel.delivery({ deliveryTag: tag })
      if (!kept.includes(tag)) channel.ack(tag)
    }
  }
  await channel.call('basic.cancel', { consumerTag: 'c' })
  await other.expectCounts(queue, 0, 0)
  channel.ack(3)
  channel.nack(700, { multiple: true })
  await channel.expectQuiet(queue)
  expect(await other.drain(queue)).toEqual(['2', '700'])
  channel.ack(5000, true)
  await channel.close()
  expect(await other.drain(queue)).toEqual(['5001'])
})

test('ack multiple of thousands is one step', async () => {
  const queue = await channel.queue()
  const one = channel.publishBytes({ routingKey: queue, body: 'm' })
  channel.client.write(Buffer.concat(Array.from({ length: 5000 }, () => one)))
  await channel.consume(queue)
  for (let tag = 1; tag <= 5000; tag++) await channel.delivery({ deliveryTag: tag })
  channel.ack(4999, true)
  await channel.expectQuiet(queue)
  channel.ack(4998)
  await channel.expectClose(406, 'unknown delivery tag 4998', 'basic.ack')
  await channel.reopen()
  expect(await channel.drain(queue)).toEqual(['m'])
})
