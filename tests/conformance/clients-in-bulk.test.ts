// Clients that leave very much behind when they go: all of it is gone for all who look as soon as they are answered.
import { beforeEach, describe, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { methodFrame } from '../support/wire-frames.ts'
import { expectGone } from './gone-queues.ts'

const broker = useBroker()
/** More than goes in one turn. */
const COUNT = 10_000
const DURABLE = { durable: true, exclusive: false, autoDelete: false }

let channel: RawChannel
let bystander: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
  bystander = await broker.channel()
})

/** Queues by the names, each with a consumer of the client that goes. */
async function consumeFrom(
  names: readonly string[],
  options: { autoDelete: boolean; durable?: boolean },
): Promise<void> {
  const { client, id } = channel
  const make = (queue: string): Buffer[] => [
    methodFrame(id, 'queue.declare', { queue, ...options, nowait: true }),
    methodFrame(id, 'queue.bind', { queue, exchange: 'amq.fanout', nowait: true }),
    methodFrame(id, 'basic.consume', { queue, consumerTag: queue, nowait: true }),
  ]
  client.write(Buffer.concat(names.flatMap(make)))
  await channel.expectQuiet()
}

function manyNames(): string[] {
  const name = unique('own')
  return Array.from({ length: COUNT }, (_, i) => `${name}-${i}`)
}

const WAYS: readonly [string, () => Promise<void>][] = [
  ['its channel', () => channel.close()],
  [
    'its channel, because of an error',
    () => channel.expectRefusal('queue.declare', { queue: unique('none'), passive: true }, 404, /no queue/),
  ],
  [
    'its connection',
    async () => {
      channel.client.send(0, 'connection.close', { replyCode: 200 })
      expect((await channel.client.next()).name).toBe('connection.close-ok')
    },
  ],
]

describe.each(WAYS)('a client that closes %s', (_, close) => {
  test.each([
    ['auto-delete queues', { autoDelete: true }],
    ['durable auto-delete queues', { autoDelete: true, durable: true }],
  ])('takes its %s with it, however many, and their names are free', async (_, options) => {
    const names = manyNames()
    await consumeFrom(names, options)
    await close()
    await expectGone(bystander, names)
  })

  test('leaves no consumer on queues that stay, however many', async () => {
    const names = manyNames()
    await consumeFrom(names, { autoDelete: false })
    await close()
    const [last = '', other = ''] = names.slice(-2)
    await bystander.expectCounts(last, 0, 0)
    await bystander.consume(last, { exclusive: true })
    await bystander.call('queue.delete', { queue: other, ifUnused: true })
    bystander.publish({ routingKey: last, body: 'm' })
    await bystander.delivery()
    for (const queue of names) bystander.send('queue.delete', { queue, nowait: true })
    await bystander.expect('basic.cancel')
    await bystander.expectQuiet()
  })
})

test('an auto-delete queue stays that another client consumes from', async () => {
  const names = manyNames()
  await consumeFrom(names, { autoDelete: true })
  const last = names.at(-1) ?? ''
  await bystander.consume(last)
  await channel.client.close()
  await bystander.expectCounts(last, 0, 1)
  bystander.publish({ routingKey: last, body: 'm' })
  await bystander.expectBodies('m')
})

test('the next consumer of a queue with a single active one is active at once', async () => {
  const queue = await channel.queue({ ...DURABLE, arguments: { 'x-single-active-consumer': true } })
  await channel.consume(queue)
  await consumeFrom(manyNames(), { autoDelete: true })
  await bystander.consume(queue)
  await channel.close()
  bystander.publish({ routingKey: queue, body: 'm' })
  await bystander.expectBodies('m')
  await bystander.call('queue.delete', { queue })
})
