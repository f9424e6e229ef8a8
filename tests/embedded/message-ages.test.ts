import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Queue } from '../../src/broker/queues/queue.ts'
import { MessageAges } from '../../src/embedded/statistics/message-ages.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'

let started: TestBroker
let queue: Queue

beforeEach(async () => {
  started = await startTestBroker()
  started.broker.declareQueue('q')
  queue = started.server.core.requireVhost('/').requireQueue('q')
})

afterEach(() => started.stop())

function publish(count: number): void {
  for (let i = 0; i < count; i++) started.broker.publish('', 'q', 'x')
}

async function take(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await started.broker.get('q', { noAck: true })
}

test('the oldest message is as old as the first look that knows of it', async () => {
  const ages = new MessageAges()
  ages.look(queue, 0)
  expect(ages.ageMs(queue, 0)).toBe(0)
  publish(10)
  ages.look(queue, 5000)
  publish(10)
  ages.look(queue, 10_000)
  expect(ages.ageMs(queue, 12_000)).toBe(7000)
  await take(9)
  expect(ages.ageMs(queue, 12_000)).toBe(7000)
  // The tenth was there at the first look; the eleventh came after it.
  await take(5)
  ages.look(queue, 15_000)
  expect(ages.ageMs(queue, 16_000)).toBe(11_000)
  publish(10)
  ages.look(queue, 20_000)
  await take(6)
  expect(ages.ageMs(queue, 21_000)).toBe(11_000)
  await take(10)
  expect(ages.ageMs(queue, 21_000)).toBe(0)
})

test('of very many looks, those that lie far back are thinned out', async () => {
  const ages = new MessageAges()
  for (let look = 0; look < 1000; look++) {
    publish(1)
    ages.look(queue, look * 1000)
  }
  expect(ages.ageMs(queue, 1_000_000)).toBe(1_000_000)
  await take(990)
  const ageMs = ages.ageMs(queue, 1_000_000)
  expect(ageMs).toBeGreaterThanOrEqual(10_000)
  expect(ageMs).toBeLessThan(30_000)
})

test('queues that are gone are forgotten', () => {
  const ages = new MessageAges()
  publish(1)
  ages.look(queue, 0)
  started.broker.deleteQueue('q')
  ages.forgetDeleted()
  expect(ages.ageMs(queue, 5000)).toBe(0)
})
