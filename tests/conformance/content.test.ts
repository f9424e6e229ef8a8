import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { BODY, frame, headerFrame, methodFrame } from '../support/wire-frames.ts'

const broker = useBroker()
let channel: RawChannel
let queue: string

beforeEach(async () => {
  channel = await broker.channel()
  queue = await channel.queue()
})

/** Bytes that show when parts are missing, doubled or swapped. */
function patterned(size: number): Buffer {
  const body = Buffer.alloc(size)
  for (let offset = 0; offset + 4 <= size; offset += 4) body.writeUInt32LE(offset, offset)
  return body
}

test.each([5, 10])('a body of %d MB arrives whole', async (megabytes) => {
  const body = patterned(megabytes * 1_000_000)
  await channel.consume(queue, { noAck: true })
  channel.publish({ routingKey: queue, body })
  const { content } = await channel.delivery()
  expect(content.body.equals(body)).toBe(true)
  expect(Math.max(...content.frameSizes)).toBe(131_064)
})

test('a large body goes to several queues', async () => {
  const body = patterned(3_000_000)
  const exchange = await channel.exchange('fanout')
  const queues = [queue, await channel.queue(), await channel.queue()]
  for (const target of queues) await channel.bind(target, exchange)
  channel.publish({ exchange, body })
  for (const target of queues) expect((await channel.get(target, true))?.content.body.equals(body)).toBe(true)
})

test('a large body that is requeued arrives whole again', async () => {
  const body = patterned(2_000_000)
  channel.publish({ routingKey: queue, body })
  expect((await channel.get(queue))?.content.body.equals(body)).toBe(true)
  channel.nack(1)
  expect((await channel.get(queue))?.content.body.equals(body)).toBe(true)
})

test('an empty body has a header frame and no body frame', async () => {
  await channel.consume(queue, { noAck: true })
  channel.publish({ routingKey: queue, properties: { type: 'empty' } })
  const { content } = await channel.delivery()
  expect(content).toMatchObject({ body: Buffer.alloc(0), frameSizes: [], properties: { type: 'empty' } })
})

test.each([131_063, 131_064, 131_065, 262_128, 262_129])(
  'a body of %d bytes arrives in the fewest frames',
  async (size) => {
    const body = patterned(size)
    await channel.consume(queue, { noAck: true })
    channel.publish({ routingKey: queue, body })
    const { content } = await channel.delivery()
    expect(content.body.equals(body)).toBe(true)
    expect(content.frameSizes.length).toBe(Math.ceil(size / 131_064))
  },
)

test('a body sent in odd pieces is put together', async () => {
  const body = patterned(100_000)
  channel.client.write(methodFrame(1, 'basic.publish', { routingKey: queue }))
  channel.client.write(headerFrame(1, body.length))
  for (let start = 0; start < body.length; start += 777) {
    channel.client.write(frame(BODY, 1, body.subarray(start, start + 777)))
  }
  expect((await channel.get(queue, true))?.content.body.equals(body)).toBe(true)
})

test('bodies of every small size follow each other unharmed', async () => {
  const bodies = Array.from({ length: 300 }, (_, size) => patterned(size))
  channel.client.write(Buffer.concat(bodies.map((body) => channel.publishBytes({ routingKey: queue, body }))))
  await channel.consume(queue, { noAck: true })
  for (const body of bodies) expect((await channel.delivery()).content.body.equals(body)).toBe(true)
})

test('bytes are bytes: every octet survives', async () => {
  const body = Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256))
  channel.publish({ routingKey: queue, body })
  expect((await channel.get(queue, true))?.content.body.equals(body)).toBe(true)
})

test('names and properties may be any UTF-8', async () => {
  const word = 'привет 你好 🐇 ñ'
  const exchange = await channel.exchange('topic')
  await channel.bind(queue, exchange, `${word}.#`)
  const properties = { type: word, messageId: word, contentType: word }
  channel.publish({ exchange, routingKey: `${word}.x`, body: word, properties })
  const message = await channel.get(queue, true)
  expect(message?.args.routingKey).toBe(`${word}.x`)
  expect(message?.content.properties).toEqual(properties)
  expect(message?.content.body.toString()).toBe(word)
})

test('a routing key of 255 bytes is delivered', async () => {
  const exchange = await channel.exchange('direct')
  const routingKey = 'r'.repeat(255)
  await channel.bind(queue, exchange, routingKey)
  channel.publish({ exchange, routingKey, body: 'm' })
  expect((await channel.get(queue, true))?.args.routingKey).toBe(routingKey)
})

test('a routing key that is no UTF-8 does not keep a message from its queue', async () => {
  const exchange = await channel.exchange('fanout')
  await channel.bind(queue, exchange)
  const method = methodFrame(1, 'basic.publish', { exchange, routingKey: Buffer.from([0xff, 0xfe, 0x80]) })
  channel.client.write(Buffer.concat([method, headerFrame(1, 1), frame(BODY, 1, Buffer.from('m'))]))
  expect(await channel.drain(queue)).toEqual(['m'])
})
