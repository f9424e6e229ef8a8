import { expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'

const broker = useBroker()

test('tune offers 2047 channels, frames of 128 KiB and a heartbeat of 60 seconds', async () => {
  const client = await broker.connect()
  const tune = await client.login()
  expect(tune.args).toEqual({ channelMax: 2047, frameMax: 131_072, heartbeat: 60 })
})

const refusals = [
  [{ frameMax: 131_073 }, 'negotiated frame_max = 131073 is higher than the maximum allowed value (131072)'],
  [{ frameMax: 0 }, 'negotiated frame_max = 0 (no limit) is higher than the maximum allowed value (131072)'],
  [{ channelMax: 2048 }, 'negotiated channel_max = 2048 is higher than the maximum allowed value (2047)'],
  [{ channelMax: 0 }, 'negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)'],
  [{ frameMax: 4095 }, /negotiated frame_max = 4095 is lower than the minimum allowed value \(4096\)$/],
  [{ frameMax: 1 }, /negotiated frame_max = 1 is lower than the minimum allowed value \(4096\)$/],
] as const

differsFromRabbit310('just closed the socket').each(refusals)(
  'tune-ok with %j is refused with 530',
  async (tune, text) => {
    const client = await broker.connect()
    await client.login({ tune })
    client.frameMax = 131_072
    await client.expectConnectionClose(530, text, 'connection.tune')
    await client.expectSocketClosed()
  },
)

test('a frame-max of 4096 is accepted and kept by the broker', async () => {
  const channel = await broker.channel({ tune: { frameMax: 4096 } })
  const queue = await channel.queue()
  const body = Buffer.alloc(10_000, 'a')
  channel.publish({ routingKey: queue, body })
  const message = await channel.get(queue, true)
  expect(message?.content.body.equals(body)).toBe(true)
  expect(message?.content.frameSizes).toEqual([4088, 4088, 1824])
})

test('smaller values of the client are accepted', async () => {
  const client = await broker.open({ tune: { channelMax: 1, frameMax: 8192, heartbeat: 0 } })
  await client.expectUsable(1)
})

test.each([4087, 4088, 4089, 8176, 8177])('a body of %d bytes is cut into frames of frame-max', async (size) => {
  const channel = await broker.channel({ tune: { frameMax: 4096 } })
  const queue = await channel.queue()
  await channel.consume(queue, { noAck: true })
  const body = Buffer.alloc(size, 'x')
  channel.publish({ routingKey: queue, body })
  const { content } = await channel.delivery()
  expect(content.body.equals(body)).toBe(true)
  const sizes: number[] = []
  for (let left = size; left > 0; left -= 4088) sizes.push(Math.min(left, 4088))
  expect(content.frameSizes).toEqual(sizes)
})

test('every connection gets frames of its own size', async () => {
  const large = await broker.channel()
  const small = await broker.channel({ tune: { frameMax: 4096 } })
  const exchange = await large.exchange('fanout')
  const queues = [await large.queue(), await small.queue()] as const
  await large.bind(queues[0], exchange)
  await small.bind(queues[1], exchange)
  large.publish({ exchange, body: Buffer.alloc(100_000) })
  await large.expectQuiet(queues[0])
  expect((await large.get(queues[0]))?.content.frameSizes).toEqual([100_000])
  const cut = (await small.get(queues[1]))?.content.frameSizes ?? []
  expect(Math.max(...cut)).toBe(4088)
  expect(cut.reduce((sum, size) => sum + size, 0)).toBe(100_000)
})

test('returned messages are cut into frames of frame-max as well', async () => {
  const channel = await broker.channel({ tune: { frameMax: 4096 } })
  channel.publish({ routingKey: 'nowhere-at-all', body: Buffer.alloc(5000), mandatory: true })
  expect((await channel.returned()).content.frameSizes).toEqual([4088, 912])
})
