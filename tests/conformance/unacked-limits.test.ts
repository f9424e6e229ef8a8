// Limits on unacked bytes: nothing is refused and nothing lost, deliveries wait until there is room.
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { UnackedAccount } from '../../src/broker/clients/unacked-bytes.ts'
import type { ConnectionInfo } from '../../src/embedded/embedded-clients.ts'
import type { Logger } from '../../src/lib/logger.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

const SHARED = { exclusive: false }
const LOGGED = 'deliveries wait for acknowledgements: a limit on unacked bytes is reached'

let broker: TestBroker
const clients: RawClient[] = []
let logged: { readonly message: string; readonly limitOf?: string }[]

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await broker.stop()
})

async function start(config: Partial<ServerConfig> = {}): Promise<void> {
  logged = []
  const note = (fields: object, message: string) => void logged.push({ ...fields, message })
  const logger: Logger = { debug: () => {}, info: note, warn: note, error: note }
  broker = await startTestBroker({ ...config, logger })
}

async function channel(): Promise<RawChannel> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return await (await client.handshake()).channel(1)
}

/** So many bodies, each of 100 bytes that begin with its number. */
function bodies(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i).padEnd(100))
}

/** Of the connection that was opened first. */
function state(): ConnectionInfo | undefined {
  const [first] = broker.server.clients.connections()
  return first
}

function limitsReached(): (string | undefined)[] {
  return logged.filter(({ message }) => message === LOGGED).map(({ limitOf }) => limitOf)
}

interface Limit {
  readonly of: string
  readonly config?: Partial<ServerConfig>
  readonly set?: (bytes: number) => Promise<void>
  /** Whether another connection of the same user shares it. */
  readonly isShared: boolean
}

const LIMITS: readonly Limit[] = [
  { of: 'connection', config: { unackedBytesMaxPerConnection: 250 }, isShared: false },
  { of: 'node', config: { unackedBytesMax: 250 }, isShared: true },
  {
    of: 'vhost',
    set: (maxUnackedBytes) => broker.broker.limits.set({ maxUnackedBytes }),
    isShared: true,
  },
  {
    of: 'user',
    set: (maxUnackedBytes) => broker.server.userLimits.set('guest', { maxUnackedBytes }),
    isShared: true,
  },
]

describe.each(LIMITS)('the limit of a $of', ({ of, config, set, isShared }) => {
  test('is reached by the message that fills it, and each ack makes room for more', async () => {
    await start(config)
    await set?.(250)
    const consuming = await channel()
    const queue = await consuming.queue()
    consuming.publishTo(queue, ...bodies(1, 10))
    await consuming.consume(queue)
    const [first = 0, second = 0, third = 0] = await consuming.expectBodies(...bodies(1, 3))
    await consuming.expectCounts(queue, 7, 1)
    expect(limitsReached()).toEqual([of])
    expect(state()).toMatchObject({ bytesUnacked: 300, deliveriesWaitFor: of })
    consuming.ack(second)
    await consuming.expectBodies(...bodies(4, 4))
    await consuming.expectCounts(queue, 6, 1)
    consuming.ack(first)
    consuming.nack(third, { requeue: false })
    await consuming.expectBodies(...bodies(5, 6))
    await consuming.expectCounts(queue, 4, 1)
    consuming.ack(6, true)
    const [, , last = 0] = await consuming.expectBodies(...bodies(7, 9))
    consuming.ack(last, true)
    const [tenth = 0] = await consuming.expectBodies(...bodies(10, 10))
    consuming.ack(tenth)
    await consuming.expectCounts(queue, 0, 1)
    expect(state()).toMatchObject({ bytesUnacked: 0, deliveriesWaitFor: undefined })
  })

  test(isShared ? 'holds for all connections together' : 'is of each connection', async () => {
    await start(config)
    await set?.(250)
    const one = await channel()
    const queue = await one.queue(SHARED)
    one.publishTo(queue, ...bodies(1, 6))
    await one.consume(queue)
    await one.expectBodies(...bodies(1, 3))
    const other = await channel()
    await other.consume(queue)
    if (isShared) {
      await other.expectCounts(queue, 3, 2)
      await one.client.close()
      await other.expectBodies(...bodies(1, 3))
    } else await other.expectBodies(...bodies(4, 6))
  })
})

test('a message larger than the limit goes, and nothing behind it', async () => {
  await start({ unackedBytesMaxPerConnection: 10 })
  const consuming = await channel()
  const queue = await consuming.queue()
  consuming.publishTo(queue, ...bodies(1, 2))
  await consuming.consume(queue)
  const [tag = 0] = await consuming.expectBodies(...bodies(1, 1))
  await consuming.expectCounts(queue, 1, 1)
  consuming.ack(tag)
  await consuming.expectBodies(...bodies(2, 2))
})

test('consumers that need not acknowledge go on', async () => {
  await start({ unackedBytesMaxPerConnection: 100 })
  const consuming = await channel()
  const [queue, other] = [await consuming.queue(), await consuming.queue()]
  consuming.publishTo(queue, ...bodies(1, 2))
  await consuming.consume(queue)
  await consuming.expectBodies(...bodies(1, 1))
  consuming.publishTo(other, ...bodies(1, 20))
  await consuming.consume(other, { noAck: true })
  await consuming.expectBodies(...bodies(1, 20))
  await consuming.expectCounts(queue, 1, 1)
})

test('basic.get finds nothing while the limit is reached, unless it need not be acknowledged', async () => {
  await start({ unackedBytesMaxPerConnection: 150 })
  const getting = await channel()
  const queue = await getting.queue()
  getting.publishTo(queue, ...bodies(1, 4))
  await getting.get(queue)
  await getting.get(queue)
  expect(await getting.get(queue)).toBeUndefined()
  expect(limitsReached()).toEqual(['connection'])
  expect((await getting.get(queue, true))?.content.body.toString()).toBe(bodies(3, 3)[0])
  getting.ack(1)
  expect((await getting.get(queue))?.content.body.toString()).toBe(bodies(4, 4)[0])
})

