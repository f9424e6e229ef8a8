import { afterEach, beforeEach, expect } from 'vitest'
import { BrokerUnderTest, leveretOnly } from '../support/broker.ts'
import { isExternal } from '../support/external.ts'
import { RawClient } from '../support/raw-client.ts'

const test = leveretOnly('stops the broker')
let broker: BrokerUnderTest

beforeEach(async () => {
  if (isExternal) return
  broker = new BrokerUnderTest({})
  await broker.start()
})

afterEach(async () => {
  await broker?.stop()
})

test('a server that shuts down closes every connection with 320', async () => {
  const clients = [await broker.open(), await broker.open(), await broker.open()]
  const over = broker.shutdown()
  for (const client of clients) {
    await client.expectConnectionClose(320, "broker forced connection closure with reason 'shutdown'")
    await client.expectSocketClosed()
  }
  await over
})

test('a server that shuts down does not wait for a client that never answers', async () => {
  const client = await broker.open()
  const startedAt = performance.now()
  const over = broker.shutdown(300)
  await client.expect(0, 'connection.close', { replyCode: 320 })
  await client.expectSocketClosed()
  await over
  expect(performance.now() - startedAt).toBeLessThan(3000)
})

test('a server that shuts down takes no new connections', async () => {
  const { host, port } = broker
  await broker.shutdown()
  await expect(RawClient.connect({ host, port })).rejects.toThrow('ECONNREFUSED')
})

test('a server that shuts down does not wait for a client that is still in the handshake', async () => {
  const client = await broker.connect()
  await client.startLogin()
  await broker.shutdown(300)
  await client.expectSocketClosed()
})
