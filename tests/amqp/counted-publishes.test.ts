// What an exchange and a channel have counted is exact whenever it is read, whatever way the messages came.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

let started: TestBroker
let channel: RawChannel

beforeEach(async () => {
  started = await startTestBroker()
  const { broker } = started
  for (const name of ['q', 'r']) {
    broker.declareQueue(name)
    broker.bindQueue(name, 'amq.fanout', '')
  }
  channel = await (await (await RawClient.connect(started)).handshake()).channel(1)
})

afterEach(async () => {
  channel.client.destroy()
  await started.stop()
})

/** What came in and what went out of an exchange: by its name, and in the list of all. */
function counts(name = ''): (number | undefined)[] {
  const { broker } = started
  const { messagesIn, messagesOut } = broker.exchangeInfo(name) ?? {}
  const listed = broker.exchanges().find((exchange) => exchange.name === name)
  expect(listed).toMatchObject({ messagesIn, messagesOut })
  return [messagesIn, messagesOut]
}

function published(): number | undefined {
  const [info] = [...started.server.clients.channels()]
  return info?.published
}

/** Publishes, and waits until that is done. */
async function publish(exchange: string, routingKey: string, times: number, properties = {}): Promise<void> {
  for (let i = 0; i < times; i++) channel.publish({ exchange, routingKey, properties })
  await channel.expectQuiet()
}

test('one route after the other', async () => {
  await publish('', 'q', 3)
  expect(counts()).toEqual([3, 3])
  await publish('', 'q', 2)
  await publish('', 'nowhere', 2)
  await publish('amq.fanout', 'any', 4)
  expect(counts()).toEqual([7, 5])
  await publish('amq.fanout', 'other', 1)
  await publish('', 'q', 1)
  expect(counts()).toEqual([8, 6])
  expect(counts('amq.fanout')).toEqual([5, 10])
  expect(published()).toBe(13)
})

test('a queue more behind the same exchange and key', async () => {
  await publish('amq.fanout', 'any', 2)
  started.broker.declareQueue('s')
  started.broker.bindQueue('s', 'amq.fanout', '')
  await publish('amq.fanout', 'any', 3)
  expect(counts('amq.fanout')).toEqual([5, 13])
})

test('properties that have a say', async () => {
  await publish('', 'q', 2)
  await publish('', 'q', 1, { expiration: '60000' })
  await publish('', 'q', 2, { headers: { CC: ['r'] } })
  await publish('', 'q', 1)
  expect(counts()).toEqual([6, 8])
  expect(published()).toBe(6)
})

test('transactions: a message counts once it is committed, with its exchange and its channel', async () => {
  await channel.call('tx.select')
  await publish('', 'q', 2)
  expect([counts(), published()]).toEqual([[0, 0], 0])
  await channel.call('tx.commit')
  expect([counts(), published()]).toEqual([[2, 2], 2])
})

test('code in the same process', () => {
  started.broker.publish('', 'q', 'x')
  started.broker.publish('', 'q', 'x', { expiration: '60000' })
  expect(counts()).toEqual([2, 2])
})

test('a channel that closed, and a connection that is gone', async () => {
  await publish('', 'q', 3)
  await channel.close()
  expect(counts()).toEqual([3, 3])
  channel = await channel.client.channel(2)
  await publish('', 'q', 4)
  await channel.client.close()
  expect(counts()).toEqual([7, 7])
  expect(started.broker.stats().messagesPublished).toBe(7)
})
