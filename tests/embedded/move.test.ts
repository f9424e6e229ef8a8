// Moving messages from queue to queue.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'
import { lookThrough } from '../../storage/look-ahead.ts'
import { type RecordExtension, readExtension } from '../../storage/record-extension.ts'
import type { Segment } from '../../storage/segment.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

let folder: string
let started: TestBroker
let broker: EmbeddedBroker
const clients: RawClient[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-move-'))
  await start()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await started.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function start(memoryBytes?: number): Promise<void> {
  const options = memoryBytes === undefined ? {} : { memoryBytes }
  started = await startTestBroker({ storage: new LevelStorage({ folder: join(folder, 'store'), ...options }) })
  broker = started.broker
}

async function channel(): Promise<RawChannel> {
  const client = await (await RawClient.connect(started)).handshake()
  clients.push(client)
  return await client.channel(1)
}

async function bodies(queue: string): Promise<string[]> {
  return (await broker.peek(queue, { count: 10_000 })).map(({ body }) => body.toString())
}

function fill(queue: string, count: number, size = 0): void {
  for (let number = 1; number <= count; number++) {
    broker.publish('', queue, `${number}`.padEnd(size), { persistent: true })
  }
}

/** What the broker keeps beside the messages of a queue. */
function extensions(queue: string): (RecordExtension | undefined)[] {
  const found: (RecordExtension | undefined)[] = []
  const show = (segment: Segment, index: number): boolean => found.push(readExtension(segment, index)) > 0
  lookThrough(started.server.core.requireVhost('/').requireQueue(queue).lookAhead(), show, () => {})
  return found
}

describe('moving messages', () => {
  beforeEach(() => {
    broker.declareQueue('from')
    broker.declareQueue('to')
  })

  test('takes so many, the next ones first, to the end of the other queue', async () => {
    fill('from', 5)
    broker.publish('', 'to', 'first')
    expect(await broker.moveMessages('from', 'to', { count: 2 })).toBe(2)
    expect([await bodies('from'), await bodies('to')]).toEqual([
      ['3', '4', '5'],
      ['first', '1', '2'],
    ])
    expect(await broker.moveMessages('from', 'to')).toBe(3)
    expect(await broker.moveMessages('from', 'to')).toBe(0)
    expect(await bodies('to')).toEqual(['first', '1', '2', '3', '4', '5'])
    expect(broker.queueInfo('from')).toMatchObject({ messagesReady: 0, bytesReady: 0, messagesDelivered: 0 })
  })

  test('leaves what was delivered, and moves what came back, as if it were new', async () => {
    fill('from', 3)
    const first = await broker.get('from')
    const second = await broker.get('from')
    broker.nack(second as NonNullable<typeof second>)
    expect(await broker.moveMessages('from', 'to')).toBe(2)
    expect(await broker.peek('to', { count: 2 })).toMatchObject([
      { body: Buffer.from('2'), redelivered: false, deliveryCount: 0 },
      { body: Buffer.from('3'), redelivered: false },
    ])
    broker.nack(first as NonNullable<typeof first>)
    expect(await bodies('from')).toEqual(['1'])
  })

  test('keeps what the publisher has sent, large bodies included', async () => {
    const client = await channel()
    await client.call('exchange.declare', { exchange: 'shop', type: 'topic' })
    await client.bind('from', 'shop', '#')
    const body = 'x'.repeat(100_000)
    const properties = {
      headers: { a: 'b' },
      contentType: 'text/plain',
      deliveryMode: 2,
      priority: 3,
      expiration: '60000',
    }
    client.publish({ exchange: 'shop', routingKey: 'order.new', body, properties })
    client.publish({ exchange: 'shop', routingKey: 'small', body: 'y' })
    await client.expectQuiet('from')
    expect(await broker.moveMessages('from', 'to')).toBe(2)
    const moved = await client.get('to', true)
    expect(moved?.args).toMatchObject({ exchange: 'shop', routingKey: 'order.new', redelivered: false })
    expect(moved?.content.properties).toMatchObject({ ...properties, headers: { a: { tag: 'S', value: 'b' } } })
    expect(moved?.content.body.toString()).toBe(body)
    expect((await client.get('to', true))?.content.body.toString()).toBe('y')
  })

  test('moves out of a paused queue, and consumers of the target get what arrives', async () => {
    fill('from', 3)
    broker.pauseQueue('from')
    const client = await channel()
    await client.consume('to', { noAck: true })
    expect(await broker.moveMessages('from', 'to')).toBe(3)
    await client.expectBodies('1', '2', '3')
  })

  test('ends where the target refuses one by its limits, and loses none', async () => {
    broker.declareQueue('small', {
      arguments: { 'x-max-length': 2, 'x-overflow': 'reject-publish-dlx', 'x-dead-letter-exchange': 'amq.fanout' },
    })
    broker.declareQueue('dead')
    broker.bindQueue('dead', 'amq.fanout')
    fill('from', 5)
    expect(await broker.moveMessages('from', 'small')).toBe(2)
    expect([await bodies('from'), await bodies('small'), await bodies('dead')]).toEqual([
      ['3', '4', '5'],
      ['1', '2'],
      [],
    ])
  })

  test('drops the oldest of a target that does so', async () => {
    broker.declareQueue('short', { arguments: { 'x-max-length': 2 } })
    fill('from', 5)
    expect(await broker.moveMessages('from', 'short')).toBe(5)
    expect(await bodies('short')).toEqual(['4', '5'])
  })

  test('begins the time of a message anew', async () => {
    broker.declareQueue('timed', { arguments: { 'x-message-ttl': 1 } })
    broker.declareQueue('slow', { arguments: { 'x-message-ttl': 600_000 } })
    broker.publish('', 'slow', 'x', { expiration: '500000' })
    broker.publish('', 'slow', 'y')
    expect(await broker.moveMessages('slow', 'to')).toBe(2)
    expect(await bodies('to')).toEqual(['x', 'y'])
    const [first] = extensions('to')
    expect(first?.expiresAtMs).toBeLessThan(Date.now() + 500_001)
    expect(extensions('to')[1]).toBeUndefined()
    expect(await broker.moveMessages('to', 'timed')).toBe(2)
    await started.waitForQueue('timed', { messagesReady: 0 })
  })

  test('keeps what the broker knows of the deaths of a message', async () => {
    broker.declareQueue('dead')
    broker.bindQueue('dead', 'amq.fanout')
    broker.declareQueue('dying', { arguments: { 'x-message-ttl': 60_000, 'x-dead-letter-exchange': 'amq.fanout' } })
    const die = async (): Promise<void> => {
      const message = await broker.get('dying')
      broker.reject(message as NonNullable<typeof message>, { requeue: false })
    }
    broker.publish('', 'dying', 'x')
    await die()
    const [known] = extensions('dead')
    expect(known?.deathMarks).toBeDefined()
    expect(await broker.moveMessages('dead', 'dying')).toBe(1)
    expect(extensions('dying')).toMatchObject([{ ...known, expiresAtMs: expect.any(Number) }])
    await die()
    const [again] = await broker.peek('dead')
    expect(again?.properties.headers).toMatchObject({ 'x-death': [{ count: 2, queue: 'dying', reason: 'rejected' }] })
  })

  test('to itself, from nowhere and with a wrong count is refused', async () => {
    await expect(broker.moveMessages('from', 'from')).rejects.toThrow(RangeError)
    await expect(broker.moveMessages('nothing', 'to')).rejects.toMatchObject({ kind: 'not-found' })
    await expect(broker.moveMessages('from', 'nothing')).rejects.toMatchObject({ kind: 'not-found' })
    await expect(broker.moveMessages('from', 'to', { count: 0 })).rejects.toThrow(RangeError)
  })

  test('ends when a queue is deleted meanwhile, or the server stops', async () => {
    fill('from', 2000)
    const moved = broker.moveMessages('from', 'to')
    broker.deleteQueue('to')
    expect(await moved).toBeLessThan(2000)
    broker.declareQueue('to')
    const left = broker.queueInfo('from')?.messagesReady
    const cut = broker.moveMessages('from', 'to')
    const ended = expect(cut).rejects.toThrow()
    await started.stop()
    await ended
    await start()
    const [from, to] = [await bodies('from'), await bodies('to')]
    expect(from.length + to.length).toBe(left)
  })

  test('others have their turn meanwhile', async () => {
    fill('from', 20_000)
    const moved = broker.moveMessages('from', 'to')
    let turns = 0
    const count = (): void => {
      turns++
      if (broker.queueInfo('from')?.messagesReady !== 0) setImmediate(count)
    }
    setImmediate(count)
    expect(await moved).toBe(20_000)
    expect(turns).toBeGreaterThan(3)
  })
})

test('a queue longer than memory is moved, in order, and all of it is there after a restart', async () => {
  await started.stop()
  await start(1024 * 1024)
  broker.declareQueue('from')
  broker.declareQueue('to')
  fill('from', 4000, 1000)
  await broker.whenDurable()
  expect(await broker.moveMessages('from', 'to', { count: 3990 })).toBe(3990)
  await started.stop()
  await start(1024 * 1024)
  expect(started.server.recovery?.problems).toEqual([])
  const numbers = async (queue: string) => (await bodies(queue)).map(Number)
  expect(await numbers('to')).toEqual(Array.from({ length: 3990 }, (_, at) => at + 1))
  expect(await numbers('from')).toEqual(Array.from({ length: 10 }, (_, at) => at + 3991))
})
