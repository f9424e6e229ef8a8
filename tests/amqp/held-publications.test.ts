// What waits for tx.commit counts with all that is kept for it.
import { expect, onTestFinished, test } from 'vitest'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { RawClient } from '../support/raw-client.ts'

const QUEUES = 500
const BODY_BYTES = 10_000

test('a publish in a transaction counts with its bytes and with the list of queues that it goes to', async () => {
  const server = new ServerBuilder().build()
  onTestFinished(() => server.shutdown({ graceMs: 0 }))
  const [address] = await server.listenAndServe('127.0.0.1:0')
  const client = await (await RawClient.connect(address!)).handshake()
  onTestFinished(() => client.destroy())
  const channel = await client.channel(1)
  const queues = Array.from({ length: QUEUES }, (_, i) => `q-${i}`)
  for (const queue of queues) {
    await channel.queue({}, queue)
    await channel.bind(queue, 'amq.fanout', '')
  }
  const { memory } = server.core
  // Of a connection that rests, a block of output is all there is.
  expect(memory.heldBytes).toBeLessThan(BODY_BYTES)
  await channel.call('tx.select')
  channel.publish({ exchange: 'amq.fanout', body: Buffer.alloc(BODY_BYTES) })
  await channel.expectQuiet()
  expect(memory.heldBytes).toBeGreaterThan(BODY_BYTES + QUEUES * 8)
  await channel.call('tx.rollback')
  expect(memory.heldBytes).toBeLessThan(BODY_BYTES)
})
