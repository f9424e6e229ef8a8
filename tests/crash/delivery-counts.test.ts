// How often messages came back survives a broker that is killed, and one that is stopped: once the log knows of it, the catalogue, or both.
import { beforeAll, expect, test } from 'vitest'
import { deathsOf, headersOf, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { BARRIER, commitBarrier } from './actors.ts'
import { CrashStore } from './crash-store.ts'

const TO_DEAD = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
const QUEUES = {
  quorum: { 'x-queue-type': 'quorum', 'x-delivery-limit': 9 },
  classic: { 'x-delivery-limit': 9 },
  'classic with priorities': { 'x-delivery-limit': 9, 'x-max-priority': 5 },
}
/** Given back so often before the broker ends. */
const RETURNS = 3
const ENDS = ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const

const store = new CrashStore()
let channel: RawChannel

async function start(): Promise<void> {
  await store.start({ logFileBytes: 1024 * 1024, memoryBytes: 256 * 1024, durability: 'os' })
  channel = await store.channel()
}

beforeAll(async () => {
  await start()
  await channel.call('queue.declare', { queue: 'dead', durable: true })
  await channel.call('exchange.declare', { exchange: BARRIER, type: 'direct', durable: true })
})

/** Takes the message, which has come back so often, and gives it back. */
async function takeAndReturn(queue: string, returns: number): Promise<void> {
  const taken = await take(channel, queue)
  expect(headersOf(taken)['x-delivery-count'] ?? 0).toBe(returns)
  channel.nack(Number(taken.args.deliveryTag))
  await channel.expectCounts(queue, returns === 9 ? 0 : 1, 0)
}

test.each(Object.entries(QUEUES))('counts go on after each end, and reach the limit: %s', async (queue, settings) => {
  await channel.call('queue.declare', { queue, durable: true, arguments: { ...TO_DEAD, ...settings } })
  await channel.call('confirm.select')
  channel.publish({ routingKey: queue, body: queue, properties: { deliveryMode: 2, priority: 3 } })
  await channel.expect('basic.ack')
  let returns = 0
  for (const signal of ENDS) {
    for (let count = 0; count < RETURNS; count++) await takeAndReturn(queue, returns++)
    await commitBarrier(channel, queue)
    await store.broker.kill(signal)
    await start()
    expect(store.broker.complaints).toEqual([])
  }
  await takeAndReturn(queue, returns)
  const letter = await take(channel, 'dead')
  channel.ack(Number(letter.args.deliveryTag))
  expect([letter.content.body.toString(), deathsOf(letter)[0]?.reason]).toEqual([queue, 'delivery_limit'])
})
