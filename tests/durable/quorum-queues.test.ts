// Quorum queues over a store on the disk: all their messages survive a restart, and so does the default type of a virtual host.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DurableServer } from './durable-server.ts'

let disk: DurableServer

beforeEach(async () => {
  disk = await DurableServer.start()
})

afterEach(async () => {
  await disk.remove()
})

test('messages that are not persistent survive a restart in a quorum queue, and nowhere else', async () => {
  let channel = await disk.confirming()
  await channel.call('queue.declare', { queue: 'quorum', durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await channel.call('queue.declare', { queue: 'classic', durable: true })
  for (const queue of ['classic', 'quorum']) await channel.bind(queue, 'amq.fanout')
  channel.publish({ exchange: 'amq.fanout', body: 'normal', properties: { priority: 4 } })
  channel.publish({ exchange: 'amq.fanout', body: 'high', properties: { priority: 5, deliveryMode: 1 } })
  await channel.expect('basic.ack')
  await disk.server.broker.whenDurable()
  await disk.restart()
  channel = await disk.channel()
  await channel.expectCounts('classic', 0, 0)
  expect(disk.server.broker.queueInfo('quorum')?.type).toBe('quorum')
  expect(await channel.drain('quorum')).toEqual(['high', 'normal'])
})

test('the default queue type of a virtual host survives a restart', async () => {
  disk.server.broker.createVhost('other', { defaultQueueType: 'quorum' })
  disk.server.broker.createVhost('plain')
  await disk.server.broker.whenDurable()
  await disk.restart()
  expect(disk.server.broker.vhost('other')?.defaultQueueType).toBe('quorum')
  expect(disk.server.broker.vhost('plain')?.defaultQueueType).toBe('classic')
  disk.server.broker.vhost('other')?.setDefaultQueueType('classic')
  await disk.server.broker.whenDurable()
  await disk.restart()
  expect(disk.server.broker.vhost('other')?.defaultQueueType).toBe('classic')
})
