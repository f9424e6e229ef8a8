// The broker is killed while messages of a quorum queue die whose dead letters have to arrive, and have a way at times only: each of
// them arrives once, what was rejected never comes back, and how often messages came back is never forgotten.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_KILLS sets how often it is killed.
import { beforeAll, expect, test } from 'vitest'
import { Random } from '../malice/random.ts'
import { deathsOf, headersOf } from '../support/dead-letters.ts'
import { BARRIER, commitBarrier, untilKilled } from './actors.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { CrashModel } from './model.ts'
import { processProblems } from './verify.ts'

const KILLS = countOf('LEVERET_CRASH_KILLS', 12)
const LIFE_MS_MAX = 700
const ARRIVE_MS_MAX = 15_000
const DELIVERY_LIMIT = 3
const LETTERS = 'letters'
const DURABILITIES = ['sync', 'interval', 'os'] as const

const store = new CrashStore()
const random = new Random(SEED)

/** What became of a message, as far as the clients know. */
interface Fate {
  isConfirmed: boolean
  /** The source must not have it any more. */
  isDead: boolean
  /** It came back at least so often. */
  returnsMin: number
  /** Its dead letter was read. */
  hasArrived: boolean
}

const fates = new Map<string, Fate>()

async function start(): Promise<void> {
  const durability = random.pick(DURABILITIES)
  await store.start({ logFileBytes: 512 * 1024, memoryBytes: 128 * 1024, durability })
}

beforeAll(async () => {
  await start()
  const channel = await store.channel()
  await channel.call('exchange.declare', { exchange: LETTERS, type: 'fanout', durable: true })
  await channel.call('exchange.declare', { exchange: BARRIER, type: 'direct', durable: true })
  const source = {
    'x-queue-type': 'quorum',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
    'x-dead-letter-exchange': LETTERS,
    'x-delivery-limit': DELIVERY_LIMIT,
  }
  await channel.call('queue.declare', { queue: 'source', durable: true, arguments: source })
  await channel.call('queue.declare', { queue: 'dead', durable: true, arguments: { 'x-queue-type': 'quorum' } })
  channel.client.destroy()
})

function fateOf(id: string): Fate {
  const fate = fates.get(id)
  if (fate === undefined) throw new Error(`${id} was never published`)
  return fate
}

/** With all priorities and both delivery modes: all of them are kept. */
async function publishing(): Promise<void> {
  const channel = await store.channel()
  await channel.call('confirm.select')
  for (let sequence = 0; ; ) {
    const ids = Array.from({ length: 1 + random.below(40) }, (_, at) => `m${fates.size + at}`)
    for (const id of ids) {
      fates.set(id, { isConfirmed: false, isDead: false, returnsMin: 0, hasArrived: false })
      const bytes = random.onceIn(40) ? 40_000 : 20 + random.below(300)
      const properties = { deliveryMode: 1 + random.below(2), priority: random.below(10) }
      channel.publish({ routingKey: 'source', body: `${id};`.padEnd(bytes, '.'), properties })
    }
    for (const end = sequence + ids.length; sequence < end; ) {
      sequence = Number((await channel.expect('basic.ack')).args.deliveryTag)
    }
    for (const id of ids) fateOf(id).isConfirmed = true
  }
}

/** Rejects messages, or has them come back; waits for the disk at times, and knows then that this is for good. */
async function refusing(): Promise<void> {
  const channel = await store.channel()
  const barrier = await channel.client.channel(2)
  await channel.call('basic.qos', { prefetchCount: 20 })
  await channel.consume('source')
  let [rejected, returned]: [Fate[], [Fate, number][]] = [[], []]
  for (;;) {
    const delivery = await channel.delivery()
    const fate = fateOf(idIn(delivery.content.body))
    const returns = Number(headersOf(delivery)['x-delivery-count'] ?? 0)
    expect(fate.isDead, 'a message that was rejected for good is delivered').toBe(false)
    expect(returns).toBeGreaterThanOrEqual(fate.returnsMin)
    expect(returns).toBeLessThanOrEqual(DELIVERY_LIMIT)
    const isReturned = random.onceIn(2)
    channel.nack(Number(delivery.args.deliveryTag), { requeue: isReturned })
    if (isReturned) returned.push([fate, returns + 1])
    else rejected.push(fate)
    if (!random.onceIn(40)) continue
    const [forGood, counted] = [rejected, returned]
    rejected = []
    returned = []
    await commitBarrier(barrier, 'source')
    for (const fate of forGood) fate.isDead = true
    for (const [fate, times] of counted) fate.returnsMin = Math.max(fate.returnsMin, times)
  }
}

/** Dead letters have a way, and have none. */
async function switching(): Promise<void> {
  const channel = await store.channel()
  for (;;) {
    await channel.bind('dead', LETTERS)
    await new Promise((resolve) => setTimeout(resolve, random.below(200)))
    await channel.call('queue.unbind', { queue: 'dead', exchange: LETTERS })
    await new Promise((resolve) => setTimeout(resolve, random.below(400)))
  }
}

function idIn(body: Buffer): string {
  return body.subarray(0, body.indexOf(';')).toString()
}

/** Has all that is left in the source die, and reads all dead letters, until those that have to arrive have done so. */
async function problemsAfterKill(): Promise<string[]> {
  const problems = processProblems(store.broker)
  const channel = await store.channel()
  for (let left = await channel.get('source'); left !== undefined; left = await channel.get('source')) {
    if (fateOf(idIn(left.content.body)).isDead)
      problems.push(`${idIn(left.content.body)} was rejected for good, and is back`)
    channel.nack(Number(left.args.deliveryTag), { requeue: false })
  }
  await channel.bind('dead', LETTERS)
  const seen = new Set<string>()
  const isMissing = (): boolean =>
    [...fates].some(([id, { isConfirmed, hasArrived }]) => isConfirmed && !hasArrived && !seen.has(id))
  for (const endMs = performance.now() + ARRIVE_MS_MAX; isMissing() && performance.now() < endMs; ) {
    const letter = await channel.get('dead')
    if (letter === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      continue
    }
    channel.ack(Number(letter.args.deliveryTag))
    const id = idIn(letter.content.body)
    if (seen.has(id) || fateOf(id).hasArrived) problems.push(`${id} arrived twice`)
    if (deathsOf(letter).length !== 1 || deathsOf(letter)[0]?.count !== 1) problems.push(`${id} died more than once`)
    seen.add(id)
  }
  for (const [id, { isConfirmed, hasArrived }] of fates) {
    if (isConfirmed && !hasArrived && !seen.has(id)) problems.push(`${id} has not arrived`)
  }
  await channel.call('queue.unbind', { queue: 'dead', exchange: LETTERS })
  for (const id of seen) fateOf(id).hasArrived = fateOf(id).isDead = true
  channel.client.destroy()
  return problems
}

test(`what has to arrive does so once, whatever kills the broker (${SEED_TITLE})`, {
  timeout: KILLS * 30_000,
}, async () => {
  for (let kill = 1; kill <= KILLS; kill++) {
    const stage = { broker: store.broker, model: new CrashModel(), random }
    const acting = [publishing, refusing, switching].map((act) => untilKilled(stage, act))
    await Promise.race([...acting, new Promise((resolve) => setTimeout(resolve, 20 + random.below(LIFE_MS_MAX)))])
    await store.broker.kill()
    await Promise.all(acting)
    await start()
    expect((await problemsAfterKill()).slice(0, 20), `after kill ${kill}`).toEqual([])
  }
})
