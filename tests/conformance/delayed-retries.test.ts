// Delayed retries, which RabbitMQ 4.3 has in quorum queues: what comes back waits before it is delivered again. Here on every queue type.
import { beforeEach, describe, expect } from 'vitest'
import { leveretOnly, useBroker } from '../support/broker.ts'
import { deathsOf, headersOf, pair, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { tagged, type WireTable } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel
const retryTest = leveretOnly('RabbitMQ 3.10 has no delayed retries')

const QUORUM = { 'x-queue-type': 'quorum' }
const AN_HOUR_MS = 3_600_000

beforeEach(async () => {
  channel = await broker.channel()
})

const retries = (type: string, minMs: number, maxMs?: number): WireTable => ({
  'x-delayed-retry-type': type,
  'x-delayed-retry-min': minMs,
  ...(maxMs === undefined ? {} : { 'x-delayed-retry-max': maxMs }),
})

async function declare(args: WireTable, kind: WireTable = {}): Promise<string> {
  const options = kind === QUORUM ? { durable: true, exclusive: false } : {}
  return await channel.queue({ ...options, arguments: { ...kind, ...args } })
}

function giveBack(how: 'nack' | 'reject', deliveryTag: unknown): void {
  if (how === 'nack') channel.nack(Number(deliveryTag))
  else channel.send('basic.reject', { deliveryTag: Number(deliveryTag), requeue: true })
}

describe.each([
  ['a classic queue', {}],
  ['a classic queue with priorities', { 'x-max-priority': 5 }],
  ['a quorum queue', QUORUM],
])('%s', (_name, kind) => {
  retryTest('delivers what comes back after its delay, and meanwhile the others', async () => {
    const queue = await declare(retries('all', 80), kind)
    channel.publishTo(queue, 'a', 'b')
    await channel.consume(queue)
    const [first] = await channel.expectBodies('a', 'b')
    const beganMs = performance.now()
    channel.nack(Number(first))
    channel.publishTo(queue, 'c')
    await channel.expectBodies('c')
    await channel.expectCounts(queue, 0, 1)
    const again = await channel.delivery({ redelivered: true })
    expect(again.content.body.toString()).toBe('a')
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(80)
  })

  retryTest('delays longer for every failure, up to the maximum', async () => {
    const queue = await declare(retries('all', 20, 50), kind)
    channel.publishTo(queue, 'a')
    await channel.consume(queue)
    for (const delayMs of [20, 40, 50, 50]) {
      const { args } = await channel.delivery()
      const beganMs = performance.now()
      giveBack('reject', args.deliveryTag)
      const { args: next } = await channel.delivery({ redelivered: true })
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(delayMs)
      channel.nack(Number(next.deliveryTag))
    }
  })

  const EFFECTS: readonly [type: string, how: 'nack' | 'reject', waits: boolean][] = [
    ['all', 'nack', true],
    ['all', 'reject', true],
    ['failed', 'nack', false],
    ['failed', 'reject', true],
    ['returned', 'nack', true],
    ['returned', 'reject', false],
    ['disabled', 'nack', false],
    ['disabled', 'reject', false],
  ]
  retryTest.each(EFFECTS)('with the type %s, what comes back by basic.%s waits: %s', async (type, how, waits) => {
    const queue = await declare(retries(type, AN_HOUR_MS), kind)
    channel.publishTo(queue, 'a')
    giveBack(how, (await take(channel, queue)).args.deliveryTag)
    await channel.expectCounts(queue, waits ? 0 : 1, 0)
    expect((await channel.get(queue)) === undefined).toBe(waits)
  })

  retryTest('counts the end of a channel as a failure, and basic.recover as none', async () => {
    const failed = await declare(retries('failed', AN_HOUR_MS), kind)
    const returned = await declare(retries('returned', AN_HOUR_MS), kind)
    channel.publishTo(failed, 'a')
    channel.publishTo(returned, 'b')
    for (const queue of [failed, returned]) await take(channel, queue)
    await channel.call('basic.recover', { requeue: true })
    await channel.expectCounts(failed, 1, 0)
    await channel.expectCounts(returned, 0, 0)
    await take(channel, failed)
    await channel.close()
    await channel.reopen()
    await channel.expectCounts(failed, 0, 0)
  })

  retryTest('drops what waits when it is purged, and is not empty before', async () => {
    const queue = await declare(retries('all', AN_HOUR_MS), kind)
    channel.publishTo(queue, 'a', 'b', 'c')
    for (const _ of 'ab') channel.nack(Number((await take(channel, queue)).args.deliveryTag))
    await channel.expectCounts(queue, 1, 0)
    const { args } = await channel.call('queue.purge', { queue })
    expect(args.messageCount).toBe(3)
    expect(await channel.get(queue)).toBeUndefined()
  })

  retryTest('delivers what several channels gave back at once in the order of its times', async () => {
    const queue = await declare(retries('all', 30), kind)
    channel.publishTo(queue, ...Array.from({ length: 500 }, (_, at) => String(at)))
    for (let at = 0; at < 500; at++) await take(channel, queue)
    channel.nack(0, { multiple: true })
    await channel.expectCounts(queue, 0, 0)
    await channel.consume(queue, { noAck: true })
    await channel.expectBodies(...Array.from({ length: 500 }, (_, at) => String(at)))
  })
})

retryTest('what has waited in a quorum queue comes first, in the order of its times', async () => {
  const queue = await declare(retries('all', 40), QUORUM)
  channel.publishTo(queue, '1', '2', '3')
  for (let count = 0; count < 3; count++) await channel.get(queue)
  for (const tag of [3, 1]) channel.nack(tag)
  channel.publish({ routingKey: queue, body: 'high', properties: { priority: 9 } })
  await expect
    .poll(async () => (await channel.call('queue.declare', { queue, passive: true })).args.messageCount)
    .toBe(3)
  expect(await channel.drain(queue)).toEqual(['3', '1', 'high'])
})

retryTest('a queue with something that waits is not deleted as an empty one', async () => {
  const queue = await declare(retries('all', AN_HOUR_MS))
  channel.publishTo(queue, 'a')
  channel.nack(Number((await take(channel, queue)).args.deliveryTag))
  const text = `queue '${queue}' in vhost '/' not empty`
  await channel.expectRefusal('queue.delete', { queue, ifEmpty: true }, 406, text)
  await channel.call('queue.delete', { queue })
})

retryTest('what came back too often does not wait, and its deaths tell of it', async () => {
  const { source, dead } = await pair(channel, { ...retries('all', 10), 'x-delivery-limit': 1 })
  await channel.consume(source)
  await channel.consume(dead)
  channel.publishTo(source, 'a')
  giveBack('nack', (await channel.delivery({ redelivered: false })).args.deliveryTag)
  const again = await channel.delivery({ redelivered: true })
  expect(headersOf(again)).toEqual({ 'x-delivery-count': 1 })
  giveBack('nack', again.args.deliveryTag)
  expect(deathsOf(await channel.delivery())).toMatchObject([{ reason: 'delivery_limit', queue: source }])
})

retryTest('what expires while it waits is dead when its delay is over', async () => {
  const { source, dead } = await pair(channel, { ...retries('all', 60), 'x-message-ttl': 30 })
  channel.publishTo(source, 'a')
  const taken = await take(channel, source)
  await channel.consume(dead)
  const beganMs = performance.now()
  channel.nack(Number(taken.args.deliveryTag))
  expect(deathsOf(await channel.delivery())).toMatchObject([{ reason: 'expired', queue: source }])
  expect(performance.now() - beganMs).toBeGreaterThanOrEqual(60)
})

retryTest('what waits counts for no length limit', async () => {
  const queue = await declare({ ...retries('all', AN_HOUR_MS), 'x-max-length': 1 })
  channel.publishTo(queue, 'a')
  channel.nack(Number((await take(channel, queue)).args.deliveryTag))
  channel.publishTo(queue, 'b', 'c')
  await channel.expectCounts(queue, 1, 0)
  expect(await channel.drain(queue)).toEqual(['c'])
})

retryTest('the single active consumer gets what has waited', async () => {
  const queue = await declare({ ...retries('all', 30), 'x-single-active-consumer': true })
  const consumerTag = await channel.consume(queue)
  await channel.consume(queue)
  channel.publishTo(queue, 'a')
  giveBack('nack', (await channel.delivery({ consumerTag })).args.deliveryTag)
  await channel.delivery({ consumerTag, redelivered: true })
})

retryTest('without a shortest time nothing waits', async () => {
  const queue = await declare({ 'x-delayed-retry-type': 'all' })
  channel.publishTo(queue, 'a')
  channel.nack(Number((await take(channel, queue)).args.deliveryTag))
  await channel.expectCounts(queue, 1, 0)
})

const WRONG: readonly [string, WireTable[string], string][] = [
  ['x-delayed-retry-type', 'sometimes', 'invalid_delayed_retry_type'],
  ['x-delayed-retry-min', -1, '{value_negative,-1}'],
  ['x-delayed-retry-max', tagged('l', 315_360_000_001), '{value_too_large,315360000001}'],
]
retryTest.each(WRONG)('%s of %s is refused', async (name, value, why) => {
  const queue = unique('q')
  const text = `invalid arg '${name}' for queue '${queue}' in vhost '/': ${why}`
  await channel.expectRefusal('queue.declare', { queue, exclusive: true, arguments: { [name]: value } }, 406, text)
})
