import { expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import { PROTOCOL_HEADER } from '../support/raw-client.ts'
import { unique } from '../support/unique.ts'
import { frame, METHOD, methodFrame } from '../support/wire-frames.ts'
import { tableBody } from '../support/wire-values.ts'

const broker = useBroker()
const refusedLogin = (mechanism: string) =>
  `Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`

test('the protocol header is answered with connection.start for version 0-9', async () => {
  const client = await broker.connect()
  client.write(PROTOCOL_HEADER)
  const { args } = await client.expect(0, 'connection.start', { versionMajor: 0, versionMinor: 9, locales: 'en_US' })
  expect(String(args.mechanisms).split(' ')).toEqual(expect.arrayContaining(['PLAIN', 'AMQPLAIN']))
})

test('a protocol header that arrives byte by byte is accepted', async () => {
  const client = await broker.connect()
  for (const octet of PROTOCOL_HEADER) client.write(Buffer.from([octet]))
  await client.expect(0, 'connection.start')
})

test('the historical 0-9 protocol header is accepted', async () => {
  const client = await broker.connect()
  client.write(Buffer.from([0x41, 0x4d, 0x51, 0x50, 1, 1, 0, 9]))
  await client.expect(0, 'connection.start', { versionMajor: 0, versionMinor: 9 })
})

test('the server properties announce every capability that clients look for', async () => {
  const client = await broker.connect()
  client.write(PROTOCOL_HEADER)
  const { args } = await client.expect(0, 'connection.start')
  expect(args.serverProperties).toMatchObject({
    product: 'RabbitMQ',
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    platform: expect.any(String),
    cluster_name: expect.any(String),
    capabilities: {
      publisher_confirms: true,
      exchange_exchange_bindings: true,
      'basic.nack': true,
      consumer_cancel_notify: true,
      'connection.blocked': true,
      consumer_priorities: true,
      authentication_failure_close: true,
      per_consumer_qos: true,
      direct_reply_to: true,
    },
  })
})

test.each([
  ['a version from the future', Buffer.from([0x41, 0x4d, 0x51, 0x50, 100, 3, 2, 1])],
  ['AMQP 1.0', Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0])],
  ['AMQP 1.0 with SASL', Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0])],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['a TLS hello', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0])],
  ['eight zero bytes', Buffer.alloc(8)],
])('%s instead of the protocol header is answered with AMQP 0-0-9-1 and the end', async (_, bytes) => {
  const client = await broker.connect()
  client.write(bytes)
  expect(await client.bytes(8)).toEqual(PROTOCOL_HEADER)
  await client.expectSocketClosed()
})

test('PLAIN with the right password opens a connection', async () => {
  const client = await broker.open()
  await client.expectUsable()
})

test('AMQPLAIN with the right password opens a connection', async () => {
  const response = tableBody({ LOGIN: 'guest', PASSWORD: 'guest' })
  const client = await broker.open({ mechanism: 'AMQPLAIN', response })
  await client.expectUsable()
})

test.each([
  ['a wrong password', { pass: 'wrong' }, 'PLAIN'],
  ['a blank password', { pass: '' }, 'PLAIN'],
  ['an unknown user', { user: 'stranger', pass: 'guest' }, 'PLAIN'],
  [
    'a wrong AMQPLAIN password',
    { mechanism: 'AMQPLAIN', response: tableBody({ LOGIN: 'guest', PASSWORD: 'wrong' }) },
    'AMQPLAIN',
  ],
])('%s is refused with 403 when the client can take it', async (_, options, mechanism) => {
  const client = await broker.connect()
  await client.startLogin(options)
  await client.expectConnectionClose(403, refusedLogin(mechanism))
  await client.expectSocketClosed()
})

test.concurrent('a wrong password ends in a bare socket close when the client did not announce that it can take 403', async () => {
  const client = await broker.connect()
  await client.startLogin({ pass: 'wrong', capabilities: {} })
  await client.expectSocketClosed(6000)
  await expect(client.next(0)).rejects.toThrow('the broker closed the socket')
})

test.concurrent.each([
  ['an unknown mechanism', { mechanism: 'GUESSWORK' }],
  ['a PLAIN response without separators', { response: 'guest' }],
  ['an AMQPLAIN response that is no table', { mechanism: 'AMQPLAIN', response: Buffer.from([200, 1, 2]) }],
  ['an AMQPLAIN response without a password', { mechanism: 'AMQPLAIN', response: tableBody({ LOGIN: 'guest' }) }],
])('%s never gets to tune', async (_, options) => {
  const client = await broker.connect()
  await client.startLogin(options)
  await client.expectSomeEnd(403, 501, 503, 504, 505)
})

