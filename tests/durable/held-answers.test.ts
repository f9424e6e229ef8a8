// A disk that takes nothing for a while. Answers about what it does not have yet wait; everything else goes on: other
// channels, deliveries, heartbeats, the end of a connection, and what needs no disk.
import { beforeEach, describe, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'
import { PERSISTENT } from './durable-server.ts'
import {
  declareNew,
  expectNothing,
  QUEUE,
  QUIET_MS,
  release,
  server,
  stall,
  useStallingServer,
} from './stalling-server.ts'

const HEARTBEAT = Buffer.of(8, 0, 0, 0, 0, 0, 0, 0xce)
const STALL_MS = 3000

useStallingServer()

describe('while an answer waits for the disk', () => {
  test('deliveries go on, on other channels and on its own', async () => {
    const waiting = await server.channel()
    const { client } = waiting
    const other = await client.channel(2)
    for (const channel of [waiting, other]) await channel.consume(await channel.queue({}, `own-${channel.id}`))
    const publisher = await server.channel()
    stall()
    declareNew(waiting)
    for (let round = 0; round < 3; round++) {
      for (const channel of [waiting, other]) {
        publisher.publishTo(`own-${channel.id}`, 'go on')
        const [tag] = await channel.expectBodies('go on')
        channel.ack(Number(tag))
      }
    }
    await other.expectCounts('own-2', 0, 1)
    await expectNothing(waiting)
    release()
    await waiting.expect('queue.declare-ok', { queue: 'new' })
  })

  test('what its channel publishes is returned and confirmed behind it', async () => {
    const channel = await server.confirming()
    stall()
    declareNew(channel)
    channel.publish({ routingKey: 'nowhere', body: 'returned', mandatory: true })
    await expectNothing(channel)
    release()
    await channel.expect('queue.declare-ok', { queue: 'new' })
    await channel.returned({ replyText: 'NO_ROUTE' })
    await channel.expect('basic.ack', { deliveryTag: 1 })
  })

  test('its channel answers in order, deliveries that belong to an answer come after it', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    channel.send('basic.get', { queue: QUEUE, noAck: true })
    channel.send('queue.declare', { queue: 'temporary', exclusive: true })
    channel.send('basic.consume', { queue: 'temporary', consumerTag: 'late', noAck: true })
    channel.publishTo('temporary', 'a', 'b')
    channel.send('channel.close', { replyCode: 200, replyText: '' })
    channel.send('channel.open')
    await expectNothing(channel)
    // The channel that is open now has said nothing yet; others have all the while.
    await (await server.channel()).expectQuiet(QUEUE)
    release()
    await channel.expect('queue.declare-ok', { queue: 'new' })
    const { args, content } = await channel.next()
    expect([args.messageCount, content?.body.toString()]).toEqual([0, 'kept'])
    await channel.expect('queue.declare-ok', { queue: 'temporary' })
    await channel.expect('basic.consume-ok', { consumerTag: 'late' })
    await channel.expect('channel.close-ok')
    await channel.expect('channel.open-ok')
    await channel.expectQuiet('temporary')
  })

  test('a consumer that starts behind it is served as soon as it has left', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    channel.send('basic.consume', { queue: QUEUE, consumerTag: 'late' })
    await expectNothing(channel)
    release()
    await channel.expect('queue.declare-ok')
    await channel.expect('basic.consume-ok')
    await channel.expectBodies('kept')
  })

  test('heartbeats go on', async () => {
    const { client } = await server.channel({ tune: { heartbeat: 1 } })
    const channel = await client.channel(2)
    stall()
    const until = performance.now() + STALL_MS
    declareNew(channel)
    for (let count = client.heartbeats + 1; performance.now() < until; count++) {
      await client.waitForHeartbeats(count)
      client.write(HEARTBEAT)
    }
    expect(client.heartbeats).toBeGreaterThanOrEqual(4)
    release()
    await channel.expect('queue.declare-ok')
    await client.expectUsable()
  })

  test('the close that a later method causes comes behind it', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    channel.send('basic.qos', { prefetchSize: 1 })
    await expect(channel.client.next(undefined, QUIET_MS)).rejects.toThrow('nothing arrived')
    release()
    await channel.client.expect(1, 'queue.declare-ok', { queue: 'new' })
    await channel.client.expectConnectionClose(540, 'prefetch_size!=0 (1)', 'basic.qos')
    await channel.client.expectSocketClosed()
  })

  test('a frame that cannot be read is answered behind it', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    channel.client.write(Buffer.from([77, 0, 1, 0, 0, 0, 0, 0xce]))
    await expect(channel.client.next(undefined, QUIET_MS)).rejects.toThrow('nothing arrived')
    release()
    await channel.client.expect(1, 'queue.declare-ok', { queue: 'new' })
    await channel.client.expectConnectionClose(501, 'type 77, all octets = <<>>: unknown_frame')
    await channel.client.expectSocketClosed()
  })

  test('the close that a later method causes comes without it when the disk takes too long', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    channel.send('basic.qos', { prefetchSize: 1 })
    const { name } = await channel.client.next(undefined, 8000)
    expect(name).toBe('connection.close')
    channel.client.send(0, 'connection.close-ok')
    await channel.client.expectSocketClosed()
  }, 10_000)

  test('a close of the client that crosses the one behind it ends the connection in order', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    channel.send('basic.qos', { prefetchSize: 1 })
    channel.client.send(0, 'connection.close', { replyCode: 200 })
    await expect(channel.client.next(undefined, QUIET_MS)).rejects.toThrow('nothing arrived')
    release()
    await channel.client.expect(1, 'queue.declare-ok', { queue: 'new' })
    await channel.client.expect(0, 'connection.close', { replyCode: 540 })
    await channel.client.expect(0, 'connection.close-ok')
    await channel.client.expectSocketClosed()
  })

  test('the client can close its connection: that is confirmed behind it', async () => {
    const channel = await server.channel()
    const other = await channel.client.channel(2)
    await other.call('tx.select')
    stall()
    declareNew(channel)
    other.publish({ routingKey: QUEUE, body: 'committed', properties: PERSISTENT })
    other.send('tx.commit')
    channel.client.send(0, 'connection.close', { replyCode: 200 })
    await expect(channel.client.next(undefined, QUIET_MS)).rejects.toThrow('nothing arrived')
    release()
    const answers = [await channel.client.next(), await channel.client.next(), await channel.client.next()]
    expect(answers.map(({ name }) => name)).toEqual(['queue.declare-ok', 'tx.commit-ok', 'connection.close-ok'])
    await channel.client.expectSocketClosed()
  })

  test('the client that closes its connection has its exclusive queues deleted before the disk is ready', async () => {
    const channel = await server.channel()
    await channel.call('queue.declare', { queue: 'own', exclusive: true })
    stall()
    declareNew(channel)
    channel.client.send(0, 'connection.close', { replyCode: 200 })
    const other = await server.channel()
    await other.expectQuiet()
    await other.call('queue.declare', { queue: 'own', exclusive: true })
  })

  test('the close of the client is confirmed without it when the disk takes too long', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    channel.client.send(0, 'connection.close', { replyCode: 200 })
    const { name } = await channel.client.next(undefined, 8000)
    expect(name).toBe('connection.close-ok')
    await channel.client.expectSocketClosed()
  }, 10_000)

  test('the close of the client is confirmed at once when the disk cannot be written', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    await expectNothing(channel)
    Object.defineProperty(server.storage.journal, 'trouble', { configurable: true, value: 'the disk is full' })
    channel.client.send(0, 'connection.close', { replyCode: 200 })
    await channel.client.expect(0, 'connection.close-ok')
    await channel.client.expectSocketClosed()
    Reflect.deleteProperty(server.storage.journal, 'trouble')
  })

  test('the broker can close it when it stops', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    await expectNothing(channel)
    const isStopped = server.server.shutdown({ graceMs: STALL_MS })
    await channel.client.expectConnectionClose(320, "broker forced connection closure with reason 'shutdown'")
    await channel.client.expectSocketClosed()
    release()
    await isStopped
  })

  test('the client is told that publishers are blocked, and that they are not any more', async () => {
    const channel = await server.channel()
    stall()
    declareNew(channel)
    await expectNothing(channel)
    const { memory } = server.server.core
    const { limitBytes } = memory
    memory.setLimit(1)
    channel.publish({ routingKey: QUEUE, body: 'more' })
    await channel.client.expect(0, 'connection.blocked')
    memory.setLimit(limitBytes)
    memory.sample()
    await channel.client.expect(0, 'connection.unblocked')
  })
})

