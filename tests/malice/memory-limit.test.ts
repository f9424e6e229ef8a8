// More than memory can hold: publishers wait, consumers go on, and publishers go on when there is room again.
import { describe, expect, test } from 'vitest'
import { startTestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { ALL_CAPABILITIES, RawClient as Client, type RawClient } from '../support/raw-client.ts'
import { frame, headerFrame, methodFrame } from '../support/wire-frames.ts'
import { until } from './under-attack.ts'

const MEBIBYTE = 1024 * 1024
const ROOM = 40 * MEBIBYTE

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

interface Room {
  readonly limitBytes: number
  open(capabilities?: object): Promise<RawClient>
  channel(capabilities?: object): Promise<RawChannel>
  isAlarmed(): boolean
  connectionCount(): number
}

/** A broker that may use 40 MiB more than the process does now. */
async function withLittleRoom(act: (room: Room) => Promise<void>, roomBytes = ROOM): Promise<void> {
  const limitBytes = usedBytes() + roomBytes
  await using broker = await startTestBroker({ memoryLimitBytes: limitBytes, shutdownGraceMs: 200 })
  const clients: RawClient[] = []
  const open = async (capabilities: object = ALL_CAPABILITIES) => {
    const client = await Client.connect(broker)
    clients.push(client)
    return await client.handshake({ capabilities: { ...capabilities } })
  }
  try {
    await act({
      limitBytes,
      open,
      channel: async (capabilities) => (await open(capabilities)).channel(1),
      isAlarmed: () => broker.server.health().status === 'degraded',
      connectionCount: () => broker.server.connections().length,
    })
  } finally {
    for (const client of clients) client.destroy()
  }
}

/** Writes the same bytes for as long as the broker reads them; how many bytes it took. */
async function writeUntilStuck(client: RawClient, bytes: Buffer, bytesMax: number): Promise<number> {
  let written = 0
  while (written < bytesMax) {
    const isTaken = client.socket.write(bytes)
    written += bytes.length
    if (isTaken) continue
    const before = client.socket.writableLength
    await Promise.race([
      new Promise((resolve) => client.socket.once('drain', resolve)),
      new Promise((resolve) => setTimeout(resolve, 400)),
    ])
    if (client.socket.writableLength >= before) break
  }
  return written - client.socket.writableLength
}

describe('a publisher that outruns everything', () => {
  test.each([
    ['small', 1000],
    ['large', 200_000],
  ])(
    'waits with its %s messages while consumers go on, and goes on after them',
    async (_, bodyBytes) => {
      await withLittleRoom(async (room) => {
        const owner = await room.channel()
        const queue = await owner.queue({ exclusive: false })
        const publisher = await room.channel()
        const one = publisher.publishBytes({ routingKey: queue, body: Buffer.alloc(bodyBytes, 'x') })
        const many = Buffer.concat(Array.from({ length: Math.ceil(100_000 / one.length) }, () => one))
        const written = await writeUntilStuck(publisher.client, many, 300 * MEBIBYTE)
        expect(written).toBeLessThan(150 * MEBIBYTE)
        expect(usedBytes()).toBeLessThan(room.limitBytes + 40 * MEBIBYTE)
        await publisher.client.expect(0, 'connection.blocked', { reason: 'low on memory' })
        expect(room.isAlarmed()).toBe(true)

        const { args } = await owner.call('queue.declare', { queue, passive: true })
        const consumer = await room.channel()
        await consumer.call('basic.qos', { prefetchCount: 200 })
        await consumer.consume(queue)
        for (let i = 1; i <= Number(args.messageCount); i++) {
          const delivery = await consumer.delivery()
          if (i % 50 === 0 || i === args.messageCount) consumer.ack(Number(delivery.args.deliveryTag), true)
        }
        await publisher.client.expect(0, 'connection.unblocked')
        await until(() => publisher.client.socket.writableLength === 0, 'the publisher was not read from again', 8000)
      })
    },
    30_000,
  )

  test('is told of it only when it asked to be', async () => {
    await withLittleRoom(async (room) => {
      const owner = await room.channel()
      const queue = await owner.queue({ exclusive: false })
      const deaf = await room.channel({ ...ALL_CAPABILITIES, 'connection.blocked': false })
      const one = deaf.publishBytes({ routingKey: queue, body: Buffer.alloc(100_000) })
      await writeUntilStuck(deaf.client, one, 200 * MEBIBYTE)
      expect(room.isAlarmed()).toBe(true)
      deaf.client.socket.destroySoon()
      await owner.call('queue.delete', { queue })
      await until(() => !room.isAlarmed(), 'the alarm did not end', 10_000)
      const late = await room.channel({ ...ALL_CAPABILITIES, 'connection.blocked': false })
      await late.queue()
      await late.expectQuiet()
    })
  }, 30_000)

  test('and disconnects while it waits is noticed', async () => {
    await withLittleRoom(async (room) => {
      const owner = await room.channel()
      const queue = await owner.queue({ exclusive: false })
      const client = await room.open()
      const publisher = await client.channel(1)
      await writeUntilStuck(
        client,
        publisher.publishBytes({ routingKey: queue, body: Buffer.alloc(100_000) }),
        200 * MEBIBYTE,
      )
      expect(room.isAlarmed()).toBe(true)
      await owner.call('queue.delete', { queue })
      client.socket.resetAndDestroy()
      await until(() => room.connectionCount() === 1, 'the connection is still there', 8000)
    })
  }, 30_000)
})

describe('while memory is short', () => {
  test('bodies that were announced before are not read either', async () => {
    await withLittleRoom(async (room) => {
      const owner = await room.channel()
      const queue = await owner.queue({ exclusive: false })
      const announced: RawClient[] = []
      for (let i = 0; i < 5; i++) {
        const client = await room.open()
        await client.channel(1)
        client.write(
          Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: queue }), headerFrame(1, 16 * MEBIBYTE)]),
        )
        announced.push(client)
      }
      const publisher = await room.channel()
      await writeUntilStuck(
        publisher.client,
        publisher.publishBytes({ routingKey: queue, body: Buffer.alloc(100_000) }),
        200 * MEBIBYTE,
      )
      expect(room.isAlarmed()).toBe(true)
      const piece = frame(3, 1, Buffer.alloc(100_000))
      for (const client of announced) {
        const written = await writeUntilStuck(client, piece, 15 * MEBIBYTE)
        expect(written).toBeLessThan(14 * MEBIBYTE)
      }
      expect(usedBytes()).toBeLessThan(room.limitBytes + 100 * MEBIBYTE) // 60 of them wait in the clients
    })
  }, 30_000)

  test('clients that do not publish notice nothing', async () => {
    await withLittleRoom(async (room) => {
      const owner = await room.channel()
      const queue = await owner.queue({ exclusive: false })
      const publisher = await room.channel()
      await writeUntilStuck(
        publisher.client,
        publisher.publishBytes({ routingKey: queue, body: Buffer.alloc(50_000) }),
        200 * MEBIBYTE,
      )
      const other = await room.channel()
      const mine = await other.queue()
      await other.bind(mine, 'amq.topic', '#')
      await other.call('basic.qos', { prefetchCount: 3 })
      expect((await other.get(queue, true))?.content.body.length).toBe(50_000)
      await other.consume(queue)
      for (let tag = 2; tag <= 20; tag++) {
        await other.delivery({ deliveryTag: tag })
        other.ack(tag)
      }
      await other.client.expectUsable()
    })
  }, 30_000)

  test('an open transaction cannot hold up everybody for ever', async () => {
    await withLittleRoom(async (room) => {
      const client = await room.open()
      const publisher = await client.channel(1)
      const queue = await publisher.queue({ exclusive: false })
      await publisher.call('tx.select')
      const one = publisher.publishBytes({ routingKey: queue, body: Buffer.alloc(100_000) })
      const written = await writeUntilStuck(client, one, 400 * MEBIBYTE)
      expect(written).toBeLessThan(200 * MEBIBYTE)
      await until(() => !room.isAlarmed() || client.isClosed, 'publishers are held up', 8000)
    })
  }, 30_000)
})
