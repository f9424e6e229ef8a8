// Queues with x-max-priority: the highest priority first, the oldest first within one.
import { beforeEach, expect, test } from 'vitest'
import { startTestBroker } from '../../src/testing.ts'
import { leveretOnly, useBroker } from '../support/broker.ts'
import type { QueueOptions, RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { tagged } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

async function priorityQueue(levelMax: number, options: QueueOptions = {}): Promise<string> {
  return await channel.queue({ ...options, arguments: { 'x-max-priority': levelMax, ...options.arguments } })
}

/** Each body is published with the priority it begins with; `-` stands for none. */
function publish(queue: string, ...bodies: string[]): void {
  for (const body of bodies) {
    const priority = body.split(' ', 1)[0]
    const properties = priority === '-' ? {} : { priority: Number(priority) }
    channel.publish({ routingKey: queue, body, properties })
  }
}

async function drainWithFlags(queue: string): Promise<string[]> {
  const seen: string[] = []
  for (let message = await channel.get(queue, true); message; message = await channel.get(queue, true)) {
    seen.push(`${message.content.body}${message.args.redelivered ? '*' : ''}`)
  }
  return seen
}

test('the highest priority comes first, the oldest of one first', async () => {
  const queue = await priorityQueue(10)
  publish(queue, '1 a', '9 a', '5 a', '1 b', '10 a', '9 b', '0 a', '5 b')
  await channel.expectCounts(queue, 8, 0)
  expect(await channel.drain(queue)).toEqual(['10 a', '9 a', '9 b', '5 a', '5 b', '1 a', '1 b', '0 a'])
  await channel.expectCounts(queue, 0, 0)
})

test('a priority above the maximum counts as the maximum', async () => {
  const queue = await priorityQueue(3)
  publish(queue, '2 a', '255 a', '3 a', '4 a')
  expect(await channel.drain(queue)).toEqual(['255 a', '3 a', '4 a', '2 a'])
})

test('no priority counts as 0', async () => {
  const queue = await priorityQueue(3)
  publish(queue, '- a', '0 a', '1 a', '- b')
  expect(await channel.drain(queue)).toEqual(['1 a', '- a', '0 a', '- b'])
})

test('all 256 levels keep their order', async () => {
  const queue = await priorityQueue(255)
  const levels = Array.from({ length: 256 }, (_, level) => (level * 97) % 256)
  publish(queue, ...levels.map((level) => `${level} a`), ...levels.map((level) => `${level} b`))
  await channel.expectCounts(queue, 512, 0)
  const sorted = levels.toSorted((a, b) => b - a).flatMap((level) => [`${level} a`, `${level} b`])
  expect(await channel.drain(queue)).toEqual(sorted)
})

test('a priority counts wherever it stands among the properties', async () => {
  const queue = await priorityQueue(9)
  const properties = { contentType: 'text/plain', headers: { a: 'b', c: { d: 1 } }, deliveryMode: 2, appId: 'app' }
  channel.publish({ routingKey: queue, body: 'low', properties: { ...properties, priority: 1 } })
  channel.publish({ routingKey: queue, body: 'none', properties })
  channel.publish({ routingKey: queue, body: 'high', properties: { ...properties, priority: 2 } })
  const first = await channel.get(queue, true)
  expect(first?.content.body.toString()).toBe('high')
  expect(first?.content.properties).toMatchObject({ priority: 2, deliveryMode: 2, appId: 'app' })
  expect(await channel.drain(queue)).toEqual(['low', 'none'])
})

test('without x-max-priority, and with 0, the order is that of publishing', async () => {
  for (const queue of [await channel.queue(), await priorityQueue(0)]) {
    publish(queue, '1 a', '9 a', '- a', '5 a')
    expect(await channel.drain(queue)).toEqual(['1 a', '9 a', '- a', '5 a'])
  }
})

test('a consumer gets what is due when it can take it', async () => {
  const queue = await priorityQueue(10)
  const consumer = await channel.client.channel(2)
  await consumer.call('basic.qos', { prefetchCount: 1 })
  publish(queue, '1 a', '2 a')
  await channel.expectCounts(queue, 2, 0)
  await consumer.consume(queue)
  const [first] = await consumer.expectBodies('2 a')
  publish(queue, '0 a', '7 a')
  await channel.expectCounts(queue, 3, 1)
  consumer.ack(first as number)
  const [second] = await consumer.expectBodies('7 a')
  consumer.ack(second as number)
  await consumer.expectBodies('1 a')
})

test('messages come back to their places within their levels', async () => {
  const queue = await priorityQueue(10)
  publish(queue, '1 a', '5 a', '5 b', '5 c', '1 b')
  for (let count = 0; count < 4; count++) await channel.get(queue) // 5 a, 5 b, 5 c, 1 a
  channel.nack(2)
  channel.nack(4)
  channel.nack(1)
  await channel.expectCounts(queue, 4, 0)
  publish(queue, '7 a', '5 d')
  expect(await drainWithFlags(queue)).toEqual(['7 a', '5 a*', '5 b*', '5 d', '1 a*', '1 b'])
  channel.ack(3)
  await channel.expectCounts(queue, 0, 0)
})

test('the end of a channel puts every message back to its level', async () => {
  const queue = await priorityQueue(10)
  publish(queue, '3 a', '1 a', '3 b', '2 a')
  const consumer = await channel.client.channel(2)
  await consumer.consume(queue)
  await consumer.expectBodies('3 a', '3 b', '2 a', '1 a')
  await consumer.close()
  expect(await drainWithFlags(queue)).toEqual(['3 a*', '3 b*', '2 a*', '1 a*'])
})

test('a purge and a deletion count all levels, and unacked ones stay', async () => {
  const queue = await priorityQueue(10)
  publish(queue, '3 a', '1 a', '2 a', '2 b')
  const taken = await channel.get(queue)
  expect(taken?.content.body.toString()).toBe('3 a')
  expect((await channel.call('queue.purge', { queue })).args).toEqual({ messageCount: 3 })
  await channel.expectCounts(queue, 0, 0)
  channel.nack(1)
  publish(queue, '1 b', '4 a')
  await channel.expectCounts(queue, 3, 0)
  expect((await channel.call('queue.delete', { queue })).args).toEqual({ messageCount: 3 })
})

test('basic.get tells how many messages of all levels are left', async () => {
  const queue = await priorityQueue(10)
  publish(queue, '3 a', '1 a', '2 a')
  for (const messageCount of [2, 1, 0]) expect((await channel.get(queue, true))?.args).toMatchObject({ messageCount })
  expect(await channel.get(queue, true)).toBeUndefined()
})

test('a transaction puts its messages into their levels, and takes them back from there', async () => {
  const queue = await priorityQueue(10)
  await channel.call('tx.select')
  publish(queue, '1 a', '2 a')
  await channel.call('tx.commit')
  const [first, second] = [await channel.get(queue), await channel.get(queue)]
  expect([first, second].map((message) => message?.content.body.toString())).toEqual(['2 a', '1 a'])
  channel.nack(1)
  channel.nack(2)
  await channel.call('tx.rollback')
  await channel.expectCounts(queue, 0, 0)
  channel.nack(1)
  channel.nack(2)
  await channel.call('tx.commit')
  expect(await drainWithFlags(queue)).toEqual(['2 a*', '1 a*'])
})

test('large bodies keep their priorities', async () => {
  const queue = await priorityQueue(10)
  const body = Buffer.alloc(100_000, 'x')
  for (const priority of [1, 2, 3]) {
    body.write(String(priority))
    channel.publish({ routingKey: queue, body, properties: { priority } })
  }
  for (const priority of ['3', '2', '1']) {
    const { content } = (await channel.get(queue, true)) ?? {}
    expect([content?.body.length, content?.body.toString('utf8', 0, 1)]).toEqual([100_000, priority])
  }
})

test('the maximum takes every integer type and is compared by its number', async () => {
  for (const tag of ['b', 's', 'I', 'l', 'B', 'u', 'i']) {
    const queue = unique('q')
    const declare = { queue, exclusive: true, arguments: { 'x-max-priority': tagged(tag, 5) } }
    await channel.call('queue.declare', declare)
    await channel.call('queue.declare', { ...declare, arguments: { 'x-max-priority': 5 } })
    const text = `inequivalent arg 'x-max-priority' for queue '${queue}' in vhost '/': received '6' but current is '5'`
    const other = { ...declare, arguments: { 'x-max-priority': 6 } }
    await channel.expectRefusal('queue.declare', other, 406, text)
  }
})

leveretOnly('RabbitMQ 3.10 counts what is on its way to the queue later')(
  'a limit drops what is due first: the highest priority, as in RabbitMQ',
  async () => {
    const queue = await priorityQueue(10, { arguments: { 'x-max-length': 3 } })
    publish(queue, '1 a', '5 a', '9 a', '2 a', '0 a')
    await channel.expectCounts(queue, 3, 0)
    expect(await channel.drain(queue)).toEqual(['2 a', '1 a', '0 a'])
  },
)

test('a limit in bytes counts all levels', async () => {
  const arguments_ = { 'x-max-length-bytes': 9, 'x-overflow': 'reject-publish' }
  const queue = await priorityQueue(10, { arguments: arguments_ })
  publish(queue, '1 a', '5 a', '9 a', '7 a')
  await channel.expectCounts(queue, 3, 0)
  expect(await channel.drain(queue)).toEqual(['9 a', '5 a', '1 a'])
  publish(queue, '1 b')
  expect(await channel.drain(queue)).toEqual(['1 b'])
})

test('what is refused because of a limit is nacked, whatever its priority', async () => {
  const queue = await priorityQueue(10, { arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } })
  await channel.call('confirm.select')
  publish(queue, '1 a')
  await channel.expect('basic.ack', { deliveryTag: 1 })
  publish(queue, '9 a')
  await channel.expect('basic.nack', { deliveryTag: 2 })
  expect(await channel.drain(queue)).toEqual(['1 a'])
})

