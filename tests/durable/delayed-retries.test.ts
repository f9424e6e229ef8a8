// What waits before it is delivered again goes on waiting after a restart, and no longer than it has to.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import type { WireTable } from '../support/wire-values.ts'
import { DURABLE, DurableServer, PERSISTENT } from './durable-server.ts'

const KIB = 1024
const AN_HOUR_MS = 3_600_000

let server: DurableServer
let channel: RawChannel

beforeEach(async () => {
  server = await DurableServer.start()
  channel = await server.confirming()
})

afterEach(async () => {
  await server.remove()
})

async function declare(minMs: number, kind: WireTable): Promise<void> {
  const args = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': minMs, ...kind }
  await channel.queue({ ...DURABLE, arguments: args }, 'q')
}

async function publish(...bodies: (string | Buffer)[]): Promise<void> {
  for (const body of bodies) {
    channel.publish({ routingKey: 'q', body, properties: PERSISTENT })
    await channel.expect('basic.ack')
  }
}

async function restart(): Promise<void> {
  await server.restart()
  channel = await server.confirming()
}

const info = () => server.server.broker.queueInfo('q')

describe.each([
  ['a classic queue', {}],
  ['a classic queue with priorities', { 'x-max-priority': 3 }],
  ['a quorum queue', { 'x-queue-type': 'quorum' }],
])('%s', (_name, kind) => {
  test('has them wait after restarts, with what they weigh, and delivers the others', async () => {
    await declare(AN_HOUR_MS, kind)
    await publish('a', Buffer.alloc(100 * KIB, 'b'), 'c')
    for (const _ of 'ab') channel.nack(Number((await take(channel, 'q')).args.deliveryTag))
    await channel.expectCounts('q', 1, 0)
    const waiting = { messagesReady: 1, messagesDelayed: 2, messagesUnacked: 0, bytesReady: 1, bytesUnacked: 0 }
    expect(info()).toMatchObject(waiting)
    await restart()
    // Until their marks have been read, they count as ready.
    await expect.poll(info).toMatchObject(waiting)
    await channel.expectCounts('q', 1, 0)
    await restart()
    expect((await take(channel, 'q')).content.body.toString()).toBe('c')
    expect(await channel.get('q')).toBeUndefined()
  })

  test('delivers them when their time has come, and not before', async () => {
    await declare(400, kind)
    await publish('a')
    const { args } = await take(channel, 'q')
    const beganMs = performance.now()
    channel.nack(Number(args.deliveryTag))
    await channel.expectCounts('q', 0, 0)
    await restart()
    await channel.consume('q')
    const again = await channel.delivery({ redelivered: true })
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(399)
    expect(again.content.body.toString()).toBe('a')
    channel.ack(Number(again.args.deliveryTag))
    await channel.expectCounts('q', 0, 1)
    await restart()
    await channel.expectCounts('q', 0, 0)
    expect(info()?.messagesDelayed).toBe(0)
  })

  test('drops them for good when it is purged', async () => {
    await declare(AN_HOUR_MS, kind)
    await publish('a', 'b')
    channel.nack(Number((await take(channel, 'q')).args.deliveryTag))
    await channel.call('queue.purge', { queue: 'q' })
    await restart()
    await channel.expectCounts('q', 0, 0)
    expect(info()?.messagesDelayed).toBe(0)
  })
})

test('they wait on when no policy says so any more, and no others do', async () => {
  const { broker } = server.server
  await broker.policies.set('retries', {
    pattern: '',
    definition: { 'delayed-retry-type': 'all', 'delayed-retry-min': AN_HOUR_MS },
  })
  await channel.queue(DURABLE, 'q')
  await publish('a', 'b')
  channel.nack(Number((await take(channel, 'q')).args.deliveryTag))
  await channel.expectCounts('q', 1, 0)
  await broker.policies.delete('retries')
  await restart()
  const { args, content } = await take(channel, 'q')
  expect(content.body.toString()).toBe('b')
  channel.nack(Number(args.deliveryTag))
  await channel.expectCounts('q', 1, 0)
  expect(info()?.messagesDelayed).toBe(1)
})
