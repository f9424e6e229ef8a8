// AMQP over WebSockets, from outside: real clients, who may connect, what is too much, what is too slow.
import { once } from 'node:events'
import { get } from 'node:http'
import type { Socket } from 'node:net'
import { AMQPWebSocketClient } from '@cloudamqp/amqp-client'
import { describe, expect, test } from 'vitest'
import { createWebSocketStream, WebSocket } from 'ws'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { RawClient } from '../support/raw-client.ts'
import { ended, expectEcho, logIn, plain, startServer, stopAfterTest, useDoors } from './doors.ts'

const folder = new CertificateFolder()
const files = folder.server('web')
useDoors()

const PAGE = 'https://app.example'

function start(config: Parameters<typeof startServer>[1] = {}, protocol: 'ws' | 'wss' = 'ws', networks: string[] = []) {
  return startServer((builder) => {
    builder
      .withListeners([{ protocol, host: '127.0.0.1', port: 0 }])
      .withTls(files)
      .withWebSocket({ origins: [PAGE] })
    if (networks.length > 0) builder.withProxyProtocol({ networks })
  }, config)
}

async function open(url: string, options: object = {}, protocols: string[] = ['amqp']): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols, { ca: folder.authority.cert, ...options })
  stopAfterTest(() => socket.terminate())
  await once(socket, 'open')
  return socket
}

/** A raw client over a WebSocket. */
function overWebSocket(socket: WebSocket): RawClient {
  const stream = createWebSocketStream(socket)
  return new RawClient(Object.assign(stream, { setNoDelay: () => {} }) as unknown as Socket)
}

/** The status of HTTP that refuses the WebSocket. */
async function refused(url: string, options: object = {}, protocols: string[] = ['amqp']): Promise<number> {
  const socket = new WebSocket(url, protocols, options)
  socket.on('error', () => {})
  stopAfterTest(() => socket.terminate())
  const [, response] = await once(socket, 'unexpected-response')
  return response.statusCode
}

describe('a client', () => {
  test.each(['ws', 'wss'] as const)('has messages of any size carried, over %s', async (protocol) => {
    const { port } = await start({}, protocol)
    const host = protocol === 'wss' ? 'localhost' : '127.0.0.1'
    const client = overWebSocket(await open(`${protocol}://${host}:${port}/ws`))
    await client.handshake()
    const channel = await client.channel(1)
    const queue = await channel.queue()
    const body = Buffer.alloc(700_000, 'leveret')
    channel.publish({ routingKey: queue, body }) // all of it in one message
    expect((await channel.get(queue, true))?.content.body.equals(body)).toBe(true)
  })

  test("is @cloudamqp/amqp-client's for browsers", async () => {
    const { port, server } = await start()
    const client = new AMQPWebSocketClient({ url: `ws://127.0.0.1:${port}/ws/amqp`, name: 'page' })
    globalThis.WebSocket ??= WebSocket as never // Node.js has one from 22 on
    const connection = await client.connect()
    const channel = await connection.channel()
    const { name: queue } = await channel.queueDeclare('', { exclusive: true })
    const received: string[] = []
    await new Promise<void>((resolve, reject) => {
      const take = (message: { bodyString(): string | null }): void => {
        received.push(message.bodyString() ?? '')
        if (received.length === 200) resolve()
      }
      channel.basicConsume(queue, { noAck: true }, take).catch(reject)
      const bodies = Array.from({ length: 200 }, (_, at) => `${at} ${'x'.repeat(at * 100)}`)
      const publishes = bodies.map((body) => channel.basicPublish('', queue, body))
      Promise.all(publishes).catch(reject)
    })
    expect(received.map((body) => Number(body.split(' ')[0]))).toEqual([...Array(200).keys()])
    expect(server.connections()).toMatchObject([{ name: 'page', peerAddress: '127.0.0.1' }])
    await connection.close()
    await expect.poll(() => server.connections()).toEqual([])
  })

  test('may cut its bytes into messages and fragments as it likes', async () => {
    const { port } = await start()
    const socket = await open(`ws://127.0.0.1:${port}`)
    const answer = once(socket, 'message')
    for (const byte of Buffer.from('AMQP\0\0', 'latin1')) socket.send(Buffer.of(byte), { fin: byte === 0 })
    socket.send(Buffer.of(9, 1))
    expect((await answer)[0].readUInt8(0)).toBe(1)
  })

  test('is told when the server stops', async () => {
    const { port, server } = await start()
    const client = await overWebSocket(await open(`ws://127.0.0.1:${port}`)).handshake()
    const stopped = server.shutdown()
    expect(await client.next(0)).toMatchObject({ name: 'connection.close', args: { replyCode: 320 } })
    client.send(0, 'connection.close-ok', {})
    await stopped
  })

  test('behind a proxy is who the proxy says, with the header and the request in one write', async () => {
    const { port, server } = await start({ loopbackUsers: [] }, 'ws', ['127.0.0.1'])
    const raw = await plain(port)
    raw.cork()
    raw.write('PROXY TCP4 192.0.2.9 192.0.2.1 4711 80\r\n')
    process.nextTick(() => raw.uncork())
    const socket = await open(`ws://127.0.0.1:${port}/ws`, { createConnection: () => raw })
    await overWebSocket(socket).handshake()
    expect(server.connections()).toMatchObject([{ peerAddress: '192.0.2.9', peerPort: 4711 }])
  })
})

