// Bodies that take many frames and many reads: whatever their memory was used for before, each arrives as it was sent.

import { describe, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()

/** Sizes around those at which bodies are kept, read or moved in another way. */
const SIZES = [
  ...[1, 4_000, 16_383, 32_767, 32_768, 65_535, 65_536, 131_064, 131_065, 200_000],
  ...[1_048_575, 1_048_576, 1_048_577, 1_500_000, 2_500_000],
]

/** Every eighth byte tells which body it is of and where it lies. */
function body(number: number, size: number): Buffer {
  const bytes = Buffer.alloc(size + 8)
  for (let at = 0; at < size; at += 8) bytes.writeDoubleBE(number * 1e9 + at, at)
  return bytes.subarray(0, size)
}

function sizeOf(number: number): number {
  return SIZES[(number * 7) % SIZES.length] as number
}

function expectBody(received: Buffer, number: number): void {
  const expected = body(number, sizeOf(number))
  expect(received.length, `size of body ${number}`).toBe(expected.length)
  expect(received.equals(expected), `body ${number} is as it was sent`).toBe(true)
}

async function expectDeliveries(channel: RawChannel, first: number, end: number): Promise<number> {
  let tag = 0
  for (let number = first; number < end; number++) {
    const { content, args } = await channel.delivery()
    expectBody(content.body, number)
    tag = Number(args.deliveryTag)
  }
  return tag
}

function publish(channel: RawChannel, message: { exchange?: string; routingKey?: string }, first: number, end: number) {
  for (let number = first; number < end; number++) channel.publish({ ...message, body: body(number, sizeOf(number)) })
}

describe('large bodies', () => {
  test('arrive as they were sent, with consumers that read at once, late, and a second time', async () => {
    const COUNT = 90
    const publisher = await broker.channel()
    const exchange = await publisher.exchange('fanout')
    const consumers = [await broker.channel(), await broker.channel(), await broker.channel()] as const
    const [quick, late, second] = consumers
    for (const consumer of consumers) await consumer.bind(await consumer.queue(), exchange)
    const queues = await Promise.all(consumers.map((consumer) => consumer.queue()))
    for (const [index, consumer] of consumers.entries()) await consumer.bind(queues[index] as string, exchange)
    await quick.consume(queues[0] as string, { noAck: true })
    await late.consume(queues[1] as string, { noAck: true })
    await second.consume(queues[2] as string)
    late.client.socket.pause()
    publish(publisher, { exchange }, 0, COUNT / 2)
    await expectDeliveries(quick, 0, COUNT / 2)
    const tag = await expectDeliveries(second, 0, COUNT / 2)
    second.nack(tag, { multiple: true })
    publish(publisher, { exchange }, COUNT / 2, COUNT)
    await expectDeliveries(quick, COUNT / 2, COUNT)
    late.client.socket.resume()
    await expectDeliveries(late, 0, COUNT)
    const lastTag = await expectDeliveries(second, 0, COUNT)
    second.ack(lastTag, true)
    await second.expectQuiet()
  }, 60_000)

  test('arrive as they were sent, in whatever pieces they come', async () => {
    const channel = await broker.channel()
    const queue = await channel.queue()
    await channel.consume(queue, { noAck: true })
    const bytes = Buffer.concat(
      Array.from(SIZES, (_, number) => channel.publishBytes({ routingKey: queue, body: body(number, sizeOf(number)) })),
    )
    let piece = 1
    for (let at = 0; at < bytes.length; at += piece) {
      piece = 1 + ((piece * 7919) % 50_021)
      await new Promise<void>((resolve) => {
        channel.client.socket.write(bytes.subarray(at, at + piece), () => resolve())
      })
    }
    await expectDeliveries(channel, 0, SIZES.length)
  })

  test('arrive as they were sent in small frames, and on channels in turn', async () => {
    const client = await broker.open({ tune: { frameMax: 20_000 } })
    const channels = await Promise.all([1, 2, 3].map((id) => client.channel(id)))
    const receiver = await broker.channel()
    const queue = await receiver.queue({ exclusive: false, autoDelete: true })
    await receiver.consume(queue, { noAck: true })
    for (let number = 0; number < 30; number++)
      publish(channels[number % 3] as RawChannel, { routingKey: queue }, number, number + 1)
    await expectDeliveries(receiver, 0, 30)
  })

  test('arrive as they were sent out of transactions, and those that were given up do not', async () => {
    const channel = await broker.channel()
    const queue = await channel.queue()
    await channel.consume(queue, { noAck: true })
    await channel.call('tx.select')
    for (let first = 0; first < 30; first += 10) {
      publish(channel, { routingKey: queue }, 100, 110)
      await channel.call('tx.rollback')
      publish(channel, { routingKey: queue }, first, first + 10)
      await channel.call('tx.commit')
      await expectDeliveries(channel, first, first + 10)
    }
    await channel.expectQuiet()
  })

  test('come back as they were sent when no queue takes them', async () => {
    const channel = await broker.channel()
    const routingKey = unique('nowhere')
    for (let number = 0; number < 30; number++) {
      channel.publish({ routingKey, mandatory: true, body: body(number, sizeOf(number)) })
    }
    for (let number = 0; number < 30; number++) expectBody((await channel.returned()).content.body, number)
  })

  test('of a client that goes in the middle of one do not touch those of others', async () => {
    const channel = await broker.channel()
    const queue = await channel.queue({ exclusive: false, autoDelete: true })
    await channel.consume(queue, { noAck: true })
    for (let number = 0; number < 20; number++) {
      const other = await broker.channel()
      const bytes = other.publishBytes({ routingKey: unique('nowhere'), body: Buffer.alloc(1_000_000, 0xff) })
      await new Promise<void>((resolve) =>
        other.client.socket.write(bytes.subarray(0, 300_000 + number), () => resolve()),
      )
      publish(channel, { routingKey: queue }, number, number + 1)
      await expectDeliveries(channel, number, number + 1)
      // The rest comes late, or never.
      if (number % 2 === 0) other.client.destroy()
      else other.client.write(bytes.subarray(300_000 + number))
    }
  })
})