test('a limit that is set, changed or taken away acts on what is open and unacked', async () => {
  await start()
  const consuming = await channel()
  const queue = await consuming.queue()
  await consuming.call('basic.qos', { prefetchCount: 5 })
  consuming.publishTo(queue, ...bodies(1, 10))
  await consuming.consume(queue)
  await consuming.expectBodies(...bodies(1, 5))
  expect(state()?.bytesUnacked).toBeUndefined()
  await broker.broker.limits.set({ maxUnackedBytes: 400 })
  expect(state()).toMatchObject({ bytesUnacked: 500, deliveriesWaitFor: 'vhost' })
  consuming.ack(1)
  await consuming.expectCounts(queue, 5, 1)
  consuming.ack(2)
  await consuming.expectBodies(...bodies(6, 6))
  await consuming.expectCounts(queue, 4, 1)
  await broker.broker.limits.set({ maxUnackedBytes: 450 })
  await consuming.expectBodies(...bodies(7, 7))
  await broker.broker.limits.set({ maxUnackedBytes: 350 })
  consuming.ack(3)
  await consuming.expectCounts(queue, 3, 1)
  await broker.broker.limits.clear()
  await consuming.expectBodies(...bodies(8, 8))
})

test('what a transaction settles counts until it is committed', async () => {
  await start({ unackedBytesMaxPerConnection: 100 })
  const consuming = await channel()
  const queue = await consuming.queue()
  consuming.publishTo(queue, ...bodies(1, 3))
  await consuming.call('tx.select')
  await consuming.consume(queue)
  const [tag = 0] = await consuming.expectBodies(...bodies(1, 1))
  consuming.ack(tag)
  await consuming.expectCounts(queue, 2, 1)
  await consuming.call('tx.rollback')
  await consuming.expectCounts(queue, 2, 1)
  expect(state()).toMatchObject({ bytesUnacked: 100 })
  consuming.ack(tag)
  await consuming.call('tx.commit')
  await consuming.expectBodies(...bodies(2, 2))
})

test('a channel or a connection that ends gives its share back, a cancelled consumer keeps nothing waiting', async () => {
  await start({ unackedBytesMax: 200 })
  const one = await channel()
  const queue = await one.queue(SHARED)
  one.publishTo(queue, ...bodies(1, 8))
  const tag = await one.consume(queue)
  await one.expectBodies(...bodies(1, 2))
  await one.call('basic.cancel', { consumerTag: tag })
  const second = await one.client.channel(2)
  await second.consume(queue)
  await second.expectCounts(queue, 6, 1)
  one.send('channel.close', { replyCode: 200 })
  await second.expectBodies(...bodies(1, 2))
  await one.expect('channel.close-ok')
  await one.client.close()
  const other = await channel()
  await other.consume(queue)
  await other.expectBodies(...bodies(1, 2))
  await other.expectCounts(queue, 6, 1)
})

test('a consumer that is cancelled as soon as it has begun does not wait', async () => {
  await start({ unackedBytesMaxPerConnection: 100 })
  const wait = vi.spyOn(UnackedAccount.prototype, 'wait')
  onTestFinished(() => wait.mockRestore())
  const consuming = await channel()
  const queue = await consuming.queue()
  consuming.publishTo(queue, ...bodies(1, 2))
  await consuming.get(queue)
  const { socket } = consuming.client
  socket.cork()
  consuming.send('basic.consume', { queue, consumerTag: 'c' })
  consuming.send('basic.cancel', { consumerTag: 'c' })
  socket.uncork()
  await consuming.expect('basic.consume-ok')
  await consuming.expect('basic.cancel-ok')
  const [account] = wait.mock.contexts as UnackedAccount[]
  expect(account?.wait({ wake: () => {} })).toBe(true) // it is the only one
})

test('many consumers of one user share what there is, and each gets its turn', async () => {
  await start()
  await broker.server.userLimits.set('guest', { maxUnackedBytes: 300 })
  const publishing = await channel()
  const consumers = await Promise.all(Array.from({ length: 5 }, () => channel()))
  const queues = await Promise.all(consumers.map((consumer) => consumer.queue(SHARED)))
  for (const queue of queues) publishing.publishTo(queue, ...bodies(1, 20))
  await publishing.expectCounts(queues[4] as string, 20, 0)
  await Promise.all(
    consumers.map(async (consumer, i) => {
      await consumer.consume(queues[i] as string)
      for (let number = 1; number <= 20; number++) {
        const [tag = 0] = await consumer.expectBodies(...bodies(number, number))
        consumer.ack(tag)
      }
    }),
  )
  for (const queue of queues) await publishing.expectCounts(queue, 0, 1)
})

test('what is unacked of a deleted queue counts until it is settled', async () => {
  await start()
  const consuming = await channel()
  const [queue, other] = [await consuming.queue(), await consuming.queue()]
  await broker.broker.limits.set({ maxUnackedBytes: 100 })
  consuming.publishTo(queue, ...bodies(1, 1))
  consuming.publishTo(other, ...bodies(1, 1))
  await consuming.consume(queue)
  const [tag = 0] = await consuming.expectBodies(...bodies(1, 1))
  consuming.send('queue.delete', { queue })
  await consuming.expect('queue.delete-ok')
  await consuming.expect('basic.cancel')
  await consuming.consume(other)
  await consuming.expectCounts(other, 1, 1)
  consuming.ack(tag)
  await consuming.expectBodies(...bodies(1, 1))
})
