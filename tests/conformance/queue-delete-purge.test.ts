import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test('queue.delete: delete-ok counts the ready messages', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b', 'c')
  await channel.expectCounts(queue, 3, 0)
  await channel.get(queue)
  const reply = await channel.call('queue.delete', { queue })
  expect(reply.args).toEqual({ messageCount: 2 })
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('queue.delete: a missing queue is fine and counts zero', async () => {
  const reply = await channel.call('queue.delete', { queue: unique('missing') })
  expect(reply.args).toEqual({ messageCount: 0 })
})

test('queue.delete if-unused: refused while there are consumers', async () => {
  const queue = await channel.queue()
  await channel.consume(queue, { consumerTag: 'c' })
  const second = await channel.client.channel(2)
  const text = `queue '${queue}' in vhost '/' in use`
  await second.expectRefusal('queue.delete', { queue, ifUnused: true }, 406, text)
  await channel.call('basic.cancel', { consumerTag: 'c' })
  await second.call('queue.delete', { queue, ifUnused: true })
})

test('queue.delete if-empty: refused while there are ready messages', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  await channel.expectCounts(queue, 1, 0)
  const text = `queue '${queue}' in vhost '/' not empty`
  await channel.expectRefusal('queue.delete', { queue, ifEmpty: true }, 406, text)
  expect(await channel.drain(queue)).toEqual(['a'])
  await channel.call('queue.delete', { queue, ifEmpty: true })
})

test('queue.delete if-unused and if-empty: the messages are named first', async () => {
  const queue = await channel.queue()
  await channel.call('basic.qos', { prefetchCount: 1 })
  await channel.consume(queue)
  channel.publishTo(queue, 'a', 'b')
  await channel.expectBodies('a')
  const second = await channel.client.channel(2)
  const both = { queue, ifUnused: true, ifEmpty: true }
  await second.expectRefusal('queue.delete', both, 406, `queue '${queue}' in vhost '/' not empty`)
})

test('queue.delete if-empty: unacked messages do not count', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  await channel.expectCounts(queue, 1, 0)
  await channel.get(queue)
  await channel.call('queue.delete', { queue, ifEmpty: true })
})

test('queue.delete: the name is free for a different queue at once', async () => {
  const queue = await channel.queue({ durable: true, exclusive: false })
  await channel.call('queue.delete', { queue })
  const reply = await channel.call('queue.declare', { queue, exclusive: true })
  expect(reply.args).toEqual({ queue, messageCount: 0, consumerCount: 0 })
})

test('queue.purge: removes the ready messages and counts them', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b', 'c')
  await channel.expectCounts(queue, 3, 0)
  const reply = await channel.call('queue.purge', { queue })
  expect(reply.args).toEqual({ messageCount: 3 })
  await channel.expectCounts(queue, 0, 0)
  expect((await channel.call('queue.purge', { queue })).args).toEqual({ messageCount: 0 })
})

test('queue.purge: unacked messages stay and can come back', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'held', 'b', 'c')
  await channel.expectCounts(queue, 3, 0)
  await channel.get(queue)
  expect((await channel.call('queue.purge', { queue })).args).toEqual({ messageCount: 2 })
  channel.nack(1)
  await channel.expectQuiet(queue)
  expect(await channel.drain(queue)).toEqual(['held'])
})

test('queue.purge: requeued messages are removed like others', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b')
  await channel.expectCounts(queue, 2, 0)
  await channel.get(queue)
  channel.nack(1)
  await channel.expectCounts(queue, 2, 0)
  expect((await channel.call('queue.purge', { queue })).args).toEqual({ messageCount: 2 })
  expect(await channel.get(queue)).toBeUndefined()
})

test('queue.purge: the queue takes messages as before', async () => {
  const queue = await channel.queue()
  for (let round = 0; round < 5; round++) {
    channel.publishTo(queue, 'x', 'y')
    await channel.expectCounts(queue, 2, 0)
    expect((await channel.call('queue.purge', { queue })).args).toEqual({ messageCount: 2 })
  }
  channel.publishTo(queue, 'last')
  expect(await channel.drain(queue)).toEqual(['last'])
})

test('queue.purge: a missing queue is 404', async () => {
  const queue = unique('missing')
  await channel.expectRefusal('queue.purge', { queue }, 404, `no queue '${queue}' in vhost '/'`)
})
