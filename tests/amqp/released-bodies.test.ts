// A channel keeps nothing of a message that it has carried out or refused: large bodies would stay for as long as it is quiet.
import { expect, onTestFinished, test } from 'vitest'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { RawClient } from '../support/raw-client.ts'

const BODY = Buffer.alloc(300_000, 'b')

/** A channel, and how many bytes of bodies wait to be used again. */
async function opened() {
  const server = new ServerBuilder().build()
  onTestFinished(() => server.shutdown({ graceMs: 0 }))
  const [address] = await server.listenAndServe('127.0.0.1:0')
  const client = await (await RawClient.connect(address!)).handshake()
  return { server, channel: await client.channel(1), freeBytes: () => server.core.bodies.freeBytes }
}

test('a body that no queue takes is released', async () => {
  const { channel, freeBytes } = await opened()
  channel.publish({ routingKey: 'no-queue', body: BODY })
  await channel.queue()
  expect(freeBytes()).toBeGreaterThanOrEqual(BODY.length)
})

test('a body of a publish that is refused is released', async () => {
  const { channel, freeBytes } = await opened()
  channel.publish({ exchange: 'no-exchange', body: BODY })
  await channel.expect('channel.close')
  expect(freeBytes()).toBeGreaterThanOrEqual(BODY.length)
})

test('a body that is taken and settled is released', async () => {
  const { channel, freeBytes } = await opened()
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, body: BODY })
  await channel.expectCounts(queue, 1, 0)
  expect(freeBytes()).toBe(0)
  await channel.call('queue.purge', { queue })
  expect(freeBytes()).toBeGreaterThanOrEqual(BODY.length)
})

test('a server that has stopped keeps no memory for bodies, and takes none back', async () => {
  const { server, channel, freeBytes } = await opened()
  const queue = await channel.queue()
  for (let i = 0; i < 2; i++) channel.publish({ routingKey: queue, body: BODY })
  await channel.get(queue, true)
  await channel.expectCounts(queue, 1, 0)
  expect(freeBytes()).toBeGreaterThanOrEqual(BODY.length)
  await server.shutdown({ graceMs: 0 })
  expect(freeBytes()).toBe(0)
})
