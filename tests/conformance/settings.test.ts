import { afterEach, expect } from 'vitest'
import { BrokerUnderTest, leveretOnly } from '../support/broker.ts'
import { PROTOCOL_HEADER } from '../support/raw-client.ts'
import { BODY, frame, headerFrame, methodFrame } from '../support/wire-frames.ts'

const test = leveretOnly('starts brokers with settings of its own')
const started: BrokerUnderTest[] = []

async function startBroker(config: ConstructorParameters<typeof BrokerUnderTest>[0]): Promise<BrokerUnderTest> {
  const broker = new BrokerUnderTest(config)
  await broker.start()
  started.push(broker)
  return broker
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((broker) => broker.stop()))
})

test('the settings for channels, frames and heartbeat are offered in tune and enforced', async () => {
  const broker = await startBroker({ channelMax: 5, frameMaxBytes: 8192, heartbeatSec: 7 })
  const client = await broker.connect()
  const tune = await client.login()
  expect(tune.args).toEqual({ channelMax: 5, frameMax: 8192, heartbeat: 7 })
  await client.openVhost()
  for (let id = 1; id <= 5; id++) await client.channel(id)
  client.send(6, 'channel.open')
  await client.expectConnectionClose(530, 'number of channels opened (5) has reached the negotiated channel_max (5)')
  const greedy = await broker.connect()
  await greedy.login({ tune: { frameMax: 8193 } })
  const text = 'negotiated frame_max = 8193 is higher than the maximum allowed value (8192)'
  await greedy.expectConnectionClose(530, text, 'connection.tune')
})

test('the largest message is a setting', async () => {
  const broker = await startBroker({ maxMessageSizeBytes: 1000 })
  const channel = await broker.channel()
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, body: Buffer.alloc(1000) })
  channel.publish({ routingKey: queue, body: Buffer.alloc(1001) })
  await channel.expectClose(406, 'message size 1001 is larger than configured max size 1000', 'basic.publish')
  await channel.reopen()
  await channel.expectCounts(queue, 1, 0)
})

test('a message that is too large is refused once its body was sent, so that its frames may be mixed with others', async () => {
  const broker = await startBroker({ maxMessageSizeBytes: 1000 })
  const client = await broker.open()
  const channel = await client.channel(1)
  const other = await client.channel(2)
  client.write(
    Buffer.concat([
      methodFrame(1, 'basic.publish', { routingKey: 'q' }),
      headerFrame(1, 2000),
      frame(BODY, 1, Buffer.alloc(1999)),
      methodFrame(2, 'tx.select'),
      frame(BODY, 1, Buffer.alloc(1)),
    ]),
  )
  expect((await client.next()).name).toBe('tx.select-ok')
  await channel.expectClose(406, 'message size 2000 is larger than configured max size 1000', 'basic.publish')
  await channel.reopen()
  await other.expectQuiet()
})

test('more body than a message that is too large has announced is 501', async () => {
  const broker = await startBroker({ maxMessageSizeBytes: 1000 })
  const client = await broker.open()
  await client.channel(1)
  client.write(Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: 'q' }), headerFrame(1, 2000)]))
  client.write(frame(BODY, 1, Buffer.alloc(2001)))
  await client.expectConnectionClose(501, 'content body frame exceeds remaining content size', 'basic.publish')
})

test('immediate is refused before the size', async () => {
  const broker = await startBroker({ maxMessageSizeBytes: 1000 })
  const channel = await broker.channel()
  channel.publish({ routingKey: 'q', immediate: true, body: Buffer.alloc(200_000) })
  await channel.client.expectConnectionClose(540, 'immediate=true', 'basic.publish')
})

test('a client that says nothing is dropped after the handshake timeout', async () => {
  const broker = await startBroker({ handshakeTimeoutMs: 400 })
  const client = await broker.connect()
  await client.expectSocketClosed()
  expect(client.pendingBytes.length).toBe(0)
})

test('a client that stops halfway through the handshake is dropped after the timeout', async () => {
  const broker = await startBroker({ handshakeTimeoutMs: 400 })
  const client = await broker.connect()
  await client.startLogin()
  await client.expect(0, 'connection.tune')
  await client.expectSocketClosed()
})

test('a client that trickles its header does not outlive the handshake timeout', async () => {
  const broker = await startBroker({ handshakeTimeoutMs: 400 })
  const client = await broker.connect()
  const trickle = setInterval(() => client.write(PROTOCOL_HEADER.subarray(0, 1)), 5000)
  client.write(PROTOCOL_HEADER.subarray(0, 3))
  await client.expectSocketClosed()
  clearInterval(trickle)
})

test('the handshake timeout ends with the handshake', async () => {
  const broker = await startBroker({ handshakeTimeoutMs: 400 })
  const client = await broker.open()
  const mute = await broker.connect()
  await mute.expectSocketClosed()
  await client.expectUsable()
})

test('ANONYMOUS opens a connection when it is allowed', async () => {
  const broker = await startBroker({ allowAnonymous: true })
  const client = await broker.connect()
  const start = await client.startLogin({ mechanism: 'ANONYMOUS', response: '' })
  expect(String(start.args.mechanisms).split(' ')).toContain('ANONYMOUS')
  await client.expect(0, 'connection.tune')
  client.send(0, 'connection.tune-ok', { channelMax: 10, frameMax: 8192, heartbeat: 0 })
  await client.openVhost()
  await client.expectUsable(1)
})

test('user, password and vhost are settings', async () => {
  const broker = await startBroker({ defaultUser: 'hare', defaultPass: 'burrow', defaultVhost: 'field' })
  const client = await broker.open({ user: 'hare', pass: 'burrow', vhost: 'field' })
  const channel = await client.channel(1)
  const text = "no queue 'none' in vhost 'field'"
  await channel.expectRefusal('queue.declare', { queue: 'none', passive: true }, 404, text)
  const stranger = await broker.connect()
  await stranger.startLogin()
  await stranger.expectConnectionClose(403, /Login was refused using authentication mechanism PLAIN\..*/)
  const lost = await broker.connect()
  await lost.login({ user: 'hare', pass: 'burrow' })
  lost.send(0, 'connection.open', { virtualHost: '/' })
  await lost.expectConnectionClose(530, 'vhost / not found', 'connection.open')
})

test('several brokers in one process do not share anything', async () => {
  const brokers = [await startBroker({}), await startBroker({})] as const
  const first = await brokers[0].channel()
  const second = await brokers[1].channel()
  await first.queue({}, 'same-name')
  const text = "no queue 'same-name' in vhost '/'"
  await second.expectRefusal('queue.declare', { queue: 'same-name', passive: true }, 404, text)
})
