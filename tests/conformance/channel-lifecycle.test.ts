import { expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'

const broker = useBroker()

test('a method on a channel that is not open ends the connection with 504', async () => {
  const client = await broker.open()
  client.send(5, 'queue.declare', { queue: 'q' })
  await client.expectConnectionClose(504, "expected 'channel.open'", 'queue.declare')
  await client.expectSocketClosed()
})

test('opening a channel twice ends the connection with 504', async () => {
  const client = await broker.open()
  await client.channel(1)
  client.send(1, 'channel.open')
  await client.expectConnectionClose(504, "second 'channel.open' seen", 'channel.open')
  await client.expectSocketClosed()
})

test('a channel closed by the client can be opened again at once', async () => {
  const client = await broker.open()
  for (let round = 0; round < 50; round++) {
    const channel = await client.channel(1)
    await channel.close()
  }
})

test('fifty channels open and close, over and over', async () => {
  const client = await broker.open()
  for (let round = 0; round < 3; round++) {
    const ids = Array.from({ length: 50 }, (_, n) => n + 1)
    for (const id of ids) client.send(id, 'channel.open')
    for (const id of ids) await client.expect(id, 'channel.open-ok')
    for (const id of ids) client.send(id, 'channel.close', { replyCode: 200 })
    for (const id of ids) await client.expect(id, 'channel.close-ok')
  }
})

test('any number up to channel-max is a channel', async () => {
  const client = await broker.open()
  for (const id of [client.channelMax, 7, 1]) await client.channel(id)
})

test('more channels than channel-max end the connection with 530', async () => {
  const client = await broker.open({ tune: { channelMax: 3 } })
  for (const id of [1, 2, 3]) await client.channel(id)
  client.send(4, 'channel.open')
  await client.expectConnectionClose(530, 'number of channels opened (3) has reached the negotiated channel_max (3)')
  await client.expectSocketClosed()
})

test('channel-max limits how many channels are open, not their numbers', async () => {
  const client = await broker.open({ tune: { channelMax: 2 } })
  await client.channel(9)
  await client.expectUsable(2000)
})

test('a closed channel makes room for another one', async () => {
  const client = await broker.open({ tune: { channelMax: 2 } })
  await client.channel(1)
  const second = await client.channel(2)
  await second.close()
  await client.channel(2)
})

test('channel.flow on is answered, off ends the connection with 540', async () => {
  const channel = await broker.channel()
  expect((await channel.call('channel.flow', { active: true })).args).toEqual({ active: true })
  channel.send('channel.flow', { active: false })
  await channel.client.expectConnectionClose(540, 'active=false', 'channel.flow')
  await channel.client.expectSocketClosed()
})

test('access.request is answered with a ticket', async () => {
  const channel = await broker.channel()
  expect((await channel.call('access.request', { realm: '/data', active: true })).args).toEqual({ ticket: 1 })
})

test('closing a channel cancels its consumers and requeues what it holds', async () => {
  const client = await broker.open()
  const channel = await client.channel(1)
  const other = await client.channel(2)
  const queue = await other.queue()
  await channel.consume(queue)
  other.publishTo(queue, 'held')
  await channel.expectBodies('held')
  await other.expectCounts(queue, 0, 1)
  await channel.close()
  await other.expectCounts(queue, 1, 0)
  expect((await other.get(queue))?.args).toMatchObject({ redelivered: true })
})

test('a close of the client that crosses one of the server is answered', async () => {
  const channel = await broker.channel()
  channel.ack(5)
  channel.send('channel.close', { replyCode: 200 })
  await channel.expect('channel.close', { replyCode: 406 })
  await channel.expect('channel.close-ok')
  channel.send('channel.close-ok')
  await channel.reopen()
})

test('opening a channel before its close was answered ends the connection with 504', async () => {
  const channel = await broker.channel()
  channel.ack(5)
  await channel.expect('channel.close', { replyCode: 406 })
  channel.send('channel.open')
  await channel.client.expectConnectionClose(504, "second 'channel.open' seen", 'channel.open')
  await channel.client.expectSocketClosed()
})

test('an error on one channel leaves the others of the connection alone', async () => {
  const client = await broker.open()
  const broken = await client.channel(1)
  const working = await client.channel(2)
  const queue = await working.queue()
  await working.consume(queue, { noAck: true })
  broken.ack(5)
  working.publishTo(queue, 'before close-ok')
  await broken.expectClose(406, 'unknown delivery tag 5', 'basic.ack')
  working.publishTo(queue, 'after close-ok')
  await working.expectBodies('before close-ok', 'after close-ok')
})

test('channel state is fresh after reopening: tags, consumers, modes and limits', async () => {
  const channel = await broker.channel()
  const queue = await channel.queue()
  await channel.call('confirm.select')
  await channel.call('basic.qos', { prefetchCount: 1 })
  await channel.consume(queue, { consumerTag: 'c' })
  channel.publishTo(queue, 'a')
  const both = [(await channel.next()).name, (await channel.next()).name]
  expect(both.sort()).toEqual(['basic.ack', 'basic.deliver'])
  await channel.close()
  await channel.reopen()
  await channel.call('tx.select')
  await channel.consume(queue, { consumerTag: 'c' })
  await channel.delivery({ deliveryTag: 1, redelivered: true })
})

test.each(['channel.close-ok', 'channel.open-ok', 'channel.flow-ok', 'basic.cancel-ok'] as const)(
  '%s on an open channel is 503',
  async (name) => {
    const client = await broker.open()
    await client.channel(1)
    client.send(1, name)
    await client.expectConnectionClose(503, 'unimplemented method', name)
    await client.expectSocketClosed()
  },
)
