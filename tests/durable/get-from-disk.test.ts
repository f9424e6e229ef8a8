// basic.get of a message that has to be read back from the disk: its channel waits, and nothing else does.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { gate } from '../storage/level/gate.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { DurableServer, PERSISTENT } from './durable-server.ts'

const QUEUE = 'kept'

let server: DurableServer
let channel: RawChannel
/** Lets the disk be read. */
let openDisk: () => void
/** Resolves when the disk is asked for the message. */
let whenAsked: Promise<void>

beforeEach(async () => {
  server = await DurableServer.start()
  const publisher = await server.confirming()
  await publisher.call('queue.declare', { queue: QUEUE, durable: true })
  for (const body of ['one', 'two']) publisher.publish({ routingKey: QUEUE, body, properties: PERSISTENT })
  for (let tag = 0; tag < 2; ) tag = Number((await publisher.expect('basic.ack')).args.deliveryTag)
  await server.restart()
  const asked = gate()
  const disk = gate()
  whenAsked = asked.opened
  openDisk = disk.open
  server.files.fault = async (operation) => {
    if (operation !== 'read') return
    asked.open()
    await disk.opened
  }
  channel = await server.channel()
})

afterEach(async () => {
  openDisk()
  await server.remove()
})

test('what the client sends behind it is answered behind it, and others go on', async () => {
  channel.send('basic.get', { queue: QUEUE, noAck: true })
  channel.send('basic.get', { queue: QUEUE, noAck: true })
  channel.send('queue.declare', { queue: QUEUE, passive: true })
  await whenAsked
  const other = await server.channel()
  const own = await other.queue()
  other.publishTo(own, 'in memory')
  expect((await other.get(own))?.content.body.toString()).toBe('in memory')
  openDisk()
  await channel.expect('basic.get-ok', { messageCount: 1 })
  await channel.expect('basic.get-ok', { messageCount: 0 })
  await channel.expect('queue.declare-ok', { messageCount: 0 })
})

test('a queue that is deleted meanwhile is not there any more', async () => {
  channel.send('basic.get', { queue: QUEUE })
  await whenAsked
  await (await server.channel()).call('queue.delete', { queue: QUEUE })
  openDisk()
  await channel.expectClose(404, /no queue 'kept'/, 'basic.get')
})

test('a client that goes meanwhile has taken nothing', async () => {
  channel.send('basic.get', { queue: QUEUE })
  await whenAsked
  channel.client.destroy()
  openDisk()
  await expect.poll(() => [...server.server.connections()].length).toBe(0)
  const other = await server.channel()
  expect((await other.get(QUEUE))?.content.body.toString()).toBe('one')
})

test('so does the embedded broker', async () => {
  const { broker } = server.server
  const first = broker.get(QUEUE)
  const second = broker.get(QUEUE)
  await whenAsked
  expect(broker.queueInfo(QUEUE)).toMatchObject({ messagesReady: 2, messagesUnacked: 0 })
  openDisk()
  expect([await first, await second].map((message) => message?.body.toString())).toEqual(['one', 'two'])
  expect(await broker.get(QUEUE)).toBeUndefined()
})