describe('while the disk takes nothing', () => {
  beforeEach(async () => {
    stall()
    const busy = await server.channel()
    declareNew(busy, 'on its way')
    await expectNothing(busy)
  })

  test.each<[string, MethodName, MethodArguments]>([
    ['looks for a queue', 'queue.declare', { queue: QUEUE, passive: true }],
    ['looks for an exchange', 'exchange.declare', { exchange: 'amq.topic', passive: true }],
    ['declares a durable queue that is there', 'queue.declare', { queue: QUEUE, durable: true }],
    ['declares an exchange that is there', 'exchange.declare', { exchange: 'amq.topic', type: 'topic', durable: true }],
    ['binds what is bound', 'queue.bind', { queue: QUEUE, exchange: 'amq.topic', routingKey: 'known' }],
    ['unbinds what is not bound', 'queue.unbind', { queue: QUEUE, exchange: 'amq.topic', routingKey: 'unknown' }],
    ['deletes a queue that is not there', 'queue.delete', { queue: 'nothing' }],
    ['declares a queue of its own', 'queue.declare', { queue: '', exclusive: true }],
    ['declares a transient queue', 'queue.declare', { queue: 'transient', autoDelete: true }],
    ['declares a transient exchange', 'exchange.declare', { exchange: 'transient', type: 'fanout' }],
  ])('a consumer that %s is answered and served', async (_, name, args) => {
    const consumer = await server.channel()
    await consumer.call(name, args)
    await consumer.consume(QUEUE)
    await consumer.expectBodies('kept')
  })

  test('a queue of its own can be bound, purged, unbound and deleted', async () => {
    const channel = await server.channel()
    const queue = await channel.queue()
    await channel.bind(queue, 'amq.topic', 'key')
    channel.publish({ exchange: 'amq.topic', routingKey: 'key', body: 'a', properties: PERSISTENT })
    await channel.call('queue.purge', { queue })
    await channel.call('queue.unbind', { queue, exchange: 'amq.topic', routingKey: 'key' })
    await channel.call('queue.delete', { queue })
  })

  test('transactions that leave nothing behind are committed, others wait', async () => {
    const channel = await server.channel()
    await channel.call('tx.select')
    await channel.call('tx.commit')
    const queue = await channel.queue()
    channel.publish({ routingKey: queue, body: 'a', properties: PERSISTENT })
    channel.publish({ routingKey: QUEUE, body: 'transient' })
    await channel.call('tx.commit')
    const [first, second] = [await channel.get(QUEUE), await channel.get(QUEUE)]
    channel.ack(Number(second?.args.deliveryTag))
    await channel.call('tx.commit')
    channel.ack(Number(first?.args.deliveryTag))
    channel.send('tx.commit')
    await expectNothing(channel)
    release()
    await channel.expect('tx.commit-ok')
  })

  test.each<[string, MethodName, MethodArguments, MethodArguments?]>([
    ['declares a queue', 'queue.declare', { queue: 'on its way', durable: true }],
    ['deletes a queue', 'queue.delete', { queue: QUEUE }],
    ['declares an exchange', 'exchange.declare', { exchange: 'events', type: 'fanout', durable: true }],
    ['binds a queue', 'queue.bind', { queue: QUEUE, exchange: 'amq.topic', routingKey: 'new' }],
    ['unbinds a queue', 'queue.unbind', { queue: QUEUE, exchange: 'amq.topic', routingKey: 'known' }],
    ['purges a queue', 'queue.purge', { queue: QUEUE }],
    ['binds an exchange', 'exchange.bind', { destination: 'amq.fanout', source: 'amq.topic', routingKey: 'new' }],
  ])('a client that %s waits, and so does one that asks for the same', async (_, name, args) => {
    const channels = [await server.channel(), await server.channel()]
    for (const channel of channels) channel.send(name, args)
    const [first, second] = channels as [RawChannel, RawChannel]
    await expectNothing(first)
    // What is empty already is purged at once.
    if (name !== 'queue.purge') await expectNothing(second)
    release()
    for (const channel of channels) await channel.expect(`${name}-ok` as MethodName)
  })
})
