// Mistakes of ours while a channel or a connection ends: what comes behind them is done all the same, since nobody would do it later.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Channels } from '../../src/amqp/channels.ts'
import { Publisher } from '../../src/broker/publishing/publisher.ts'
import { Departures } from '../../src/broker/queues/departures.ts'
import { Queue } from '../../src/broker/queues/queue.ts'
import { QueueConsumers } from '../../src/broker/queues/queue-consumers.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

const BROKEN = new Error('broken inside')
const QUEUES = ['q0', 'q1', 'q2', 'q3']
/** More than is given back in one turn. */
const MANY = 5000

let started: TestBroker
let victim: RawChannel
let bystander: RawChannel
const clients: RawClient[] = []

beforeEach(async () => {
  started = await startTestBroker()
  victim = await channel()
  bystander = await channel()
})

afterEach(async () => {
  vi.restoreAllMocks()
  for (const client of clients.splice(0)) client.destroy()
  await started.stop()
})

async function channel(login: { user?: string; pass?: string } = {}): Promise<RawChannel> {
  const client = await RawClient.connect(started)
  clients.push(client)
  return await (await client.handshake(login)).channel(1)
}

/** This call of the method fails, the first one if not told otherwise, and only that one. */
function failOnce<T extends object>(of: T, name: keyof T & string, at = 0) {
  const original = (of as Record<string, (...args: unknown[]) => unknown>)[name]
  let calls = 0
  return vi.spyOn(of as Record<string, () => void>, name).mockImplementation(function (this: unknown, ...args) {
    if (calls++ === at) throw BROKEN
    return original?.apply(this, args)
  })
}

/** Each queue has a message, which the victim has and has not settled. */
async function takeOneOfEach(): Promise<void> {
  for (const name of QUEUES) {
    await bystander.queue({ exclusive: false }, name)
    await victim.consume(name)
    bystander.publishTo(name, name)
    await victim.expectBodies(name)
  }
}

async function expectNobodyThere(): Promise<void> {
  const { core } = started.server
  const { connections, channels, consumers } = core.clientCounts
  await vi.waitFor(() => expect([connections.inAll, channels.inAll, consumers.inAll]).toEqual([1, 1, 0]))
  await vi.waitFor(() => expect(core.removals.isEmpty).toBe(true))
  expect(started.server.stats()).toMatchObject({ connections: 1, channels: 1, consumers: 0 })
  for (const queue of QUEUES) await bystander.expectCounts(queue, 1, 0)
}

const WAYS: readonly [string, () => void][] = [
  ['closes its channel', () => victim.send('channel.close', { replyCode: 200 })],
  ['closes its connection', () => victim.client.send(0, 'connection.close', { replyCode: 200 })],
  ['is cut off', () => victim.client.destroy()],
]

describe.each(WAYS)('a client that %s gives all back and counts no longer, when', (_, end) => {
  test.each([
    ['a queue cannot deliver any more', () => failOnce(Queue.prototype, 'catchUp', 1)],
    ['a consumer cannot leave', () => failOnce(Queue.prototype, 'leave', 1)],
    ['a consumer cannot be taken away', () => failOnce(QueueConsumers.prototype, 'remove', 1)],
  ])('%s', async (_, fail) => {
    await takeOneOfEach()
    const { topology } = started.server.core
    fail()
    end()
    await expectNobodyThere()
    await bystander.client.close()
    expect(topology.bytes).toBeLessThan(100_000)
  })

  test('one message cannot come back', async () => {
    await takeOneOfEach()
    failOnce(Departures.prototype, 'settle', 1)
    end()
    const ready = () => QUEUES.map((name) => started.broker.queueInfo(name)?.messagesReady)
    await vi.waitFor(() => expect(ready()).toEqual([1, 0, 1, 1]))
  })

  test('one of very many messages cannot come back', async () => {
    const name = await bystander.queue({ exclusive: false })
    bystander.publishTo(name, ...new Array<string>(MANY).fill('m'))
    await victim.consume(name)
    for (let left = MANY; left > 0; left--) await victim.delivery()
    failOnce(Departures.prototype, 'settle', MANY / 2)
    end()
    await started.waitForQueue(name, { messagesReady: MANY - 1 })
  })

  test('its channels cannot end', async () => {
    failOnce(Channels.prototype, 'closeAll')
    end()
    victim.client.socket.end()
    await vi.waitFor(() => expect(started.server.core.clientCounts.connections.inAll).toBe(1))
  })
})

test('a permission that is taken away counts for all connections, also when one of them fails', async () => {
  const { users, permissions } = started.server
  await users.add('me', 'a long password')
  await permissions.set('me', { configure: '.*', write: '.*', read: '.*' })
  const mine = [
    await channel({ user: 'me', pass: 'a long password' }),
    await channel({ user: 'me', pass: 'a long password' }),
  ]
  for (const each of mine) {
    each.publish({ routingKey: 'none', mandatory: true })
    await each.returned()
  }
  failOnce(Publisher.prototype, 'forget')
  await permissions.set('me', { configure: '', write: '', read: '' })
  mine[1]?.publish({ routingKey: 'none', mandatory: true })
  await mine[1]?.expectClose(403, /write access to exchange/, 'basic.publish')
  await mine[0]?.client.expectConnectionClose(541, 'internal error')
})
