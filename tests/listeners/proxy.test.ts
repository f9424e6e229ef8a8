// Who a client is behind a proxy, and whom guest may be: listener × peer × address in the PROXY header. CVE-2026-57216 and
// CVE-2026-67411: the loopback rule was asked of the wrong one of them.
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { describe, expect, test } from 'vitest'
import type { ListenOptions } from '../../src/listeners/listen-options.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { RawClient } from '../support/raw-client.ts'
import { ended, expectEcho, logIn, plain, startServer, stopAfterTest, useDoors } from './doors.ts'
import { proxyV2 } from './proxy-headers.ts'

const folder = new CertificateFolder()
const files = folder.server('server')
useDoors()

const v1 = (address: string): Buffer => {
  const family = address.includes(':') ? 'TCP6' : 'TCP4'
  return Buffer.from(`PROXY ${family} ${address} ${address} 4711 5672\r\n`)
}

function start(networks: readonly string[], listener: Partial<ListenOptions> = {}, config = {}) {
  return startServer((builder) => {
    builder.withListeners([{ protocol: 'amqp', host: '127.0.0.1', port: 0, ...listener }]).withTls(files)
    if (networks.length > 0) builder.withProxyProtocol({ networks })
  }, config)
}

/** Logs in as guest behind this header. */
async function tryGuest(port: number, header: Buffer, host = '127.0.0.1'): Promise<'in' | 'refused'> {
  const socket = await plain(port, host)
  socket.write(header)
  const client = new RawClient(socket)
  await client.startLogin()
  const answer = await client.next(0)
  return answer.name === 'connection.tune' ? 'in' : 'refused'
}

describe('guest, who may connect from this machine only', () => {
  const LISTENERS = [
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['::', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '::1'],
  ] as const
  const ADDRESSES = [
    ['127.0.0.1', 'in'],
    ['127.9.9.9', 'in'],
    ['::1', 'in'],
    ['::ffff:127.0.0.1', 'in'],
    ['192.0.2.1', 'refused'],
    ['::ffff:192.0.2.1', 'refused'],
    ['2001:db8::1', 'refused'],
    ['::127.0.0.1', 'refused'],
    ['0.0.0.0', 'refused'],
  ] as const
  const matrix = LISTENERS.flatMap(([host, peer]) =>
    ADDRESSES.map(([address, verdict]) => ({ host, peer, address, verdict })),
  )

  test.each(matrix)(
    'on $host, from $peer, behind a proxy for $address: $verdict',
    async ({ host, peer, address, verdict }) => {
      const { port } = await start(['127.0.0.0/8', '::1'], { host })
      expect(await tryGuest(port, v1(address), peer)).toBe(verdict)
      expect(await tryGuest(port, proxyV2({ address, port: 4711 }), peer)).toBe(verdict)
    },
  )

  test.each([
    ['version 1', Buffer.from('PROXY UNKNOWN\r\n')],
    ['version 2', proxyV2({ family: 0 })],
  ])('does not come from an address that the proxy does not know, %s', async (_version, header) => {
    const { port } = await start(['127.0.0.1'])
    expect(await tryGuest(port, header)).toBe('refused')
  })

  test('may be the proxy itself', async () => {
    const { port } = await start(['127.0.0.1'])
    expect(await tryGuest(port, proxyV2({ command: 0x20, family: 0 }))).toBe('in')
  })
})

test('the client is who the proxy says it is', async () => {
  const { port, server } = await start(['127.0.0.1'], {}, { loopbackUsers: [] })
  const socket = await plain(port)
  socket.write(v1('192.0.2.1'))
  await expectEcho(await logIn(socket), 300_000)
  expect(server.connections()).toMatchObject([{ peerAddress: '192.0.2.1', peerPort: 4711 }])
})

test('a header in the same write as the first frames, and one byte by byte, lose nothing', async () => {
  const { port } = await start(['127.0.0.1'])
  const whole = await plain(port)
  whole.write(Buffer.concat([v1('127.0.0.1'), Buffer.from('AMQP\0\0\x09\x01', 'latin1')]))
  await new RawClient(whole).expect(0, 'connection.start')
  const bytewise = await plain(port)
  bytewise.setNoDelay(true)
  for (const byte of v1('127.0.0.1')) {
    bytewise.write(Buffer.of(byte))
    await new Promise(setImmediate)
  }
  await expectEcho(await logIn(bytewise))
})

test('a header from a network that is not trusted is no header: the client is told that it does not speak AMQP', async () => {
  const { port } = await start(['10.0.0.0/8', '::1'])
  const socket = await plain(port)
  socket.write(v1('127.0.0.1'))
  const [answer] = await once(socket, 'data')
  expect(answer.toString('latin1')).toBe('AMQP\0\0\x09\x01')
  await expectEcho(await logIn(await plain(port)))
})

test.each([
  ['no header', Buffer.from('AMQP\0\0\x09\x01', 'latin1')],
  ['a broken header', Buffer.from('PROXY TCP4 1 2 3\r\n')],
  ['a header without end', Buffer.alloc(8192, 'PROXY UNKNOWN ')],
])('a trusted proxy that sends %s is disconnected', async (_what, bytes) => {
  const { port, texts } = await start(['127.0.0.1'])
  const socket = await plain(port)
  socket.write(bytes)
  await ended(socket)
  expect(texts()).toContain('a trusted proxy began without a PROXY header: it is disconnected')
})

test('a trusted proxy that sends its header too slowly is disconnected', async () => {
  const { port } = await start(['127.0.0.1'], {}, { handshakeTimeoutMs: 300 })
  const socket = await plain(port)
  socket.write('PROXY ')
  const timer = setInterval(() => socket.write('U'), 50)
  await ended(socket)
  clearInterval(timer)
})

test.each([false, true])('TLS begins behind the header (in one write: %s)', async (isOneWrite) => {
  const { port, server } = await start(['127.0.0.1'], { protocol: 'amqps' }, { loopbackUsers: [] })
  const raw = await plain(port)
  if (isOneWrite) raw.cork()
  raw.write(v1('192.0.2.7'))
  const socket = connectTls({ socket: raw, servername: 'localhost', ca: folder.authority.cert })
  stopAfterTest(() => socket.destroy())
  process.nextTick(() => raw.uncork())
  await once(socket, 'secureConnect')
  await expectEcho(await logIn(socket))
  expect(server.connections()).toMatchObject([{ peerAddress: '192.0.2.7' }])
})

test('networks that are none are refused', async () => {
  await expect(start(['10.0.0.0/33'])).rejects.toThrow("'10.0.0.0/33' is no network")
  await expect(start(['localhost'])).rejects.toThrow(RangeError)
})
