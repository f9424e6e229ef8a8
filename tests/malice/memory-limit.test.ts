// More than memory can hold: publishers wait, consumers go on, and publishers go on when there is room again. The broker is
// a process of its own here, so that its memory is its own.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { ALL_CAPABILITIES, RawClient } from '../support/raw-client.ts'
import { frame, headerFrame, methodFrame } from '../support/wire-frames.ts'
import type { WireTable } from '../support/wire-values.ts'
import { BrokerProcess } from './broker-process.ts'
import { Bystander } from './bystander.ts'
import { endOf, until } from './under-attack.ts'

const MEBIBYTE = 1024 * 1024
const LIMIT_MB = 100
/** Near the limit, a publisher waits for a shorter time, and goes on. */
const STUCK_MS = 400
/** What it needs besides what it has when it starts and its messages: its heap, what was freed and is not collected yet. */
const REST_MB = 85
/** What the system takes for a client at most without the broker reading it. */
const KERNEL_MB = 45

let broker: BrokerProcess
let clients: RawClient[]
let bystander: Bystander | undefined

beforeEach(async () => {
  broker = await BrokerProcess.start('--memory-limit', String(LIMIT_MB * MEBIBYTE), '--shutdown-grace', '300')
  clients = []
  bystander = undefined
})

afterEach(async () => {
  bystander?.destroy()
  for (const client of clients) client.destroy()
  await broker.stop()
  expect(broker.errors).toEqual([])
  expect(broker.output).toBe('')
})

async function channel(capabilities: WireTable = ALL_CAPABILITIES): Promise<RawChannel> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return (await client.handshake({ capabilities })).channel(1)
}

/** Publishes for as long as the broker reads, at most so many MiB; how many it took or the system took for it. */
async function publishUntilStuck(
  publisher: RawChannel,
  queue: string,
  bodyBytes: number,
  mbMax = 500,
): Promise<number> {
  const one = publisher.publishBytes({ routingKey: queue, body: Buffer.alloc(bodyBytes, 'x') })
  const many = Buffer.concat(Array.from({ length: Math.ceil(100_000 / one.length) }, () => one))
  return await writeUntilStuck(publisher.client, many, mbMax)
}

async function writeUntilStuck(client: RawClient, bytes: Buffer, mbMax: number): Promise<number> {
  const { socket } = client
  let written = 0
  for (let before = -1; written < mbMax * MEBIBYTE && !socket.destroyed; ) {
    const isTaken = socket.write(bytes)
    written += bytes.length
    if (isTaken || socket.writableLength < MEBIBYTE) continue
    await Promise.race([
      new Promise((resolve) => socket.once('drain', resolve)),
      new Promise((resolve) => setTimeout(resolve, STUCK_MS)),
    ])
    const now = written - socket.writableLength
    if (now === before) break
    before = now
  }
  return (written - socket.writableLength) / MEBIBYTE
}

function expectBoundedMemory(): void {
  expect(broker.residentMb() ?? 0).toBeLessThan(broker.idleMb + LIMIT_MB + REST_MB)
}

/** A queue that is not exclusive, and the channel that declared it. */
async function sharedQueue(): Promise<{ owner: RawChannel; queue: string }> {
  const owner = await channel()
  return { owner, queue: await owner.queue({ exclusive: false }) }
}

