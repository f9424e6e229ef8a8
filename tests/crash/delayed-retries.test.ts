// The broker is killed while messages wait to be delivered again: each is there afterwards, once, and not before its time; and none is
// that was purged, however many have left the queue by then. LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_KILLS
// sets how often it is killed.
import { beforeAll, expect, test } from 'vitest'
import { Random } from '../malice/random.ts'
import { headersOf } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { BARRIER, commitBarrier } from './actors.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'

const KILLS = countOf('LEVERET_CRASH_KILLS', 8)
const DELAY_MS = 600
const COUNT = 300
const MANY = 20_000

const store = new CrashStore()
const random = new Random(SEED)
let channel: RawChannel

async function start(): Promise<void> {
  const memoryBytes = random.pick([256 * 1024, 64 * 1024 * 1024])
  await store.start({ logFileBytes: 1024 * 1024, memoryBytes, durability: 'os' })
  channel = await store.channel()
}

async function killAndStart(): Promise<void> {
  await store.broker.kill()
  await start()
  expect(store.broker.complaints).toEqual([])
}

beforeAll(async () => {
  await start()
  const retries = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': DELAY_MS }
  await channel.call('queue.declare', {
    queue: 'short',
    durable: true,
    arguments: { ...retries, 'x-delivery-limit': 50 },
  })
  const long = { ...retries, 'x-delayed-retry-min': 3_600_000 }
  await channel.call('queue.declare', { queue: 'long', durable: true, arguments: long })
  await channel.call('exchange.declare', { exchange: BARRIER, type: 'direct', durable: true })
})

async function fill(queue: string, count: number): Promise<void> {
  await channel.call('confirm.select')
  for (let number = 0; number < count; number++) {
    channel.publish({ routingKey: queue, body: String(number), properties: { deliveryMode: 2 } })
  }
  for (let confirmed = 0; confirmed < count; ) confirmed = Number((await channel.expect('basic.ack')).args.deliveryTag)
}

/** Consumes so many, which all wait when this returns. */
async function giveBack(queue: string, count: number): Promise<void> {
  const consumerTag = await channel.consume(queue)
  let deliveryTag: unknown
  for (let got = 0; got < count; got++) deliveryTag = (await channel.delivery()).args.deliveryTag
  await channel.call('basic.cancel', { consumerTag })
  channel.nack(Number(deliveryTag), { multiple: true })
}

test(`what waits comes back once, at its time, whatever kills the broker (${SEED_TITLE})`, {
  timeout: 60_000 + KILLS * 20_000,
}, async () => {
  await fill('short', COUNT)
  for (let kill = 1; kill <= KILLS; kill++) {
    const givenBackMs = Date.now()
    await giveBack('short', COUNT)
    const isSafe = random.onceIn(2)
    if (isSafe) await commitBarrier(channel, 'short')
    await new Promise((resolve) => setTimeout(resolve, random.below(DELAY_MS / 2)))
    await killAndStart()
    const consumerTag = await channel.consume('short')
    const numbers: number[] = []
    while (numbers.length < COUNT) {
      const delivery = await channel.delivery({ redelivered: true })
      // The disk may not have heard that it waits: then the kill gave it back.
      if (isSafe) {
        expect(Date.now() - givenBackMs, `after kill ${kill}`).toBeGreaterThanOrEqual(DELAY_MS)
        expect(Number(headersOf(delivery)['x-delivery-count']), `after kill ${kill}`).toBeGreaterThanOrEqual(kill / 2)
      }
      numbers.push(Number(delivery.content.body.toString()))
    }
    await channel.call('basic.cancel', { consumerTag })
    expect(new Set(numbers).size, `after kill ${kill}`).toBe(COUNT)
    await channel.expectCounts('short', 0, 0)
    // They come back at once with the end of the channel, or wait: the next round begins when all are there.
    await channel.call('basic.recover', { requeue: true })
    await new Promise((resolve) => setTimeout(resolve, DELAY_MS))
  }
})

test(`what was purged while it waits stays away, whatever kills the broker (${SEED_TITLE})`, {
  timeout: 60_000 + KILLS * 20_000,
}, async () => {
  for (let kill = 1; kill <= KILLS; kill++) {
    await fill('long', MANY)
    await giveBack('long', MANY)
    if (random.onceIn(2)) await commitBarrier(channel, 'long')
    const { args } = await channel.call('queue.purge', { queue: 'long' })
    expect(args.messageCount, `before kill ${kill}`).toBe(MANY)
    await new Promise((resolve) => setTimeout(resolve, random.below(30)))
    await killAndStart()
    await channel.expectCounts('long', 0, 0)
    expect(await channel.get('long'), `after kill ${kill}`).toBeUndefined()
    expect((await channel.call('queue.delete', { queue: 'long', ifEmpty: true })).args.messageCount).toBe(0)
    const settings = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 3_600_000 }
    await channel.call('queue.declare', { queue: 'long', durable: true, arguments: settings })
  }
})
