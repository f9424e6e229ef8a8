import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { RawClient } from '../support/raw-client.ts'

let amqp: TestBroker

beforeAll(async () => {
  amqp = await startTestBroker()
})

afterAll(() => amqp.stop())

const BYTES = 1_000_000

/** Until the broker has read so much from all its clients. */
async function read(bytes: number): Promise<void> {
  while (amqp.server.stats().bytesReceived < bytes) await new Promise((resolve) => setImmediate(resolve))
}

test('what a client sends on after its connection was closed in the middle of a body does not end up in others', async () => {
  for (let round = 0; round < 5; round++) {
    const name = `short-lived-${round}`
    amqp.server.broker.createVhost(name)
    const first = await (await (await RawClient.connect(amqp)).handshake({ vhost: name })).channel(1)
    const second = await (await (await RawClient.connect(amqp)).handshake()).channel(1)
    const queue = await second.queue()
    const before = amqp.server.stats().bytesReceived
    const bytes = first.publishBytes({ routingKey: 'q', body: Buffer.alloc(BYTES, 0xff) })
    first.client.write(bytes.subarray(0, 300_000))
    await read(before + 300_000)
    amqp.server.broker.deleteVhost(name)
    await first.client.expect(0, 'connection.close')
    second.publish({ routingKey: queue, body: Buffer.alloc(BYTES, round) })
    await second.expectCounts(queue, 1, 0)
    const beforeRest = amqp.server.stats().bytesReceived
    first.client.write(bytes.subarray(300_000))
    await read(beforeRest + bytes.length - 300_000)
    const delivery = await second.get(queue)
    expect(delivery?.content.body.equals(Buffer.alloc(BYTES, round))).toBe(true)
    first.client.destroy()
    second.client.destroy()
  }
})
