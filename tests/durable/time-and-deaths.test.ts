// What a restart makes of messages that expire, of dead letters and of how often messages came back.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { deathsOf, headersOf, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import type { WireTable } from '../support/wire-values.ts'
import { DURABLE, DurableServer, PERSISTENT } from './durable-server.ts'

let server: DurableServer
let channel: RawChannel

beforeEach(async () => {
  server = await DurableServer.start()
  channel = await server.confirming()
})

afterEach(async () => {
  vi.restoreAllMocks()
  await server.remove()
})

const TO_DEAD = { 'x-dead-letter-exchange': 'dead', 'x-dead-letter-routing-key': 'k' }

/** Its exchange, queue and binding are there again only after other queues. */
async function declareDead(): Promise<void> {
  await channel.call('exchange.declare', { exchange: 'dead', type: 'topic', durable: true })
  await channel.queue(DURABLE, 'z-dead')
  await channel.bind('z-dead', 'dead', '#')
}

async function publish(queue: string, body: string, properties: WireTable = {}): Promise<void> {
  channel.publish({ routingKey: queue, body, properties: { ...PERSISTENT, ...properties } })
  await channel.expect('basic.ack')
}

async function restart(whileDown: () => Promise<void> = async () => {}): Promise<void> {
  await server.stop()
  await whileDown()
  await server.restart()
  channel = await server.confirming()
}

/** So much time passes. */
function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

test.each([
  ['its queue', { 'x-message-ttl': 150 }, {}],
  ['itself', {}, { expiration: '150' }],
])('a message that expires while the broker is down, by %s, is a dead letter at its start', async (_, options, own) => {
  await declareDead()
  await channel.queue({ ...DURABLE, arguments: { ...TO_DEAD, ...options } }, 'q')
  await publish('q', 'a', own)
  await publish('q', 'b', own)
  await restart(() => passed(150))
  await channel.consume('z-dead')
  const letter = await channel.delivery()
  expect(letter.content.body.toString()).toBe('a')
  expect(deathsOf(letter)).toMatchObject([{ reason: 'expired', queue: 'q', count: 1 }])
  await channel.expectBodies('b')
  await channel.expectCounts('q', 0, 0)
})

test.each(['policies', 'operatorPolicies'] as const)(
  'a message that has its time by a policy expires at it after a restart, also when the policy is gone: %s',
  async (kind) => {
    await declareDead()
    await channel.queue({ ...DURABLE, arguments: TO_DEAD }, 'q')
    const policies = server.server.broker[kind]
    await policies.set('short', { pattern: '^q$', definition: { 'message-ttl': 150 } })
    await publish('q', 'a')
    await policies.delete('short')
    await publish('q', 'stays')
    await restart(() => passed(150))
    await channel.consume('z-dead', { noAck: true })
    await channel.expectBodies('a')
    expect(await channel.drain('q')).toEqual(['stays'])
  },
)

test('time goes on while the broker is down, and what is left of it counts', async () => {
  await declareDead()
  await channel.queue({ ...DURABLE, arguments: { ...TO_DEAD, 'x-message-ttl': 1500 } }, 'q')
  await publish('q', 'a')
  const begin = performance.now()
  await restart()
  await channel.consume('z-dead', { noAck: true })
  await channel.expectBodies('a')
  const tookMs = performance.now() - begin
  expect(tookMs).toBeGreaterThan(1300)
  expect(tookMs).toBeLessThan(2900)
})

test('a length limit holds what there was before the restart', async () => {
  await declareDead()
  await channel.queue({ ...DURABLE, arguments: { ...TO_DEAD, 'x-max-length': 2 } }, 'q')
  for (const body of ['a', 'b', 'c']) await publish('q', body)
  await restart()
  await channel.expectCounts('q', 2, 0)
  await publish('q', 'd')
  expect(await channel.drain('q')).toEqual(['c', 'd'])
  expect(await channel.drain('z-dead')).toEqual(['a', 'b'])
})

test('a dead letter and its history are there after a restart, and the history goes on', async () => {
  await declareDead()
  await channel.queue({ ...DURABLE, arguments: TO_DEAD }, 'q')
  await channel.queue(
    { ...DURABLE, arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' } },
    'r',
  )
  await channel.bind('r', 'dead', '#')
  await publish('q', 'a', { headers: { 'x-death': 'mine' } })
  for (const queue of ['q', 'r', 'q']) {
    const { args } = await take(channel, queue)
    channel.nack(Number(args.deliveryTag), { requeue: false })
    await channel.expectCounts(queue, 0, 0)
    await restart()
  }
  const letter = await take(channel, 'r')
  expect(deathsOf(letter).map(({ queue, count }) => [queue, count])).toEqual([
    ['q', 2],
    ['r', 1],
  ])
})

test('how often a message came back is known after a restart, and the limit of it holds', async () => {
  await declareDead()
  await channel.queue({ ...DURABLE, arguments: { ...TO_DEAD, 'x-delivery-limit': 3 } }, 'q')
  await publish('q', 'a')
  for (let round = 0; round < 3; round++) {
    const taken = await take(channel, 'q')
    expect(headersOf(taken)['x-delivery-count']).toBe(round === 0 ? undefined : round)
    channel.nack(Number(taken.args.deliveryTag))
    await channel.expectCounts('q', 1, 0)
    await restart()
  }
  const taken = await take(channel, 'q')
  channel.nack(Number(taken.args.deliveryTag))
  await channel.expectCounts('q', 0, 0)
  expect(deathsOf(await take(channel, 'z-dead'))).toMatchObject([{ reason: 'delivery_limit', queue: 'q' }])
})

test('a restart gives a queue all of its time again', async () => {
  await channel.queue({ ...DURABLE, arguments: { 'x-expires': 700 } }, 'q')
  await restart(() => passed(800))
  expect((await channel.call('queue.declare', { queue: 'q', passive: true })).args.queue).toBe('q')
})

test('a clock of the system that was set ahead right before a restart expires nothing', async () => {
  await channel.queue({ ...DURABLE, arguments: { 'x-message-ttl': 600_000 } }, 'q')
  await publish('q', 'a')
  const system = Date.now.bind(Date)
  vi.spyOn(Date, 'now').mockImplementation(() => system() + 3_600_000)
  await restart()
  expect(await channel.drain('q')).toEqual(['a'])
})