test('a handshake that is sent in one piece is accepted', async () => {
  const client = await broker.connect()
  const queue = unique('q')
  client.write(
    Buffer.concat([
      PROTOCOL_HEADER,
      methodFrame(0, 'connection.start-ok', { mechanism: 'PLAIN', response: '\0guest\0guest', locale: 'en_US' }),
      methodFrame(0, 'connection.tune-ok', { channelMax: 10, frameMax: 8192 }),
      methodFrame(0, 'connection.open', { virtualHost: '/' }),
      methodFrame(1, 'channel.open'),
      methodFrame(1, 'queue.declare', { queue, exclusive: true }),
    ]),
  )
  for (const name of ['start', 'tune', 'open-ok'] as const) await client.expect(0, `connection.${name}`)
  await client.expect(1, 'channel.open-ok')
  await client.expect(1, 'queue.declare-ok', { queue })
})

test('an unknown vhost is refused with 530', async () => {
  const client = await broker.connect()
  await client.login()
  client.send(0, 'connection.open', { virtualHost: 'no-such-vhost' })
  await client.expectConnectionClose(530, 'vhost no-such-vhost not found', 'connection.open')
  await client.expectSocketClosed()
})

test('connection.open a second time is refused with 504', async () => {
  const client = await broker.open()
  client.send(0, 'connection.open', { virtualHost: '/' })
  await client.expectConnectionClose(504, 'unexpected method in connection state running', 'connection.open')
  await client.expectSocketClosed()
})

test('connection.tune-ok a second time is refused with 504', async () => {
  const client = await broker.open()
  client.send(0, 'connection.tune-ok', { channelMax: 100, frameMax: 4096 })
  await client.expectConnectionClose(504, 'unexpected method in connection state running', 'connection.tune-ok')
  await client.expectSocketClosed()
})

test.concurrent.each([
  ['connection.open before start-ok', 'connection.open', 0],
  ['connection.tune-ok before start-ok', 'connection.tune-ok', 0],
  ['channel.open before start-ok', 'channel.open', 1],
  ['basic.publish before start-ok', 'basic.publish', 1],
] as const)('%s ends the connection', async (_, method, channel) => {
  const client = await broker.connect()
  client.write(PROTOCOL_HEADER)
  await client.expect(0, 'connection.start')
  client.send(channel, method)
  await client.expectSomeEnd(403, 501, 503, 504, 505)
})

test.each(['connection.tune-ok', 'connection.start-ok', 'connection.close', 'channel.open'] as const)(
  '%s on channel 0 where connection.open is due is refused with 504',
  async (name) => {
    const client = await broker.connect()
    await client.login()
    client.send(0, name)
    await client.expectConnectionClose(504, 'unexpected method in connection state opening', name)
    await client.expectSocketClosed()
  },
)

test.concurrent('channel.open before connection.open ends the connection', async () => {
  const client = await broker.connect()
  await client.login()
  client.send(1, 'channel.open')
  await client.expectSomeEnd(504, 505)
})

test.concurrent('a frame that claims a gigabyte before login ends the connection', async () => {
  const client = await broker.connect()
  client.write(PROTOCOL_HEADER)
  await client.expect(0, 'connection.start')
  client.write(Buffer.from([METHOD, 0, 0, 0x40, 0, 0, 0]))
  await client.expectSomeEnd(501)
})

differsFromRabbit310('4096 bytes were the limit')(
  'client properties of 4 kB with nested tables are accepted',
  async () => {
    const clientProperties = {
      product: 'test',
      connection_name: 'conformance',
      nested: { list: [1, 'two', { three: true }], empty: {}, none: [] },
      filler: 'x'.repeat(4000),
    }
    const client = await broker.open({ clientProperties })
    await client.expectUsable()
  },
)

test.concurrent('start-ok with a table that cannot be decoded ends the connection', async () => {
  const client = await broker.connect()
  client.write(PROTOCOL_HEADER)
  await client.expect(0, 'connection.start')
  // class 10, method 11, a table that claims more bytes than there are.
  client.write(frame(METHOD, 0, Buffer.from([0, 10, 0, 11, 0, 0, 0, 200, 1, 0x61, 0x74, 1])))
  await client.expectSomeEnd(501)
})

test('a client that leaves during the handshake does not disturb others', async () => {
  const bystander = await broker.open()
  const client = await broker.connect()
  client.write(PROTOCOL_HEADER)
  await client.expect(0, 'connection.start')
  client.destroy()
  await bystander.expectUsable()
})

differsFromRabbit310('ANONYMOUS came with 4.0')('ANONYMOUS is not offered and not accepted by default', async () => {
  const client = await broker.connect()
  const start = await client.startLogin({ mechanism: 'ANONYMOUS', response: '' })
  expect(String(start.args.mechanisms).split(' ')).not.toContain('ANONYMOUS')
  await client.expectSomeEnd(403, 501, 503, 504, 505)
})
