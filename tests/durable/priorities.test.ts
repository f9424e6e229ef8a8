// Priorities over a store on the disk: every level is a log of its own, made when it is used first.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { DurableServer } from './durable-server.ts'

let disk: DurableServer

beforeEach(async () => {
  disk = await DurableServer.start()
})

afterEach(async () => {
  await disk.remove()
})

async function declare(channel: RawChannel, queue = 'q', levelMax = 255): Promise<void> {
  await channel.call('queue.declare', { queue, durable: true, arguments: { 'x-max-priority': levelMax } })
}

/** Publishes a message per priority, and waits until it is confirmed. */
async function publish(channel: RawChannel, priorities: readonly number[], deliveryMode = 2): Promise<void> {
  for (const priority of priorities) {
    channel.publish({ routingKey: 'q', body: String(priority), properties: { priority, deliveryMode } })
  }
  for (let confirmed = 0; confirmed < priorities.length; ) {
    const { deliveryTag, multiple } = (await channel.expect('basic.ack')).args
    confirmed = multiple ? Number(deliveryTag) : confirmed + 1
  }
}

test('a restart keeps every message in its level, and those that came later join it', async () => {
  let channel = await disk.confirming()
  await declare(channel)
  await publish(channel, [7, 200, 7, 0, 255])
  await disk.restart()
  channel = await disk.confirming()
  await declare(channel)
  await channel.expectCounts('q', 5, 0)
  expect(disk.server.broker.queueInfo('q')).toMatchObject({ bytesReady: 1 + 3 + 1 + 1 + 3 })
  await publish(channel, [200, 9])
  await disk.restart()
  channel = await disk.channel()
  await channel.expectCounts('q', 7, 0)
  expect(await channel.drain('q')).toEqual(['255', '200', '200', '9', '7', '7', '0'])
  expect(disk.server.broker.queueInfo('q')).toMatchObject({ messagesReady: 0, bytesReady: 0, bytesUnacked: 0 })
  expect(disk.server.recovery).toMatchObject({ problems: [], quarantined: 0 })
})

test('what was delivered comes back to its level, marked redelivered', async () => {
  let channel = await disk.confirming()
  await declare(channel)
  await publish(channel, [1, 3, 2, 3])
  for (let count = 0; count < 3; count++) await channel.get('q') // 3, 3, 2
  channel.ack(1)
  await channel.expectCounts('q', 1, 0)
  await disk.restart()
  channel = await disk.channel()
  const seen: unknown[] = []
  for (let message = await channel.get('q', true); message; message = await channel.get('q', true)) {
    seen.push([message.content.body.toString(), message.args.redelivered])
  }
  expect(seen).toEqual([
    ['3', true],
    ['2', true],
    ['1', false],
  ])
})

test('a level that had only transient messages is used again after a restart', async () => {
  let channel = await disk.confirming()
  await declare(channel)
  await publish(channel, [5, 6], 1)
  await disk.restart()
  channel = await disk.confirming()
  await channel.expectCounts('q', 0, 0)
  await publish(channel, [6, 5, 7])
  await disk.restart()
  channel = await disk.channel()
  expect(await channel.drain('q')).toEqual(['7', '6', '5'])
})

test('a deleted queue leaves nothing of any level behind', async () => {
  let channel = await disk.confirming()
  await declare(channel)
  await publish(channel, [1, 200, 30])
  await disk.restart()
  channel = await disk.confirming()
  await channel.call('queue.delete', { queue: 'q' })
  await declare(channel)
  await channel.expectCounts('q', 0, 0)
  await publish(channel, [2])
  await disk.restart()
  expect(disk.server.recovery).toMatchObject({ problems: [], messages: 1 })
  channel = await disk.channel()
  expect(await channel.drain('q')).toEqual(['2'])
})

test('levels that have left memory are read back in the order of their priorities', async () => {
  await disk.stop()
  disk = await DurableServer.start({ memoryBytes: 1 })
  const channel = await disk.channel()
  await declare(channel, 'q', 3)
  const body = 'x'.repeat(2000)
  const sent = Array.from({ length: 3000 }, (_, count) => count % 4)
  for (const priority of sent) {
    channel.publish({ routingKey: 'q', body: `${priority}${body}`, properties: { priority, deliveryMode: 2 } })
  }
  await channel.expectCounts('q', 3000, 0)
  await disk.server.broker.whenDurable()
  const consumer = await disk.channel()
  await consumer.consume('q', { noAck: true })
  const seen: number[] = []
  for (let count = 0; count < sent.length; count++)
    seen.push(Number((await consumer.delivery()).content.body.toString('utf8', 0, 1)))
  expect(seen).toEqual(sent.toSorted((a, b) => b - a))
})
