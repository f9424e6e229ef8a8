// What each key of a policy does to queues that are there, and that it stops when the policy goes: seen by clients.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { PolicyDefinition } from '../../src/broker/policies/policy.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

let started: TestBroker
let client: RawClient
let channel: RawChannel

beforeAll(async () => {
  started = await startTestBroker()
})

afterAll(() => started.stop())

beforeEach(async () => {
  client = await (await RawClient.connect(started)).handshake()
  channel = await client.channel(1)
  await channel.call('queue.declare', { queue: 'q' })
})

afterEach(() => {
  client.destroy()
  started.reset()
})

const set = (definition: PolicyDefinition) => started.broker.policies.set('p', { pattern: '^q$', definition })
const remove = () => started.broker.policies.delete('p')

async function publish(...bodies: string[]): Promise<void> {
  channel.publishTo('q', ...bodies)
  await channel.expectQuiet('q')
}

/** A queue that gets all that dies in the other one. */
async function deadLetterQueue(): Promise<void> {
  await channel.call('exchange.declare', { exchange: 'dead', type: 'topic' })
  await channel.call('queue.declare', { queue: 'dead' })
  await channel.bind('dead', 'dead', '#')
}

async function reject(): Promise<void> {
  const delivery = await channel.get('q')
  channel.send('basic.reject', { deliveryTag: Number(delivery?.args.deliveryTag), requeue: false })
  await channel.expectQuiet()
}

test('max-length drops at once what is too much, and lets the queue grow again when it goes', async () => {
  await publish('1', '2', '3', '4')
  await set({ 'max-length': 2 })
  await channel.expectCounts('q', 2, 0)
  await publish('5')
  await remove()
  await publish('6')
  expect(await channel.drain('q')).toEqual(['4', '5', '6'])
})

test('max-length-bytes does so by bytes', async () => {
  await publish('aaaa', 'bb', 'cc')
  await set({ 'max-length-bytes': 4 })
  expect(await channel.drain('q')).toEqual(['bb', 'cc'])
})

test('overflow reject-publish has publishes refused, until the policy goes', async () => {
  await channel.call('confirm.select')
  await set({ 'max-length': 1, overflow: 'reject-publish' })
  channel.publishTo('q', '1', '2')
  await channel.expect('basic.ack', { deliveryTag: 1 })
  await channel.expect('basic.nack', { deliveryTag: 2 })
  await remove()
  channel.publishTo('q', '3')
  await channel.expect('basic.ack', { deliveryTag: 3 })
  expect(await channel.drain('q')).toEqual(['1', '3'])
})

test('an operator policy makes a limit lower than that of the argument', async () => {
  await channel.call('queue.delete', { queue: 'q' })
  await channel.call('queue.declare', { queue: 'q', arguments: { 'x-max-length': 3 } })
  await publish('1', '2', '3', '4')
  await channel.expectCounts('q', 3, 0)
  const { operatorPolicies } = started.broker
  await operatorPolicies.set('o', { pattern: '', definition: { 'max-length': 1 } })
  await channel.expectCounts('q', 1, 0)
  await operatorPolicies.set('o', { pattern: '', definition: { 'max-length': 10 } })
  await publish('5', '6', '7')
  expect(await channel.drain('q')).toEqual(['5', '6', '7'])
})

test('message-ttl has messages expire that come from then on', async () => {
  await set({ 'message-ttl': 1 })
  await publish('1')
  await started.waitForQueue('q', { messagesReady: 0 })
  await remove()
  await publish('2')
  expect(await channel.drain('q')).toEqual(['2'])
})

test('expires has a queue go that is not used', async () => {
  await set({ expires: 20 })
  await vi.waitFor(() => expect(started.broker.queueInfo('q')).toBeUndefined(), { timeout: 4000, interval: 5 })
})

test('dead-letter-exchange and its routing key take what is rejected, until they go', async () => {
  await deadLetterQueue()
  await publish('1', '2', '3')
  await set({ 'dead-letter-exchange': 'dead' })
  await reject()
  await set({ 'dead-letter-exchange': 'dead', 'dead-letter-routing-key': 'other' })
  await reject()
  await remove()
  await reject()
  const dead = [await channel.get('dead', true), await channel.get('dead', true), await channel.get('dead', true)]
  expect(dead.map((one) => one && [one.args.routingKey, one.content.body.toString()])).toEqual([
    ['q', '1'],
    ['other', '2'],
    undefined,
  ])
})

test('a lower max-length has what it drops dead-lettered', async () => {
  await deadLetterQueue()
  await publish('1', '2', '3')
  await set({ 'max-length': 1, 'dead-letter-exchange': 'dead' })
  expect([await channel.drain('dead'), await channel.drain('q')]).toEqual([['1', '2'], ['3']])
})

test('consumer-timeout ends a consumer that has held a message for too long', async () => {
  await publish('1')
  await set({ 'consumer-timeout': 50 })
  await channel.consume('q')
  await channel.delivery()
  await channel.expectClose(406, /delivery acknowledgement on channel 1 timed out\. Timeout value used: 50 ms.*/)
})

test('delivery-limit drops what comes back too often, and quorum_queues and classic_queues apply to their own', async () => {
  const { policies } = started.broker
  await channel.call('queue.declare', { queue: 'qq', durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await policies.set('quorum', { pattern: '', definition: { 'delivery-limit': 1 }, applyTo: 'quorum_queues' })
  await policies.set('classic', { pattern: '', definition: { 'max-length': 1 }, applyTo: 'classic_queues' })
  const applied = started.broker.queues().map(({ name, policy }) => [name, policy])
  expect(Object.fromEntries(applied)).toEqual({ q: 'classic', qq: 'quorum' })
  channel.publishTo('qq', '1')
  for (let times = 0; times < 2; times++) {
    const delivery = await channel.get('qq')
    channel.send('basic.reject', { deliveryTag: Number(delivery?.args.deliveryTag), requeue: true })
  }
  expect(await channel.get('qq')).toBeUndefined()
  await policies.set('quorum', { pattern: '', definition: { 'delivery-limit': 5 }, applyTo: 'quorum_queues' })
  channel.publishTo('qq', '2')
  for (let times = 0; times < 5; times++) {
    const delivery = await channel.get('qq')
    channel.send('basic.reject', { deliveryTag: Number(delivery?.args.deliveryTag), requeue: true })
  }
  expect((await channel.get('qq', true))?.content.body.toString()).toBe('2')
})

test('delivery-limit is for quorum queues: a policy with it does not apply to others at all', async () => {
  await set({ 'delivery-limit': 1, 'max-length': 1 })
  await publish('1', '2')
  expect(started.broker.queueInfo('q')?.policy).toBeUndefined()
  expect(await channel.drain('q')).toEqual(['1', '2'])
})
