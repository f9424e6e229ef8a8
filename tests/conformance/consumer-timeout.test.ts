// Clients that take too long for an acknowledgement lose their channel. The broker looks about twice a second.
import { describe, expect, test } from 'vitest'
import { startTestBroker } from '../../src/testing.ts'
import { leveretOnly, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { unique } from '../support/unique.ts'

const TIMEOUT_MS = 600
const LONG_MS = 3_600_000

function timedOut(channel: number, timeoutMs = TIMEOUT_MS): string {
  return (
    `delivery acknowledgement on channel ${channel} timed out. Timeout value used: ${timeoutMs} ms. ` +
    'This timeout value can be configured, see consumers doc guide to learn more'
  )
}

leveretOnly('RabbitMQ looks once a minute')
describe('a consumer that takes too long', () => {
  const broker = useBroker()

  async function queueWith(timeoutMs: number | undefined): Promise<[RawChannel, string]> {
    const channel = await broker.channel()
    const queueArguments = timeoutMs === undefined ? {} : { 'x-consumer-timeout': timeoutMs }
    return [channel, await channel.queue({ arguments: queueArguments })]
  }

  /** Another channel of this client gets a message now, and runs out of time. */
  async function anotherTimesOut({ client }: RawChannel): Promise<void> {
    const other = await client.channel(2)
    const limited = await other.queue({ arguments: { 'x-consumer-timeout': TIMEOUT_MS } })
    other.publishTo(limited, '1')
    await other.get(limited)
    await other.expectClose(406, timedOut(2))
  }

  test('loses its channel, and its messages are ready again; the connection goes on', async () => {
    const [channel, queue] = await queueWith(TIMEOUT_MS)
    const consumer = await channel.client.channel(7)
    await consumer.consume(queue)
    channel.publishTo(queue, '1', '2')
    const [, second] = await consumer.expectBodies('1', '2')
    consumer.ack(second as number)
    const startedAt = performance.now()
    await consumer.expectClose(406, timedOut(7))
    expect(performance.now() - startedAt).toBeGreaterThan(TIMEOUT_MS / 2)
    await channel.expectCounts(queue, 1, 0)
    expect((await channel.get(queue, true))?.args).toMatchObject({ redelivered: true })
    await consumer.reopen()
  })

  test('may take its time for each of its messages, as long as it answers', async () => {
    const [channel, queue] = await queueWith(TIMEOUT_MS)
    await channel.call('basic.qos', { prefetchCount: 2 })
    await channel.consume(queue)
    for (let count = 0; count < 6; count++) channel.publishTo(queue, String(count))
    for (let count = 0; count < 6; count++) {
      const { deliveryTag } = (await channel.delivery()).args
      await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS / 3))
      channel.ack(Number(deliveryTag))
    }
    await channel.expectQuiet(queue)
  })

  test('loses its channel after basic.get, too', async () => {
    const [channel, queue] = await queueWith(TIMEOUT_MS)
    channel.publishTo(queue, '1')
    await channel.get(queue)
    await channel.expectClose(406, timedOut(1))
  })

  test('has what its own argument says rather than its queue', async () => {
    const [channel, queue] = await queueWith(LONG_MS)
    const consumer = await channel.client.channel(2)
    await consumer.consume(queue, { arguments: { 'x-consumer-timeout': TIMEOUT_MS } })
    channel.publishTo(queue, '1')
    await consumer.expectBodies('1')
    await consumer.expectClose(406, timedOut(2))
  })

  test('needs no acknowledgement without acks', async () => {
    const [channel, queue] = await queueWith(TIMEOUT_MS)
    await channel.consume(queue, { noAck: true })
    channel.publishTo(queue, '1')
    await channel.expectBodies('1')
    await anotherTimesOut(channel)
    await channel.expectQuiet(queue)
  })

  test.each([
    ['its queue', 0, {}],
    ['its own argument', TIMEOUT_MS, { 'x-consumer-timeout': 0 }],
  ])('may take any time when %s says 0', async (_, timeoutMs, args) => {
    const [channel, queue] = await queueWith(timeoutMs)
    await channel.consume(queue, { arguments: args })
    channel.publishTo(queue, '1')
    await channel.expectBodies('1')
    await anotherTimesOut(channel)
    await channel.expectQuiet(queue)
  })
})

leveretOnly('a configuration of its own')('consumer_timeout and policies say what queues do not', async () => {
  const own = await startTestBroker({ consumerTimeoutMs: TIMEOUT_MS })
  try {
    const client = await (await RawClient.connect(own)).handshake()
    const admin = await client.channel(1)
    const plain = await admin.queue()
    const patient = await admin.queue({ arguments: { 'x-consumer-timeout': LONG_MS } })
    admin.publishTo(plain, '1')
    admin.publishTo(patient, '1')
    const [first, second] = [await client.channel(2), await client.channel(3)]
    await first.get(plain)
    await second.get(patient)
    await first.expectClose(406, timedOut(2))
    await second.expectQuiet(patient)
    await own.server.policies.set('impatient', {
      pattern: `^${patient}$`,
      definition: { 'consumer-timeout': TIMEOUT_MS + 1 },
    })
    await second.expectClose(406, timedOut(3, TIMEOUT_MS + 1))
    client.destroy()
  } finally {
    await own.stop()
  }
})

describe('a timeout that makes no sense', () => {
  const broker = useBroker()

  leveretOnly('unknown before 3.12')('is refused', async () => {
    const channel = await broker.channel()
    const queue = unique('q')
    const declare = { queue, exclusive: true, arguments: { 'x-consumer-timeout': -1 } }
    const text = `invalid arg 'x-consumer-timeout' for queue '${queue}' in vhost '/': {value_negative,-1}`
    await channel.expectRefusal('queue.declare', declare, 406, text)
    await channel.queue({}, queue)
    const consume = { queue, arguments: { 'x-consumer-timeout': 'soon' } }
    const type = `invalid arg 'x-consumer-timeout' for queue '${queue}' in vhost '/': "expected integer, got longstr"`
    await channel.expectRefusal('basic.consume', consume, 406, type)
  })
})
