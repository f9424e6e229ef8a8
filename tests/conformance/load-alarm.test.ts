// An event loop that is late: publishers are told and wait, consumers and declarations go on, and all of it ends by itself.
import { afterEach, beforeEach, expect } from 'vitest'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { leveretOnly } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

const test = leveretOnly('makes the event loop of the broker late')
const LIMIT_MS = 60
const LATE_MS = 150
/** Three samples in a row, half a second apart, and as many to end it. */
const ALARM_MS = 6000

let broker: TestBroker
const clients: RawClient[] = []
let publisher: RawChannel
let consumer: RawChannel
let stopHolding: () => void

beforeEach(async () => {
  broker = await startTestBroker({ eventLoopDelayLimitMs: LIMIT_MS })
  publisher = await channel()
  consumer = await channel()
  stopHolding = () => {}
})

afterEach(async () => {
  stopHolding()
  for (const client of clients.splice(0)) client.destroy()
  await broker.stop()
})

async function channel(): Promise<RawChannel> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return await (await client.handshake()).channel(1)
}

/** From now on, every turn of the event loop is a long one. */
function holdUp(): void {
  let isOver = false
  const hold = (): void => {
    if (isOver) return
    for (const endsAt = performance.now() + LATE_MS; performance.now() < endsAt; ) {
      // nothing else happens
    }
    setImmediate(hold)
  }
  hold()
  stopHolding = () => {
    isOver = true
  }
}

test('publishers are blocked while it lasts, and the others go on', async () => {
  const queue = await consumer.queue({ exclusive: false, autoDelete: true })
  await consumer.consume(queue)
  holdUp()
  const publishing = setInterval(() => publisher.publishTo(queue, 'a body'), 100)
  const blocked = await publisher.client.next(0, ALARM_MS)
  clearInterval(publishing)
  expect([blocked.name, blocked.args.reason]).toEqual(['connection.blocked', 'low on cpu'])
  expect(broker.server.health()).toMatchObject({
    status: 'degraded',
    warnings: ['the event loop is late: publishers are blocked'],
  })
  const stats = broker.server.stats()
  expect(stats.alarms).toEqual(['event-loop'])
  expect(stats.eventLoopDelayMs).toBeGreaterThan(LIMIT_MS)
  await (await channel()).call('queue.declare', { queue: 'another' })
  await consumer.delivery()
  publisher.publishTo(queue, 'the last')
  stopHolding()
  expect((await publisher.client.next(0, ALARM_MS)).name).toBe('connection.unblocked')
  for (let body = ''; body !== 'the last'; ) body = (await consumer.delivery()).content.body.toString()
  expect(broker.server.stats().alarms).toEqual([])
  expect(broker.server.health().status).toBe('healthy')
})
