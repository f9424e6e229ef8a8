// Code in the process may work for long in one turn: the time of a message begins when it is published.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import type { AddressedMessage } from '../../src/embedded/outgoing-message.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { lookThrough } from '../../storage/look-ahead.ts'
import { readExtension } from '../../storage/record-extension.ts'
import type { Segment } from '../../storage/segment.ts'

const WORK_MS = 30
const TTL_MS = 60_000

let started: TestBroker
let broker: EmbeddedBroker

beforeEach(async () => {
  started = await startTestBroker()
  broker = started.broker
  broker.declareQueue('q', { arguments: { 'x-message-ttl': TTL_MS } })
})

afterEach(() => started.stop())

function work(): void {
  for (const beginMs = performance.now(); performance.now() - beginMs < WORK_MS; ) {
    // as code does that takes its time
  }
}

/** When the messages of a queue expire. */
function expiries(): number[] {
  const found: number[] = []
  const show = (segment: Segment, index: number): boolean =>
    found.push(readExtension(segment, index)?.expiresAtMs ?? Number.NaN) > 0
  lookThrough(started.server.core.requireVhost('/').requireQueue('q').lookAhead(), show, () => {})
  return found
}

/** How long after the first message of the queue the last one expires. */
function between(): number {
  const times = expiries()
  expect(times.length).toBeGreaterThan(1)
  return (times.at(-1) ?? Number.NaN) - (times[0] ?? Number.NaN)
}

test('publish', () => {
  broker.publish('', 'q', 'a')
  work()
  broker.publish('', 'q', 'b')
  expect(between()).toBeGreaterThanOrEqual(WORK_MS)
})

test('publishBatch, whose messages are all published once the last one is made', () => {
  function* messages(): Generator<AddressedMessage> {
    yield { exchange: '', routingKey: 'q', body: 'b' }
    work()
  }
  broker.publish('', 'q', 'a')
  broker.publishBatch(messages())
  expect(between()).toBeGreaterThanOrEqual(WORK_MS)
})

test('a transaction', () => {
  const { transactions } = broker
  transactions.select(1)
  transactions.addOperation(1, { kind: 'publish', exchange: '', routingKey: 'q', message: { body: 'b' } })
  broker.publish('', 'q', 'a')
  work()
  transactions.commit(1)
  expect(between()).toBeGreaterThanOrEqual(WORK_MS)
})

test.each(['reject', 'transaction'])('a dead letter by %s', async (how) => {
  broker.declareQueue('source', {
    arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' },
  })
  broker.publish('', 'source', 'b')
  const taken = await broker.get('source')
  if (taken === undefined) throw new Error('there was nothing to take')
  broker.publish('', 'q', 'a')
  work()
  if (how === 'reject') broker.reject(taken, { requeue: false })
  else {
    broker.transactions.select(1)
    const { queue, deliveryTag } = taken
    broker.transactions.addOperation(1, { kind: 'reject', queue, deliveryTag, requeue: false })
    work()
    broker.transactions.commit(1)
  }
  expect(between()).toBeGreaterThanOrEqual(WORK_MS)
})
