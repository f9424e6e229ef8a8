// Every input of the kept corpus ends its own connection at most, in one write and byte by byte, and says nothing of a fault of ours.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { type Door, doorCorpus } from '../fuzz/door-corpus.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { expectEcho, logIn, plain, startServer, stopAfterTest, useDoors } from './doors.ts'

const folder = new CertificateFolder()
const files = folder.server('corpus')
const host = { name: 'mq.example.com', ...folder.server('mq') }
useDoors()

/** Only what comes from there is behind a proxy. */
const PROXY = '127.0.0.9'
const PORTS: Readonly<Record<Door, number>> = { tls: 1, ws: 2, proxy: 0 }

async function attack(port: number, door: Door): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', ...(door === 'proxy' ? { localAddress: PROXY } : {}) })
  stopAfterTest(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.setNoDelay(true)
  return socket.resume()
}

/** Also after an error, which is one of the ways in which a broker ends a connection. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

test.skipIf(process.platform !== 'linux').each(doorCorpus().map(({ name, ...input }) => [name, input] as const))(
  '%s harms no other connection',
  async (_name, { door, bytes }) => {
    const { server, lines } = await startServer((builder) =>
      builder
        .withListeners((['amqp', 'amqps', 'ws'] as const).map((protocol) => ({ protocol, host: '127.0.0.1', port: 0 })))
        .withTls({ ...files, hosts: [host] })
        .withProxyProtocol({ networks: [PROXY] }),
    )
    const good = await logIn(await plain(server.addresses[0]?.port ?? 0))
    const port = server.addresses[PORTS[door]]?.port ?? 0
    const whole = await attack(port, door)
    const wholeClosed = closing(whole)
    whole.end(bytes)
    const bytewise = await attack(port, door)
    const bytewiseClosed = closing(bytewise)
    for (const byte of bytes.subarray(0, 600)) {
      if (bytewise.destroyed) break
      bytewise.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    bytewise.end()
    await Promise.all([wholeClosed, bytewiseClosed])
    await expectEcho(good)
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  },
)
