import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test('get: an empty queue is answered with get-empty', async () => {
  const queue = await channel.queue()
  channel.send('basic.get', { queue })
  expect((await channel.expect('basic.get-empty')).args).toEqual({ clusterId: '' })
})

test('get: get-ok carries exchange, key, tag, flag and what is left', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b', 'c')
  await channel.expectCounts(queue, 3, 0)
  const seen = [await channel.get(queue), await channel.get(queue), await channel.get(queue)]
  expect(seen.map((message) => message?.args)).toEqual(
    [2, 1, 0].map((messageCount, index) => ({
      deliveryTag: index + 1,
      redelivered: false,
      exchange: '',
      routingKey: queue,
      messageCount,
    })),
  )
  expect(seen.map((message) => message?.content.body.toString())).toEqual(['a', 'b', 'c'])
})

test('get: a missing queue is 404', async () => {
  const queue = unique('missing')
  await channel.expectRefusal('basic.get', { queue }, 404, `no queue '${queue}' in vhost '/'`)
})

test('get: a message fetched without no-ack comes back when the channel closes', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  await channel.expectCounts(queue, 1, 0)
  await channel.get(queue)
  await channel.expectCounts(queue, 0, 0)
  await channel.close()
  await channel.reopen()
  expect((await channel.get(queue))?.args).toMatchObject({ redelivered: true })
})

test('get: a message fetched with no-ack is gone', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  await channel.expectCounts(queue, 1, 0)
  expect(await channel.get(queue, true)).toBeDefined()
  await channel.close()
  await channel.reopen()
  expect(await channel.get(queue)).toBeUndefined()
})

test('get: a no-ack message takes a delivery tag that cannot be acked', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b')
  await channel.expectCounts(queue, 2, 0)
  expect((await channel.get(queue, true))?.args.deliveryTag).toBe(1)
  expect((await channel.get(queue))?.args.deliveryTag).toBe(2)
  channel.ack(2)
  channel.ack(1)
  await channel.expectClose(406, 'unknown delivery tag 1', 'basic.ack')
})

test('get: requests in a row are answered in a row', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b')
  await channel.expectCounts(queue, 2, 0)
  for (let count = 0; count < 4; count++) channel.send('basic.get', { queue, noAck: true })
  expect((await channel.expect('basic.get-ok')).content?.body.toString()).toBe('a')
  expect((await channel.expect('basic.get-ok')).content?.body.toString()).toBe('b')
  await channel.expect('basic.get-empty')
  await channel.expect('basic.get-empty')
})

test('get: on a channel that was closed it ends the connection with 504', async () => {
  const queue = await channel.queue()
  await channel.close()
  channel.send('basic.get', { queue })
  await channel.client.expectConnectionClose(504, "expected 'channel.open'", 'basic.get')
  await channel.client.expectSocketClosed()
})