describe('a publisher that outruns everything', () => {
  test.each([
    ['small', 500],
    ['large', 300_000],
  ])('waits with its %s messages while consumers go on, and goes on after them', async (_, bodyBytes) => {
    const { owner, queue } = await sharedQueue()
    const publisher = await channel()
    expect(await publishUntilStuck(publisher, queue, bodyBytes)).toBeLessThan(LIMIT_MB + KERNEL_MB)
    await publisher.client.expect(0, 'connection.blocked', { reason: 'low on memory' })
    expectBoundedMemory()

    const consumer = await channel()
    await consumer.call('basic.qos', { prefetchCount: 200 })
    await consumer.consume(queue)
    let taken = 0
    const consuming = (async () => {
      for (;;) {
        const { args } = await consumer.delivery()
        taken++
        if (taken % 100 === 0) consumer.ack(Number(args.deliveryTag), true)
      }
    })().catch((error: Error) => error)
    expect(await publisher.client.next(0, 8000)).toMatchObject({ name: 'connection.unblocked' })
    await until(() => publisher.client.socket.writableLength === 0, 'the publisher was not read from again', 8000)
    await publisher.expectQuiet()
    const { args } = await owner.call('queue.declare', { queue, passive: true })
    expect(args).toMatchObject({ consumerCount: 1 })
    expect(taken).toBeGreaterThan(0)
    expectBoundedMemory()
    consumer.client.destroy()
    await consuming
  })

  test('goes on for good when the messages are gone', async () => {
    const { owner, queue } = await sharedQueue()
    const publisher = await channel()
    await publishUntilStuck(publisher, queue, 200_000)
    await publisher.client.expect(0, 'connection.blocked')
    await owner.call('queue.purge', { queue })
    await publisher.client.expect(0, 'connection.unblocked')
    await until(() => publisher.client.socket.writableLength === 0, 'the publisher was not read from again')
    await owner.call('queue.purge', { queue })
    await new Promise((resolve) => setTimeout(resolve, 1200)) // memory is looked at once a second
    bystander = await Bystander.start(broker)
    await bystander.lives(50)
    expect(bystander.longestMs).toBeLessThan(1000)
    await bystander.stop()
  })

  test('is told of it only when it asked to be', async () => {
    const { owner, queue } = await sharedQueue()
    const publisher = await channel({ ...ALL_CAPABILITIES, 'connection.blocked': false })
    await publishUntilStuck(publisher, queue, 100_000)
    await owner.call('queue.delete', { queue })
    await until(() => publisher.client.socket.writableLength === 0, 'the publisher was not read from again')
    await publisher.expectQuiet()
    await expect(publisher.client.next(0, 1)).rejects.toThrow('nothing arrived')
  })

  test('with messages for a thousand queues at a time waits as soon as the others do', async () => {
    const owner = await channel()
    const exchange = await owner.exchange('fanout')
    const queues = Array.from({ length: 1000 }, (_, i) => `copies-${i}`)
    for (const queue of queues) {
      owner.send('queue.declare', { queue, nowait: true, autoDelete: true })
      owner.send('queue.bind', { queue, exchange, nowait: true })
    }
    await owner.expectQuiet()
    const publisher = await channel()
    const one = publisher.publishBytes({ exchange, body: Buffer.alloc(20_000, 'x') }) // 20 MB in the queues
    publisher.client.write(Buffer.concat(Array.from({ length: 40 }, () => one)))
    await publisher.client.expect(0, 'connection.blocked')
    expectBoundedMemory()
  })

  test('and disconnects while it waits is noticed', async () => {
    const { owner, queue } = await sharedQueue()
    const client = await RawClient.connect(broker)
    clients.push(client)
    const publisher = await (await client.handshake({ tune: { heartbeat: 1 } })).channel(1)
    await publishUntilStuck(publisher, queue, 100_000)
    await client.expect(0, 'connection.blocked')
    client.socket.resetAndDestroy()
    await until(() => broker.closed === 1, 'the connection is still there', 8000)
    await owner.expectQuiet()
  })
})

describe('while memory is short', () => {
  test('bodies that were announced before are not read either', async () => {
    const { queue } = await sharedQueue()
    const announced: RawClient[] = []
    for (let i = 0; i < 6; i++) {
      const { client } = await channel()
      client.write(
        Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: queue }), headerFrame(1, 16 * MEBIBYTE)]),
      )
      announced.push(client)
    }
    await publishUntilStuck(await channel(), queue, 100_000)
    const before = broker.residentMb() ?? 0
    const piece = frame(3, 1, Buffer.alloc(100_000, 'x'))
    await Promise.all(announced.map((client) => writeUntilStuck(client, piece, 15)))
    expect((broker.residentMb() ?? 0) - before).toBeLessThan(40)
  })

  test('clients that only consume notice nothing', async () => {
    const { queue } = await sharedQueue()
    await publishUntilStuck(await channel(), queue, 50_000)
    const other = await channel()
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

  test('a transaction that is never committed cannot hold up all publishers for ever', async () => {
    const publisher = await channel()
    const queue = await publisher.queue({ exclusive: false })
    await publisher.call('tx.select')
    await publishUntilStuck(publisher, queue, 100_000)
    expect(await endOf(publisher.client)).toBe(506)
    bystander = await Bystander.start(broker)
    await bystander.lives()
    expectBoundedMemory()
  })

  test('a client that leaves large answers unread does not hold up everybody for ever', async () => {
    const { owner, queue } = await sharedQueue()
    owner.publish({ routingKey: queue, body: Buffer.alloc(10 * MEBIBYTE) })
    await owner.expectCounts(queue, 1, 0)
    const readers = await Promise.all(Array.from({ length: 20 }, () => channel()))
    for (const reader of readers) {
      reader.client.socket.pause()
      for (let tag = 1; tag <= 3; tag++) {
        reader.send('basic.get', { queue })
        reader.nack(tag)
      }
    }
    bystander = await Bystander.start(broker)
    await bystander.lives(200)
    await bystander.stop()
    expectBoundedMemory()
  })
})