describe('a WebSocket', () => {
  test.each(['/', '/ws', '/ws/amqp', '/ws?token=1'])('is there at %s', async (path) => {
    const { port } = await start()
    expect((await open(`ws://127.0.0.1:${port}${path}`)).protocol).toBe('amqp')
  })

  test('is refused at other paths, and with other subprotocols', async () => {
    const { port } = await start()
    expect(await refused(`ws://127.0.0.1:${port}/mqtt`)).toBe(404)
    expect(await refused(`ws://127.0.0.1:${port}/ws`, {}, ['mqtt'])).toBe(400)
    expect((await open(`ws://127.0.0.1:${port}/ws`, {}, [])).protocol).toBe('')
    expect((await open(`ws://127.0.0.1:${port}/ws`, {}, ['mqtt', 'amqp'])).protocol).toBe('amqp')
  })

  // CVE-2026-67405: pages of any site could use what their visitors reach.
  test.each([
    ['https://evil.example', 403],
    ['http://app.example', 403],
    ['https://app.example.evil.example', 403],
    ['https://app.example:444', 403],
    ['null', 403],
    ['', 403],
  ])('is refused to pages of %j', async (origin, status) => {
    const { port, lines } = await start()
    expect(await refused(`ws://127.0.0.1:${port}/ws`, { headers: { origin } })).toBe(status)
    expect(lines.at(-1)).toMatchObject({ level: 'warn', text: 'a client is refused a WebSocket' })
  })

  test('is there for pages that are allowed', async () => {
    const { port } = await start()
    await overWebSocket(await open(`ws://127.0.0.1:${port}/ws`, { origin: PAGE })).handshake()
  })

  // CVE-2026-67232: what is small on the wire and large behind it.
  test('compresses nothing', async () => {
    const { port } = await start()
    expect((await open(`ws://127.0.0.1:${port}/ws`, { perMessageDeflate: true })).extensions).toBe('')
  })

  test('takes no text', async () => {
    const { port } = await start()
    const socket = await open(`ws://127.0.0.1:${port}/ws`)
    socket.send('AMQP')
    expect((await once(socket, 'close'))[0]).toBe(1003)
  })

  test('takes no message that is longer than a publish may be, with some room', async () => {
    const { port } = await start({ maxMessageSizeBytes: 500_000 })
    const socket = await open(`ws://127.0.0.1:${port}/ws`)
    const client = await overWebSocket(socket).handshake()
    client.write(Buffer.alloc(500_000 + 1000 + 131_072 + 65_536))
    expect((await once(socket, 'close'))[0]).toBe(1009)
  })

  test('holds little of an unfinished message before the log-in', async () => {
    const { port } = await start()
    const socket = await open(`ws://127.0.0.1:${port}/ws`)
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    for (let sent = 0; sent < 40; sent++) socket.send(Buffer.alloc(1000), { fin: false })
    await closed
  })

  test('answers pings only as long as they are read', async () => {
    const { port } = await start()
    const socket = await open(`ws://127.0.0.1:${port}/ws`)
    const pong = once(socket, 'pong')
    socket.ping('here')
    expect(String((await pong)[0])).toBe('here')
  })
})

describe('HTTP', () => {
  test('serves nothing', async () => {
    const { port } = await start()
    const [response] = await once(get({ port, host: '127.0.0.1', path: '/ws' }), 'response')
    response.resume()
    expect(response.statusCode).toBe(426)
    expect(response.headers.connection).toBe('close')
  })

  test.each([
    ['nothing', []],
    ['a request byte by byte', ['GET /ws HTTP/1.1\r\n', 'Host: x\r\n', ...Array.from('X-Slow: yes and so on and on')]],
    ['a body without end', ['POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n', ...Array(50).fill('x')]],
  ])('has no patience with a client that sends %s', async (_what, pieces) => {
    const { port } = await start({ handshakeTimeoutMs: 300 })
    const socket = await plain(port)
    let at = 0
    const timer = setInterval(() => socket.write(pieces[at++] ?? ''), 20)
    await ended(socket)
    clearInterval(timer)
  })

  test('that is none, or has too long headers, ends the connection', async () => {
    const { port } = await start()
    for (const bytes of ['AMQP\0\0\x09\x01', `GET / HTTP/1.1\r\nX: ${'x'.repeat(9000)}\r\n\r\n`]) {
      const socket = await plain(port)
      socket.write(bytes)
      await ended(socket)
    }
  })

  test('is over in time for a client that has its WebSocket and does not log in', async () => {
    const { port } = await start({ handshakeTimeoutMs: 300 })
    const socket = await open(`ws://127.0.0.1:${port}/ws`)
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('close', resolve))
  })
})

test('broken frames end that WebSocket, and no other', async () => {
  const { port, lines } = await start()
  const good = await overWebSocket(await open(`ws://127.0.0.1:${port}/ws`)).handshake()
  const raw = await plain(port)
  const socket = await open(`ws://127.0.0.1:${port}/ws`, { createConnection: () => raw })
  await overWebSocket(socket).handshake()
  raw.write(Buffer.from('ff00ff00', 'hex'))
  await ended(raw)
  await expectEcho(good)
  expect(lines.filter(({ level }) => level === 'error')).toEqual([])
})

test('all that came in has left when the clients are gone', async () => {
  const { port, server } = await start()
  const client = await logIn(await plain((await startServer(() => {})).port))
  client.destroy()
  const socket = await open(`ws://127.0.0.1:${port}/ws`)
  await overWebSocket(socket).handshake()
  socket.terminate()
  await expect.poll(() => server.connections()).toEqual([])
})