test('a message that has expired goes once it is due, and leaves its priority to its dead letter', async () => {
  const dead = await priorityQueue(10)
  const letters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
  const queue = await priorityQueue(10, { arguments: letters })
  for (const [priority, expiration] of [
    [1, '1'],
    [5, '1'],
    [9, undefined],
  ] as const) {
    const properties = expiration === undefined ? { priority } : { priority, expiration }
    channel.publish({ routingKey: queue, body: `${priority}`, properties })
  }
  const consumer = await channel.client.channel(2)
  await consumer.consume(dead, { noAck: true })
  expect((await channel.get(queue, true))?.content.body.toString()).toBe('9')
  for (const priority of [5, 1]) {
    const { content } = await consumer.delivery()
    expect([content.body.toString(), content.properties.priority]).toEqual([`${priority}`, priority])
  }
  await channel.expectCounts(queue, 0, 0)
})

test('what is rejected keeps its priority in the dead letter queue', async () => {
  const dead = await priorityQueue(10)
  const letters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
  const queue = await priorityQueue(10, { arguments: letters })
  publish(queue, '1 a', '5 a', '9 a')
  for (let count = 0; count < 3; count++) await channel.get(queue)
  channel.nack(3, { requeue: false })
  channel.nack(2, { multiple: true, requeue: false })
  await channel.expectCounts(queue, 0, 0)
  await channel.expectCounts(dead, 3, 0)
  expect(await channel.drain(dead)).toEqual(['9 a', '5 a', '1 a'])
})

leveretOnly('looks at it from inside')(
  'inside a program, messages are looked at and moved in their order',
  async () => {
    const own = await startTestBroker()
    try {
      const { broker: inside } = own
      inside.declareQueue('from', { arguments: { 'x-max-priority': 9 } })
      inside.declareQueue('to', { arguments: { 'x-max-priority': 3 } })
      for (const priority of [1, 9, 3, 2, 9]) inside.publish('', 'from', `${priority}`, { priority })
      const peeked = await inside.peek('from', { count: 4 })
      expect(peeked.map(({ body }) => body.toString())).toEqual(['9', '9', '3', '2'])
      expect(inside.queueInfo('from')).toMatchObject({ messagesReady: 5, bytesReady: 5, messagesUnacked: 0 })
      expect(await inside.moveMessages('from', 'to')).toBe(5)
      expect(inside.queueInfo('from')).toMatchObject({ messagesReady: 0, bytesReady: 0, messagesUnacked: 0 })
      const taken: string[] = []
      for (let message = await inside.get('to'); message; message = await inside.get('to'))
        taken.push(message.body.toString())
      expect(taken).toEqual(['9', '9', '3', '2', '1'])
    } finally {
      await own.stop()
    }
  },
)
