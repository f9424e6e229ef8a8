import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
let channel: RawChannel
let queue: string

beforeEach(async () => {
  channel = await broker.channel()
  queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b', 'c')
  await channel.expectCounts(queue, 3, 0)
})

async function expectRedelivered(...bodies: string[]): Promise<void> {
  for (const body of bodies) {
    const { content } = await channel.delivery({ redelivered: true })
    expect(content.body.toString()).toBe(body)
  }
}

test('recover: unacked messages come again, marked, after recover-ok', async () => {
  await channel.consume(queue)
  await channel.expectBodies('a', 'b', 'c')
  channel.ack(2)
  channel.send('basic.recover', { requeue: true })
  await channel.expect('basic.recover-ok')
  await expectRedelivered('a', 'c')
  await channel.expectQuiet(queue)
})

test('recover-async: unacked messages come again without a reply', async () => {
  await channel.consume(queue)
  await channel.expectBodies('a', 'b', 'c')
  channel.send('basic.recover-async', { requeue: true })
  await expectRedelivered('a', 'b', 'c')
  await channel.expectQuiet(queue)
})

test('recover: with nothing unacked it just answers', async () => {
  await channel.call('basic.recover', { requeue: true })
})

test('recover: old delivery tags are gone', async () => {
  await channel.get(queue)
  await channel.call('basic.recover', { requeue: true })
  channel.ack(1)
  await channel.expectClose(406, 'unknown delivery tag 1', 'basic.ack')
})

test('recover: delivery tags go on counting', async () => {
  await channel.get(queue)
  await channel.get(queue)
  await channel.call('basic.recover', { requeue: true })
  expect((await channel.get(queue))?.args).toMatchObject({ deliveryTag: 3, redelivered: true })
})

test('recover: messages of a cancelled consumer go back to the queue', async () => {
  await channel.consume(queue, { consumerTag: 'c' })
  await channel.expectBodies('a', 'b', 'c')
  await channel.call('basic.cancel', { consumerTag: 'c' })
  await channel.call('basic.recover', { requeue: true })
  await channel.expectQuiet(queue)
  expect(await channel.drain(queue)).toEqual(['a', 'b', 'c'])
})

test('recover: the messages of other channels stay with them', async () => {
  const other = await channel.client.channel(2)
  await other.get(queue)
  await channel.get(queue)
  await channel.call('basic.recover', { requeue: true })
  await channel.expectQuiet(queue)
  expect(await channel.drain(queue)).toEqual(['b', 'c'])
  other.ack(1)
  await other.expectQuiet()
})

test.each(['basic.recover', 'basic.recover-async'] as const)('%s without requeue ends with 540', async (method) => {
  channel.send(method, { requeue: false })
  await channel.client.expectConnectionClose(540, 'requeue=false', method)
  await channel.client.expectSocketClosed()
})
