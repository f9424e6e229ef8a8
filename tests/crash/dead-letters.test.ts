// The broker is killed while messages die, again and again: each of them is in its queue or in that of the dead letters, never in
// both and never in none. LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_KILLS sets how often it is killed.
import { beforeAll, expect, test } from 'vitest'
import { Random } from '../malice/random.ts'
import { deathsOf, headersOf } from '../support/dead-letters.ts'
import { BARRIER, commitBarrier, untilKilled } from './actors.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { CrashModel } from './model.ts'

const KILLS = countOf('LEVERET_CRASH_KILLS', 12)
const LIFE_MS_MAX = 700
const TTL_MS = 150
const DELIVERY_LIMIT = 1
const QUEUES = {
  source: {
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'dead',
    'x-message-ttl': TTL_MS,
    'x-max-length': 60,
    'x-delivery-limit': DELIVERY_LIMIT,
  },
  counted: { 'x-delivery-limit': 100 },
  dead: {},
} as const

const store = new CrashStore()
const random = new Random(SEED)

async function start(): Promise<void> {
  await store.start({ logFileBytes: 1024 * 1024, memoryBytes: 256 * 1024, durability: 'os' })
}

beforeAll(async () => {
  await start()
  const channel = await store.channel()
  for (const [queue, settings] of Object.entries(QUEUES)) {
    await channel.call('queue.declare', { queue, durable: true, arguments: settings })
  }
  await channel.call('exchange.declare', { exchange: BARRIER, type: 'direct', durable: true })
  channel.client.destroy()
})

/** Those that were confirmed, and those that may be there. */
const confirmed = new Set<string>()
const published = new Set<string>()

async function publishing(): Promise<void> {
  const channel = await store.channel()
  await channel.call('confirm.select')
  for (let sequence = 0; ; ) {
    const ids = Array.from({ length: 1 + random.below(40) }, (_, at) => `m${published.size + at}`)
    for (const body of ids) {
      published.add(body)
      channel.publish({ routingKey: 'source', body, properties: { deliveryMode: 2 } })
    }
    for (const end = sequence + ids.length; sequence < end; ) {
      sequence = Number((await channel.expect('basic.ack')).args.deliveryTag)
    }
    for (const id of ids) confirmed.add(id)
  }
}

/** Never accepts a message. */
async function refusing(): Promise<void> {
  const channel = await store.channel()
  await channel.call('basic.qos', { prefetchCount: 20 })
  await channel.consume('source')
  for (let held: number[] = []; ; ) {
    const delivery = await channel.delivery()
    const returns = Number(headersOf(delivery)['x-delivery-count'] ?? 0)
    expect(returns).toBeLessThanOrEqual(DELIVERY_LIMIT)
    held.push(Number(delivery.args.deliveryTag))
    if (held.length < random.below(20)) continue
    for (const tag of held) if (!random.onceIn(3)) channel.nack(tag, { requeue: random.onceIn(2) })
    held = []
    // What is held for long comes back with the end of the channel.
    if (random.onceIn(30)) return await refusing()
  }
}

/** All dead letters, once nothing is left to die. */
async function lettersByBody(): Promise<Map<string, string[]>> {
  const channel = await store.channel()
  while ((await channel.call('queue.declare', { queue: 'source', passive: true })).args.messageCount !== 0) {
    await new Promise((resolve) => setTimeout(resolve, TTL_MS / 10))
  }
  const { args } = await channel.call('queue.declare', { queue: 'dead', passive: true })
  const letters = new Map<string, string[]>()
  if (Number(args.messageCount) > 0) await channel.consume('dead')
  for (let left = Number(args.messageCount); left > 0; left--) {
    const letter = await channel.delivery()
    const body = letter.content.body.toString()
    const reasons = [...(letters.get(body) ?? []), ...deathsOf(letter).map(({ reason }) => String(reason))]
    letters.set(body, reasons)
  }
  await channel.close()
  channel.client.destroy()
  return letters
}

test(`each message dies once, whatever kills the broker (${SEED_TITLE})`, {
  timeout: KILLS * 20_000,
}, async () => {
  const reasons = new Set<string>()
  for (let kill = 1; kill <= KILLS; kill++) {
    const stage = { broker: store.broker, model: new CrashModel(), random }
    const acting = [publishing, refusing].map((act) => untilKilled(stage, act))
    await Promise.race([...acting, new Promise((resolve) => setTimeout(resolve, 20 + random.below(LIFE_MS_MAX)))])
    await store.broker.kill()
    await Promise.all(acting)
    if (random.onceIn(3)) await new Promise((resolve) => setTimeout(resolve, TTL_MS))
    await start()
    const letters = await lettersByBody()
    const lost = [...confirmed].filter((id) => !letters.has(id))
    const twice = [...letters].filter(([, deaths]) => deaths.length !== 1)
    expect({ lost, twice, complaints: store.broker.complaints }, `after kill ${kill}`).toEqual({
      lost: [],
      twice: [],
      complaints: [],
    })
    for (const [id, [reason = '']] of letters) {
      confirmed.add(id)
      reasons.add(reason)
    }
  }
  expect([...reasons].sort()).toEqual(['delivery_limit', 'expired', 'maxlen', 'rejected'])
})

test('how often a message came back is known when the broker was killed', async () => {
  let channel = await store.channel()
  await channel.call('confirm.select')
  channel.publish({ routingKey: 'counted', body: 'c', properties: { deliveryMode: 2 } })
  await channel.expect('basic.ack')
  for (let kill = 0, returnsMin = 0; kill < 4; kill++) {
    for (let count = random.below(4); count >= 0; count--) {
      const taken = await channel.get('counted')
      if (taken === undefined) throw new Error('the message is gone')
      const returns = Number(headersOf(taken)['x-delivery-count'] ?? 0)
      expect(returns).toBeGreaterThanOrEqual(returnsMin)
      channel.nack(Number(taken.args.deliveryTag))
      returnsMin = returns + 1
    }
    await commitBarrier(channel, 'counted')
    await store.broker.kill()
    await start()
    channel = await store.channel()
  }
})
