// Dead letters for many queues, and many at once: limits hold, every copy arrives, and others are served meanwhile.
import { beforeEach, expect, test } from 'vitest'
import { leveretOnly, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

/** A queue of that length whose dead letters go to so many others; the first of those. */
async function fanned(targets: number, overflow: string): Promise<{ source: string; target: string }> {
  const exchange = await channel.exchange('fanout')
  let target = ''
  for (let count = 0; count < targets; count++) {
    const queue = await channel.queue()
    await channel.bind(queue, exchange)
    target ||= queue
  }
  const options = { 'x-max-length': 10, 'x-overflow': overflow, 'x-dead-letter-exchange': exchange }
  return { source: await channel.queue({ arguments: options }), target }
}

const BODIES = Array.from({ length: 2000 }, (_, at) => String(at))

leveretOnly('RabbitMQ counts messages that are still on their way')(
  'a queue keeps its length however many queues its dead letters go to',
  async () => {
    const { source, target } = await fanned(100, 'drop-head')
    channel.publishTo(source, ...BODIES)
    await channel.get(source, true)
    const { args } = await channel.call('queue.declare', { queue: source, passive: true })
    expect(Number(args.messageCount)).toBeLessThanOrEqual(10)
    await channel.expectCounts(target, BODIES.length - 10, 0)
  },
)

test('each message that is refused has a copy at each of many dead letter queues', async () => {
  const { source, target } = await fanned(100, 'reject-publish-dlx')
  channel.publishTo(source, ...BODIES)
  const until = performance.now() + 3000
  for (let count = 0; count < BODIES.length - 10 && performance.now() < until; ) {
    const { args } = await channel.call('queue.declare', { queue: target, passive: true })
    count = Number(args.messageCount)
  }
  await channel.expectCounts(target, BODIES.length - 10, 0)
  expect((await channel.drain(target)).slice(0, 3)).toEqual(['10', '11', '12'])
})
