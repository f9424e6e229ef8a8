import { expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { BODY, frame, METHOD, methodFrame } from '../support/wire-frames.ts'

const broker = useBroker()

/** Publishes and consumes on its own connection before, during and after the trouble of another client. */
class Bystander {
  readonly #channel: RawChannel
  readonly #queue: string
  #sent = 0

  private constructor(channel: RawChannel, queue: string) {
    this.#channel = channel
    this.#queue = queue
  }

  static async start(): Promise<Bystander> {
    const channel = await broker.channel()
    const queue = await channel.queue()
    await channel.call('confirm.select')
    await channel.consume(queue)
    return new Bystander(channel, queue)
  }

  /** One message there and back, acked, and the counts are right. */
  async work(): Promise<void> {
    this.#sent++
    this.#channel.publishTo(this.#queue, `${this.#sent}`)
    const received = [await this.#channel.next(), await this.#channel.next()]
    const delivery = received.find(({ name }) => name === 'basic.deliver')
    const confirm = received.find(({ name }) => name === 'basic.ack')
    expect(delivery?.args).toMatchObject({ deliveryTag: this.#sent, redelivered: false })
    expect(delivery?.content?.body.toString()).toBe(`${this.#sent}`)
    expect(confirm?.args).toMatchObject({ deliveryTag: this.#sent })
    this.#channel.ack(this.#sent)
    await this.#channel.expectCounts(this.#queue, 0, 1)
  }
}

const troubles: readonly (readonly [string, (channel: RawChannel) => Promise<void>])[] = [
  [
    'a channel error',
    async (channel) => {
      channel.ack(9)
      await channel.expectClose(406, 'unknown delivery tag 9', 'basic.ack')
    },
  ],
  [
    'a connection error',
    async (channel) => {
      channel.send('basic.qos', { prefetchSize: 1 })
      await channel.client.expectConnectionClose(540, 'prefetch_size!=0 (1)', 'basic.qos')
    },
  ],
  [
    'a framing error',
    async (channel) => {
      channel.client.write(frame(BODY, 1, Buffer.from('stray')))
      await channel.client.expectSomeEnd(505)
    },
  ],
  [
    'garbage',
    async (channel) => {
      channel.client.write(Buffer.alloc(5000, 0x5a))
      await channel.client.expectSomeEnd(501)
    },
  ],
  [
    'a method that is cut off by the end of the socket',
    async (channel) => {
      const queue = await channel.queue()
      channel.client.write(methodFrame(1, 'basic.publish', { routingKey: queue }).subarray(0, 12))
      channel.client.socket.end()
      await channel.client.expectSocketClosed()
    },
  ],
  [
    'a reset connection with half a message sent',
    async (channel) => {
      const queue = await channel.queue()
      channel.client.write(
        channel.publishBytes({ routingKey: queue, body: Buffer.alloc(500_000) }).subarray(0, 300_000),
      )
      channel.client.socket.resetAndDestroy()
      await channel.client.expectSocketClosed()
    },
  ],
  [
    'a frame that never ends',
    async (channel) => {
      channel.client.write(Buffer.from([METHOD, 0, 1, 0, 1, 0, 0]))
      channel.client.write(Buffer.alloc(1000))
    },
  ],
]

test.each(troubles)('%s of one connection leaves another one alone', async (_, trouble) => {
  const bystander = await Bystander.start()
  const channel = await broker.channel()
  await bystander.work()
  const over = trouble(channel)
  await bystander.work()
  await over
  await bystander.work()
})

test('a connection error leaves the queues and messages of others as they were', async () => {
  const owner = await broker.channel()
  const queue = await owner.queue({ exclusive: false, autoDelete: true })
  owner.publishTo(queue, 'a', 'b', 'c')
  await owner.expectCounts(queue, 3, 0)
  const guest = await broker.channel()
  await guest.get(queue)
  guest.send('basic.qos', { prefetchSize: 1 })
  await guest.client.expectConnectionClose(540, 'prefetch_size!=0 (1)', 'basic.qos')
  await guest.client.expectSocketClosed()
  expect(await owner.drain(queue)).toEqual(['a', 'b', 'c'])
})

test('a consumer that does not read holds up only itself', async () => {
  const publisher = await broker.channel()
  const slow = await broker.channel()
  const exchange = await publisher.exchange('fanout')
  const slowQueue = await slow.queue()
  await slow.bind(slowQueue, exchange)
  await slow.consume(slowQueue, { noAck: true })
  const brisk = await broker.channel()
  const briskQueue = await brisk.queue()
  await brisk.bind(briskQueue, exchange)
  await brisk.consume(briskQueue, { noAck: true })
  slow.client.socket.pause()
  const body = Buffer.alloc(100_000, 1)
  for (let count = 0; count < 100; count++) publisher.publish({ exchange, body })
  for (let count = 0; count < 100; count++) expect((await brisk.delivery()).content.body.length).toBe(body.length)
  slow.client.socket.resume()
  for (let count = 0; count < 100; count++) await slow.delivery({ deliveryTag: count + 1 })
})

test('a hundred connections come and go while one works', async () => {
  const bystander = await Bystander.start()
  for (let round = 0; round < 10; round++) {
    const clients = await Promise.all(Array.from({ length: 10 }, () => broker.open()))
    await bystander.work()
    await Promise.all(clients.map((client) => client.close()))
  }
  await bystander.work()
})
