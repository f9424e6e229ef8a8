// Clients that are alive and do not read: what they were sent stays in memory, and what they were delivered is out of reach.
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import type { Logger } from '../../src/lib/logger.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { frame, HEARTBEAT } from '../support/wire-frames.ts'
import { until } from './under-attack.ts'

const MEBIBYTE = 1024 * 1024
const SEND_TIMEOUT_MS = 1000
const MESSAGES = 3
const CUT = 'connection cut: its client took nothing of what it was sent for the whole send timeout'

let server: Server
let warnings: string[] = []
const clients: RawClient[] = []
let beat: NodeJS.Timeout | undefined

afterEach(async () => {
  clearInterval(beat)
  for (const client of clients.splice(0)) client.destroy()
  await server.shutdown({ graceMs: 500 })
})

async function start(config: Partial<ServerConfig>): Promise<void> {
  warnings = []
  const logger: Logger = { debug() {}, info() {}, warn: (_, text) => void warnings.push(text), error() {} }
  server = new ServerBuilder()
    .withConfig({ port: 0, passwordHashing: 'sha256', ...config })
    .withLogger(logger)
    .build()
  await server.listen()
}

async function channel(heartbeat = 0): Promise<RawChannel> {
  const client = await RawClient.connect(server.addresses[0] as { host: string; port: number }) // it listens
  clients.push(client)
  return (await client.handshake({ tune: { heartbeat } })).channel(1)
}

/** A consumer that sends heartbeats and has stopped reading, of a queue with more than the system takes for it. */
async function stoppedConsumer(): Promise<{ owner: RawChannel; consumer: RawChannel; queue: string }> {
  const owner = await channel()
  const queue = await owner.queue({ exclusive: false })
  for (let i = 0; i < MESSAGES; i++) owner.publish({ routingKey: queue, body: Buffer.alloc(12 * MEBIBYTE, 'x') })
  await owner.expectCounts(queue, MESSAGES, 0)
  const consumer = await channel(60)
  beat = setInterval(() => consumer.client.write(frame(HEARTBEAT, 0)), 200)
  await consumer.consume(queue)
  consumer.client.socket.pause()
  return { owner, consumer, queue }
}

test('a client that sends heartbeats and never reads is cut off, and what it held goes back', async () => {
  await start({ sendTimeoutMs: SEND_TIMEOUT_MS })
  const { owner, queue } = await stoppedConsumer()
  await until(() => server.connections().length === 1, 'the connection is still there', 8000)
  expect(warnings).toEqual([CUT])
  await owner.expectCounts(queue, MESSAGES, 0)
})

test('a client that reads slowly but steadily is not cut off, however large a message is', async () => {
  await start({ sendTimeoutMs: SEND_TIMEOUT_MS })
  const { consumer } = await stoppedConsumer()
  const { socket } = consumer.client
  const from = performance.now()
  let readBytes = 0
  while (performance.now() - from < 5 * SEND_TIMEOUT_MS) {
    socket.resume()
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    socket.pause()
    readBytes += chunk.length
    await new Promise((resolve) => setTimeout(resolve, 20)) // its pace, not something to wait for
  }
  expect(readBytes).toBeLessThan((MESSAGES - 1) * 12 * MEBIBYTE)
  socket.resume()
  for (let tag = 1; tag <= MESSAGES; tag++) await consumer.delivery({ deliveryTag: tag })
  expect(warnings).toEqual([])
})

test('a send timeout of 0 waits without end', async () => {
  await start({ sendTimeoutMs: 0 })
  const { consumer } = await stoppedConsumer()
  await new Promise((resolve) => setTimeout(resolve, 3 * SEND_TIMEOUT_MS)) // that nothing happens has no event
  expect(warnings).toEqual([])
  expect(server.connections()).toHaveLength(2)
  consumer.client.socket.resume()
  for (let tag = 1; tag <= MESSAGES; tag++) await consumer.delivery({ deliveryTag: tag })
})
