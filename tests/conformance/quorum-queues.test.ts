// Queues of the type quorum: RabbitMQ's rules for them, on one node.
import { beforeEach, describe, expect, test } from 'vitest'
import { startTestBroker } from '../../src/testing.ts'
import { differsFromRabbit310, leveretOnly, useBroker } from '../support/broker.ts'
import { headersOf } from '../support/dead-letters.ts'
import type { QueueOptions, RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { unique } from '../support/unique.ts'
import type { WireTable } from '../support/wire-values.ts'

const broker = useBroker()
const QUORUM = { 'x-queue-type': 'quorum' }
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

async function quorumQueue(queueArguments: WireTable = {}, options: QueueOptions = {}): Promise<string> {
  const args = { ...QUORUM, ...queueArguments }
  return await channel.queue({ durable: true, exclusive: false, arguments: args, ...options })
}

function publish(queue: string, ...priorities: (number | undefined)[]): void {
  for (const [place, priority] of priorities.entries()) {
    const properties = priority === undefined ? {} : { priority }
    channel.publish({ routingKey: queue, body: `${priority ?? '-'} ${place}`, properties })
  }
}

test('it keeps messages as other queues do', async () => {
  const queue = await quorumQueue()
  channel.publishTo(queue, '1', '2', '3')
  await channel.expectCounts(queue, 3, 0)
  await channel.get(queue)
  channel.nack(1)
  await channel.expectCounts(queue, 3, 0)
  expect((await channel.get(queue, true))?.args).toMatchObject({ redelivered: true })
  expect((await channel.call('queue.purge', { queue })).args).toEqual({ messageCount: 2 })
  await channel.call('queue.delete', { queue })
})

describe('it is neither transient nor exclusive nor auto-delete', () => {
  test.each([
    ['non-durable', { durable: false }],
    ['exclusive-owner', { exclusive: true }],
    ['auto-delete', { autoDelete: true }],
    ['auto-delete', { autoDelete: true, exclusive: true, durable: false }],
  ])('%s is refused (%j)', async (property, options) => {
    const queue = unique('q')
    const declare = { queue, durable: true, arguments: QUORUM, ...options }
    const text = `invalid property '${property}' for queue '${queue}' in vhost '/'`
    await channel.expectRefusal('queue.declare', declare, 406, text)
    await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
  })
})

test('it has a name of its own', async () => {
  const text = 'Cannot declare a server-named queue for type rabbit_quorum_queue'
  await channel.expectRefusal('queue.declare', { queue: '', durable: true, arguments: QUORUM }, 406, text)
})

test.each([
  ['x-max-priority', 5],
  ['x-queue-mode', 'lazy'],
  ['x-queue-version', 2],
  ['x-max-age', '1h'],
  ['x-initial-cluster-size', 3],
])('%s is an argument of other queue types', async (name, value) => {
  const queue = unique('q')
  const declare = { queue, durable: true, arguments: { ...QUORUM, [name]: value } }
  const text = `invalid arg '${name}' for queue '${queue}' in vhost '/' of queue type rabbit_quorum_queue`
  await channel.expectRefusal('queue.declare', declare, 406, text)
})

test.each([
  ['x-delivery-limit', 'ten', '"expected integer, got longstr"'],
  ['x-quorum-initial-group-size', 0, '{value_zero,0}'],
  ['x-quorum-initial-group-size', -1, '{value_negative,-1}'],
  ['x-max-in-memory-length', -1, '{value_negative,-1}'],
  ['x-max-in-memory-bytes', 'all', '"expected integer, got longstr"'],
  ['x-dead-letter-strategy', 'never', 'invalid_dlx_strategy'],
  ['x-queue-leader-locator', 'here', 'invalid_queue_locator_arg'],
])('%s = %s is refused', async (name, value, detail) => {
  const queue = unique('q')
  const declare = { queue, durable: true, arguments: { ...QUORUM, [name]: value } }
  const text = `invalid arg '${name}' for queue '${queue}' in vhost '/': ${detail}`
  await channel.expectRefusal('queue.declare', declare, 406, text)
})

test('what is about replicas is taken, and compared', async () => {
  const all: WireTable = {
    'x-quorum-initial-group-size': 3,
    'x-queue-leader-locator': 'balanced',
    'x-max-in-memory-length': 10,
    'x-max-in-memory-bytes': 1000,
    'x-delivery-limit': -1,
    'x-overflow': 'drop-head',
  }
  const queue = await quorumQueue(all)
  await channel.call('queue.declare', { queue, durable: true, arguments: { ...QUORUM, ...all } })
  const other = { ...QUORUM, ...all, 'x-quorum-initial-group-size': 5 }
  const text = `inequivalent arg 'x-quorum-initial-group-size' for queue '${queue}' in vhost '/': received '5' but current is '3'`
  await channel.expectRefusal('queue.declare', { queue, durable: true, arguments: other }, 406, text)
})

test('it is not equivalent to a classic queue', async () => {
  const queue = await quorumQueue()
  const text = new RegExp(`inequivalent arg 'x-queue-type' for queue '${queue}' in vhost '/': received .*`)
  const classic = { queue, durable: true, arguments: { 'x-queue-type': 'classic' } }
  await channel.expectRefusal('queue.declare', classic, 406, text)
  await channel.expectRefusal('queue.declare', { queue, durable: true }, 406, text)
})

test('an argument of another queue type is refused as such, whatever its value', async () => {
  for (const [type, name, value] of [
    ['quorum', 'x-max-priority', 'five'],
    ['quorum', 'x-queue-mode', 'bogus'],
    ['classic', 'x-dead-letter-strategy', 'never'],
    ['classic', 'x-max-in-memory-length', -1],
  ] as const) {
    const queue = unique('q')
    const declare = { queue, durable: true, arguments: { 'x-queue-type': type, [name]: value } }
    const text = `invalid arg '${name}' for queue '${queue}' in vhost '/' of queue type rabbit_${type}_queue`
    await channel.expectRefusal('queue.declare', declare, 406, text)
  }
})

test('of several arguments that differ, the error names the one that RabbitMQ compares first', async () => {
  const queue = await quorumQueue({ 'x-expires': 86_400_000, 'x-max-length': 5, 'x-dead-letter-exchange': 'dead' })
  for (const [given, named] of [
    [{ 'x-message-ttl': 5 }, 'x-dead-letter-exchange'],
    [{ 'x-message-ttl': 5, 'x-dead-letter-exchange': 'dead' }, 'x-expires'],
    [{ 'x-dead-letter-exchange': 'dead', 'x-expires': 86_400_000, 'x-delivery-limit': 3 }, 'x-max-length'],
  ] as const) {
    const text = new RegExp(`inequivalent arg '${named}' for queue '${queue}' in vhost '/'`)
    const declare = { queue, durable: true, arguments: { ...QUORUM, ...given } }
    await channel.expectRefusal('queue.declare', declare, 406, text)
  }
  const untyped = { queue, durable: true, arguments: { 'x-expires': 5 } }
  await channel.expectRefusal('queue.declare', untyped, 406, /inequivalent arg 'x-dead-letter-exchange'/)
})

test('a consumer whose limit is reached gets its next message behind those that wait for one', async () => {
  const queue = await quorumQueue()
  const [one, other] = [await channel.client.channel(2), await channel.client.channel(3)]
  for (const each of [one, other]) {
    await each.call('basic.qos', { prefetchCount: 1 })
    if (each === one) channel.publishTo(queue, '1')
    await each.consume(queue)
    if (each === one) {
      const { args } = await one.delivery()
      expect(args).toMatchObject({ deliveryTag: 1 })
    }
  }
  one.nack(1)
  expect((await other.delivery()).args).toMatchObject({ redelivered: true })
  await one.expectQuiet(queue)
})

test.each([
  ['if-unused', { ifUnused: true }],
  ['if-empty', { ifEmpty: true }],
  ['if-unused', { ifUnused: true, ifEmpty: true }],
])('queue.delete with %s ends the connection (%j)', async (flag, flags) => {
  const queue = await quorumQueue()
  channel.send('queue.delete', { queue, ...flags })
  const text =
    `cannot delete queue '${queue}' in vhost '/'. queue.delete operations with ${flag} flag set are not supported by ` +
    'quorum queues'
  await channel.client.expectConnectionClose(540, text, 'queue.delete')
  const other = await broker.channel()
  await other.call('queue.delete', { queue })
})

test('a prefetch limit for the whole channel ends the connection', async () => {
  const queue = await quorumQueue()
  await channel.call('basic.qos', { prefetchCount: 10, global: true })
  channel.send('basic.consume', { queue })
  await channel.client.expectConnectionClose(
    540,
    `queue '${queue}' in vhost '/' does not support global qos`,
    'basic.consume',
  )
})

differsFromRabbit310('has no priorities in quorum queues')(
  'priorities above 4 are high, and two of them come before a normal one',
  async () => {
    const queue = await quorumQueue()
    publish(queue, undefined, 4, 5, 0, 9, 255, 6, 5, 3, 5)
    await channel.expectCounts(queue, 10, 0)
    expect(await channel.drain(queue)).toEqual([
      ...['5 2', '9 4', '- 0'],
      ...['255 5', '6 6', '4 1'],
      ...['5 7', '5 9', '0 3', '3 8'],
    ])
  },
)

describe('with a single active consumer', () => {
  const SINGLE = { 'x-single-active-consumer': true }

  async function consumer(queue: string, id: number, priority: number, prefetchCount = 0): Promise<RawChannel> {
    const own = await channel.client.channel(id)
    await own.call('basic.qos', { prefetchCount })
    await own.consume(queue, { consumerTag: `c${id}`, arguments: { 'x-priority': priority } })
    return own
  }

  test('basic.get is refused', async () => {
    const queue = await quorumQueue(SINGLE)
    const text =
      `cannot obtain access to locked queue '${queue}' in vhost '/'. basic.get operations are not supported by quorum ` +
      'queues with single active consumer'
    await channel.expectRefusal('basic.get', { queue }, 405, text)
  })

  differsFromRabbit310('goes by no priorities')(
    'one of a higher priority takes over at once from one that has nothing',
    async () => {
      const queue = await quorumQueue(SINGLE)
      const low = await consumer(queue, 2, 0)
      const high = await consumer(queue, 3, 5)
      channel.publishTo(queue, '1')
      await high.expectBodies('1')
      await low.expectQuiet(queue)
      await high.close()
      expect((await low.delivery()).args).toMatchObject({ redelivered: true })
    },
  )

  differsFromRabbit310('goes by no priorities')('and waits until one that has messages has settled them', async () => {
    for (const prefetchCount of [0, 5]) {
      const queue = await quorumQueue(SINGLE)
      const low = await consumer(queue, 2, 0, prefetchCount)
      channel.publishTo(queue, '1', '2')
      const [first, second] = await low.expectBodies('1', '2')
      const high = await consumer(queue, 3, 5)
      channel.publishTo(queue, '3', '4')
      await high.expectQuiet(queue)
      low.ack(first as number)
      await low.expectQuiet(queue)
      await high.expectQuiet(queue)
      low.ack(second as number)
      await high.expectBodies('3', '4')
      await low.expectQuiet(queue)
      // The one that made room is next again.
      await high.call('basic.cancel', { consumerTag: 'c3' })
      channel.publishTo(queue, '5')
      await low.expectBodies('5')
      await low.close()
      await high.close()
    }
  })

  differsFromRabbit310('goes by no priorities')('and is next when that one goes instead', async () => {
    const queue = await quorumQueue(SINGLE)
    const low = await consumer(queue, 2, 0)
    channel.publishTo(queue, '1')
    await low.expectBodies('1')
    const high = await consumer(queue, 3, 5)
    await low.close()
    expect((await high.delivery()).args).toMatchObject({ redelivered: true })
    channel.publishTo(queue, '2')
    await high.expectBodies('2')
  })

  test('one of the same priority waits', async () => {
    const queue = await quorumQueue(SINGLE)
    const [first, second] = [await consumer(queue, 2, 1), await consumer(queue, 3, 1)]
    channel.publishTo(queue, '1')
    await first.expectBodies('1')
    await second.expectQuiet(queue)
  })
})

test('redeliveries tell how often the message came back, and the twenty-first return is its last', async () => {
  const queue = await quorumQueue()
  channel.publish({ routingKey: queue, body: '1', properties: { headers: { mine: 'yes' } } })
  for (let returns = 0; returns <= 20; returns++) {
    const message = await channel.get(queue)
    if (message === undefined) throw new Error(`it was gone after ${returns} returns`)
    const { mine, ...others } = headersOf(message)
    expect(mine).toBe('yes')
    expect(others).toEqual(returns === 0 ? {} : { 'x-delivery-count': returns })
    channel.nack(Number(message.args.deliveryTag))
  }
  await channel.expectCounts(queue, 0, 0)
})

leveretOnly('a server of its own')('a virtual host may have quorum as the type of its durable queues', async () => {
  const own = await startTestBroker()
  try {
    const other = own.broker.createVhost('other', { defaultQueueType: 'quorum' })
    expect([own.broker.defaultQueueType, other.defaultQueueType]).toEqual(['classic', 'quorum'])
    const client = await (await RawClient.connect(own)).handshake({ vhost: 'other' })
    const inside = await client.channel(1)
    await inside.call('queue.declare', { queue: 'q', durable: true })
    await inside.call('queue.declare', { queue: 'q', durable: true })
    await inside.call('queue.declare', { queue: 'q', durable: true, arguments: QUORUM })
    await inside.call('queue.declare', { queue: 'transient' })
    await inside.call('queue.declare', { queue: 'exclusive', durable: true, exclusive: true })
    await inside.call('queue.declare', { queue: 'going', durable: true, autoDelete: true })
    await inside.call('queue.declare', { queue: 'classic', durable: true, arguments: { 'x-queue-type': 'classic' } })
    expect(Object.fromEntries(other.queues().map(({ name, type, replicas }) => [name, `${type} ${replicas}`]))).toEqual(
      {
        q: 'quorum 1',
        transient: 'classic 1',
        exclusive: 'classic 1',
        going: 'classic 1',
        classic: 'classic 1',
      },
    )
    expect(other.queueInfo('q')?.arguments).toEqual(QUORUM)
    other.setDefaultQueueType('classic')
    await inside.call('queue.declare', { queue: 'later', durable: true })
    expect(other.queueInfo('later')?.type).toBe('classic')
    expect(() => other.setDefaultQueueType('stream' as 'quorum')).toThrow(
      'the default queue type must be one of classic, quorum',
    )
    client.destroy()
  } finally {
    await own.stop()
  }
})

const returnsTest = differsFromRabbit310('it knows no priorities in quorum queues')

returnsTest('what comes back is due before all else, in the order in which it came back', async () => {
  const queue = await quorumQueue()
  publish(queue, undefined, 9, undefined, undefined, 9, undefined)
  const bodies: string[] = []
  for (let count = 0; count < 5; count++) bodies.push(String((await channel.get(queue))?.content.body))
  expect(bodies).toEqual(['9 1', '9 4', '- 0', '- 2', '- 3'])
  for (const tag of [4, 2, 5, 1, 3]) channel.nack(tag)
  publish(queue, 9)
  expect(await channel.drain(queue)).toEqual(['- 2', '9 4', '- 3', '9 1', '- 0', '- 5', '9 0'])
})
