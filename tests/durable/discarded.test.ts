// Dead letters that have to arrive and cannot go yet (at-least-once): they are dead for good, whatever ends the broker meanwhile.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deathsOf, reject, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import type { WireTable } from '../support/wire-values.ts'
import { DURABLE, DurableServer } from './durable-server.ts'

const KIB = 1024

let server: DurableServer
let channel: RawChannel

beforeEach(async () => {
  server = await DurableServer.start()
  channel = await server.confirming()
})

afterEach(async () => {
  await server.remove()
})

/** A queue whose dead letters have to arrive at an exchange that is not there yet. */
async function declareSource(options: WireTable = {}): Promise<void> {
  const args = {
    'x-queue-type': 'quorum',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
    'x-dead-letter-exchange': 'later',
    ...options,
  }
  await channel.queue({ ...DURABLE, arguments: args }, 'source')
}

/** From now on they have a way. */
async function declareDead(): Promise<void> {
  await channel.call('exchange.declare', { exchange: 'later', type: 'fanout', durable: true })
  await channel.queue(DURABLE, 'dead')
  await channel.bind('dead', 'later')
}

async function publish(...bodies: (string | Buffer)[]): Promise<void> {
  for (const body of bodies) {
    channel.publish({ routingKey: 'source', body })
    await channel.expect('basic.ack')
  }
}

async function rejectAll(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await reject(channel, 'source')
  await channel.expectCounts('source', 0, 0)
}

async function restart(): Promise<void> {
  await server.restart()
  channel = await server.confirming()
}

function discarded(): number | undefined {
  return server.server.broker.queueInfo('source')?.messagesDiscarded
}

test('what was rejected and cannot go stays dead after restarts, and arrives when it can', async () => {
  await declareSource()
  await publish('a', 'b', Buffer.alloc(200 * KIB, 'c'), 'd')
  await rejectAll(4)
  expect(discarded()).toBe(4)
  await restart()
  await channel.expectCounts('source', 0, 0)
  expect(discarded()).toBe(4)
  await restart()
  await declareDead()
  await channel.consume('dead', { noAck: true })
  const letters = []
  for (let left = 4; left > 0; left--) letters.push(await channel.delivery())
  expect(letters.map(({ content }) => content.body.toString().slice(0, 1))).toEqual(['a', 'b', 'c', 'd'])
  expect(letters[2]?.content.body.length).toBe(200 * KIB)
  for (const letter of letters) {
    expect(deathsOf(letter)).toMatchObject([{ queue: 'source', reason: 'rejected', count: 1 }])
    expect(letter.args.redelivered).toBe(false)
  }
  expect(discarded()).toBe(0)
  await restart()
  await channel.expectCounts('source', 0, 0)
  await channel.expectCounts('dead', 0, 0)
})

test('it tells of what it died, also when that was its time or its returns', async () => {
  await declareSource({ 'x-message-ttl': 60_000, 'x-delivery-limit': 0 })
  await publish('returned')
  channel.nack(Number((await take(channel, 'source')).args.deliveryTag), { requeue: true })
  await channel.expectCounts('source', 0, 0)
  channel.publish({ routingKey: 'source', body: 'expired', properties: { expiration: '0' } })
  await channel.expect('basic.ack')
  await channel.expectCounts('source', 0, 0)
  expect(discarded()).toBe(2)
  await restart()
  await declareDead()
  await channel.consume('dead', { noAck: true })
  const deaths = [deathsOf(await channel.delivery()), deathsOf(await channel.delivery())]
  expect(deaths).toMatchObject([[{ reason: 'delivery_limit' }], [{ reason: 'expired' }]])
})

test('it counts for the limits of its queue, and a purge drops it', async () => {
  await declareSource({ 'x-max-length': 2 })
  await publish('a', 'b')
  await rejectAll(2)
  channel.publish({ routingKey: 'source', body: 'c' })
  await channel.expect('basic.nack')
  await restart()
  channel.publish({ routingKey: 'source', body: 'c' })
  await channel.expect('basic.nack')
  expect((await channel.call('queue.purge', { queue: 'source' })).args.messageCount).toBe(2)
  await publish('d')
  await restart()
  expect(discarded()).toBe(0)
  expect(await channel.drain('source')).toEqual(['d'])
})

test('it goes with its queue', async () => {
  await declareSource()
  await publish('a')
  await rejectAll(1)
  await channel.call('queue.delete', { queue: 'source' })
  await declareSource()
  await restart()
  expect(discarded()).toBe(0)
  expect(server.server.recovery).toMatchObject({ messages: 0, problems: [] })
})

test('those that have no way hold up none of the others', async () => {
  await channel.call('exchange.declare', { exchange: 'later', type: 'direct', durable: true })
  await declareSource()
  await channel.queue(DURABLE, 'dead')
  await publish('lost')
  await rejectAll(1)
  await restart()
  await channel.bind('dead', 'later', 'known')
  await channel.bind('source', 'amq.fanout')
  channel.publish({ exchange: 'amq.fanout', routingKey: 'unknown', body: 'lost too' })
  channel.publish({ exchange: 'amq.fanout', routingKey: 'known', body: 'goes' })
  for (let left = 2; left > 0; left--) await reject(channel, 'source')
  await channel.consume('dead', { noAck: true })
  await channel.expectBodies('goes')
  expect(discarded()).toBe(2)
})
