// What a client makes the broker hold without finishing it: all of it counts, and a client that holds too much of it is
// closed when it is the one who keeps the others waiting.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { contentHeader, frame, methodFrame } from '../support/wire-frames.ts'
import { BrokerProcess } from './broker-process.ts'
import { Bystander } from './bystander.ts'
import { endOf, until } from './under-attack.ts'

const MEBIBYTE = 1024 * 1024
const LIMIT_MB = 100
/** What the process needs besides what it has when it starts and what clients make it hold: its heap, what is not collected yet. */
const REST_MB = 110
/** A frame that comes piece by piece is copied to a larger place now and then: the smaller ones are there until they are collected. */
const OUTGROWN_MB = 60
const LARGE_HEADER = { headers: { padding: 'x'.repeat(100_000) } }

let broker: BrokerProcess
let clients: RawClient[]

beforeEach(async () => {
  const options = [
    '--storage',
    'memory',
    '--memory-limit',
    `${LIMIT_MB}MiB`,
    '--frame-max',
    '1MiB',
    '--shutdown-grace',
    '1',
  ]
  broker = await BrokerProcess.start(...options)
  clients = []
  broker.watchMemory()
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  await broker.stop()
  expect(broker.errors).toEqual([])
  expect(broker.output).toBe('')
})

async function open(): Promise<RawClient> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return await client.handshake()
}

async function channel(): Promise<RawChannel> {
  return (await open()).channel(1)
}

/** Writes the same bytes again and again until the broker ends the connection; with what. */
async function writeUntilEnd(client: RawClient, bytes: Buffer): Promise<number> {
  let end: number | undefined
  const ended = endOf(client).then((code) => {
    end = code
  })
  while (end === undefined && !client.socket.destroyed) {
    if (client.socket.write(bytes)) await new Promise((resolve) => setImmediate(resolve))
    else await Promise.race([new Promise((resolve) => client.socket.once('drain', resolve)), ended])
  }
  await ended
  return end as unknown as number
}

async function expectOthersWork(restMb = REST_MB): Promise<void> {
  const bystander = await Bystander.start(broker)
  await bystander.lives()
  bystander.destroy()
  expect(broker.peakMb).toBeLessThan(broker.idleMb + LIMIT_MB + restMb)
}

describe('a client is closed that fills the memory with', () => {
  test('the headers of publishes in a transaction', async () => {
    const publisher = await channel()
    const queue = await publisher.queue()
    await publisher.call('tx.select')
    const one = publisher.publishBytes({ routingKey: queue, properties: LARGE_HEADER })
    expect(await writeUntilEnd(publisher.client, Buffer.concat(Array.from({ length: 10 }, () => one)))).toBe(506)
    await expectOthersWork()
  })

  test('many small publishes in a transaction', async () => {
    const publisher = await channel()
    const queue = await publisher.queue()
    await publisher.call('tx.select')
    const one = publisher.publishBytes({ routingKey: queue })
    expect(await writeUntilEnd(publisher.client, Buffer.concat(Array.from({ length: 1000 }, () => one)))).toBe(506)
    await expectOthersWork()
  })

  test('content headers whose bodies do not come', async () => {
    const client = await open()
    const header = frame(2, 1, contentHeader(10, LARGE_HEADER))
    for (let id = 1; id <= 2000; id++) {
      header.writeUInt16BE(id, 1)
      client.send(id, 'channel.open')
      client.write(Buffer.concat([methodFrame(id, 'basic.publish', { routingKey: 'x' }), header]))
    }
    expect(await endOf(client)).toBe(506)
    await expectOthersWork()
  })

  test('the beginnings of frames', async () => {
    const openMany = Array.from({ length: 110 }, () => open())
    for (const client of await Promise.all(openMany)) {
      // A method of a mebibyte, but for its last bytes.
      client.write(frame(1, 0, Buffer.alloc(MEBIBYTE - 1000)).subarray(0, MEBIBYTE - 2000))
    }
    await until(() => clients.some(({ isClosed }) => isClosed), 'none of them was closed', 15_000)
    await expectOthersWork(REST_MB + OUTGROWN_MB)
  })
})

describe('under the memory alarm', () => {
  test('no publish is carried out, and all that were sent are once it is over', async () => {
    const owner = await channel()
    const full = await owner.queue({ exclusive: false })
    const queue = await owner.queue({ exclusive: false })
    const publishers = await Promise.all([channel(), channel(), channel()])
    const filler = await channel()
    const one = filler.publishBytes({ routingKey: full, body: Buffer.alloc(MEBIBYTE, 'x') })
    for (let i = 0; i < LIMIT_MB + 20; i++) filler.client.write(one)
    await filler.client.expect(0, 'connection.blocked')
    const small = owner.publishBytes({ routingKey: queue, body: 'x' })
    for (const { client } of publishers) client.write(Buffer.concat(Array.from({ length: 500 }, () => small)))
    for (const { client } of publishers) await client.expect(0, 'connection.blocked')
    await owner.expectCounts(queue, 0, 0)
    await owner.call('queue.delete', { queue: full })
    for (const publisher of publishers) {
      await publisher.client.expect(0, 'connection.unblocked')
      await publisher.expectQuiet()
    }
    await owner.expectCounts(queue, 1500, 0)
  })

  test('methods in front of a publish are answered', async () => {
    const owner = await channel()
    const full = await owner.queue({ exclusive: false })
    const filler = await channel()
    const one = filler.publishBytes({ routingKey: full, body: Buffer.alloc(MEBIBYTE, 'x') })
    for (let i = 0; i < LIMIT_MB + 20; i++) filler.client.write(one)
    await filler.client.expect(0, 'connection.blocked')
    const { client } = owner
    client.write(
      Buffer.concat([
        methodFrame(1, 'queue.declare', { queue: full, passive: true }),
        owner.publishBytes({ routingKey: full, body: 'x' }),
        methodFrame(1, 'queue.delete', { queue: full }),
      ]),
    )
    await owner.expect('queue.declare-ok', { queue: full })
    await client.expect(0, 'connection.blocked')
    client.destroy()
    await (await channel()).call('queue.delete', { queue: full })
    await filler.client.expect(0, 'connection.unblocked')
  })
})
