// A queue that does not take every message: what its publishers are told.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { BrokerError } from '../../src/broker/errors.ts'
import { publishOperation } from '../../src/index.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

let broker: TestBroker
let channel: RawChannel

beforeAll(async () => {
  broker = await startTestBroker()
})

afterAll(() => broker.stop())

beforeEach(async () => {
  broker.reset()
  channel = await (await (await RawClient.connect(broker)).handshake()).channel(1)
})

/** A queue that takes so many messages. */
function fullAfter(count: number, name: string): string {
  broker.broker.declareQueue(name, { arguments: { 'x-max-length': count, 'x-overflow': 'reject-publish' } })
  return name
}

test('publishes that a queue refused are nacked, those around them acked', async () => {
  const full = fullAfter(2, 'full')
  broker.broker.declareQueue('free')
  await channel.call('confirm.select')
  const keys = [full, full, full, full, 'free', 'free', full, 'nowhere']
  channel.client.write(Buffer.concat(keys.map((routingKey) => channel.publishBytes({ routingKey }))))
  expect(await channel.confirmsUpTo(8)).toEqual(['ack', 'ack', 'nack', 'nack', 'ack', 'ack', 'nack', 'ack'])
  await channel.expectCounts(full, 2, 0)
  await channel.expectCounts('free', 2, 0)
})

test('a refused publish is not returned, and without confirms the publisher hears nothing', async () => {
  const full = fullAfter(0, 'full')
  channel.publish({ routingKey: full, mandatory: true })
  await channel.expectQuiet()
  await channel.expectCounts(full, 0, 0)
})

test.each([3, 200])('one queue of %i that refuses makes it a nack; the others have the message', async (count) => {
  const full = fullAfter(0, 'full')
  const others = Array.from({ length: count - 1 }, (_, i) => `other-${i}`)
  for (const name of others) broker.broker.declareQueue(name)
  for (const name of [...others, full]) broker.broker.bindQueue(name, 'amq.fanout')
  await channel.call('confirm.select')
  channel.publish({ exchange: 'amq.fanout' })
  await channel.expect('basic.nack', { deliveryTag: 1, multiple: false, requeue: false })
  expect(broker.broker.queues().reduce((sum, { messagesReady }) => sum + messagesReady, 0)).toBe(count - 1)
})

test('a transaction with a refused publish is carried out but for that, and its commit is refused', async () => {
  const full = fullAfter(1, 'full')
  await channel.call('tx.select')
  channel.publishTo(full, 'a', 'b')
  await channel.expectRefusal('tx.commit', {}, 406, 'partial tx completion')
  expect(await channel.drain(full)).toEqual(['a'])
})

/** The kind of refusal that this ends in. */
function refusalOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof BrokerError) return `${error.kind}: ${error.message}`
    throw error
  }
  throw new Error('it was not refused')
}

test('code in this process is told by an exception', async () => {
  const full = fullAfter(1, 'full')
  const own = broker.broker
  expect(own.publish('', full, 'a')).toEqual({ routed: true })
  const refused = "precondition-failed: a queue refuses the message from exchange '' with routing key 'full'"
  expect(refusalOf(() => own.publish('', full, 'b'))).toBe(refused)
  expect(refusalOf(() => own.publish('', full, 'b', { priority: 1 }))).toBe(refused)
  expect(own.publish('', 'nowhere', 'c')).toEqual({ routed: false })
  expect((await own.get(full, { noAck: true }))?.body.toString()).toBe('a')
  const batch = ['d', 'e'].map((body) => ({ exchange: '', routingKey: full, body }))
  expect(refusalOf(() => own.publishBatch(batch))).toBe('precondition-failed: partial tx completion')
  expect((await own.get(full, { noAck: true }))?.body.toString()).toBe('d')
})

test('transactions of code in this process are carried out but for what is refused, and say so', async () => {
  const full = fullAfter(1, 'full')
  const { transactions } = broker.broker
  transactions.select(1)
  for (const body of ['a', 'b']) transactions.addOperation(1, publishOperation('', full, { body }))
  expect(refusalOf(() => transactions.commit(1))).toBe('precondition-failed: partial tx completion')
  expect(transactions.state(1)).toBe('active')
  expect(broker.broker.queueInfo(full)?.messagesReady).toBe(1)
  const before = transactions.statistics()
  await expect(transactions.executeAtomic((add) => add(publishOperation('', full, { body: 'c' })))).rejects.toThrow(
    'partial tx completion',
  )
  expect(transactions.statistics()).toMatchObject({
    totalCommits: before.totalCommits + 1,
    totalRollbacks: before.totalRollbacks,
  })
})
