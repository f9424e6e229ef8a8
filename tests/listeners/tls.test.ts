// AMQP over TLS, from outside: who gets in, with which versions and certificates, and what does not end the broker.
import { once } from 'node:events'
import { type ConnectionOptions, connect } from 'node:tls'
import { describe, expect, test } from 'vitest'
import type { Authenticator } from '../../src/auth/authenticator.ts'
import type { TlsOptions } from '../../src/listeners/tls-options.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { makeCertificate } from '../support/certificates.ts'
import { RawClient } from '../support/raw-client.ts'
import * as doors from './doors.ts'
import { ended, expectEcho, type Line, logIn, plain } from './doors.ts'

const folder = new CertificateFolder()
const files = folder.server('server')
doors.useDoors()

function start(tls: Partial<TlsOptions> = {}, config: Parameters<typeof doors.startServer>[1] = {}) {
  const listeners = [{ protocol: 'amqps', host: '127.0.0.1', port: 0 }] as const
  return doors.startServer((builder) => builder.withListeners(listeners).withTls({ ...files, ...tls }), config)
}

const trusting = (options: ConnectionOptions): ConnectionOptions => ({ ca: folder.authority.cert, ...options })
const encrypted = (port: number, options: ConnectionOptions = {}) => doors.encrypted(port, trusting(options))
const refusal = (port: number, options: ConnectionOptions = {}) => doors.refusal(port, trusting(options))

describe('AMQP over TLS', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s carries messages of any size', async (version) => {
    const { port, server } = await start()
    const socket = await encrypted(port, { minVersion: version, maxVersion: version })
    expect(socket.getProtocol()).toBe(version)
    expect(server.url).toBe(`amqps://127.0.0.1:${port}`)
    await expectEcho(await logIn(socket), 3_000_000)
  })

  test.each([
    [['tlsv1.3'], 'TLSv1.2'],
    [['tlsv1.2'], 'TLSv1.3'],
    [['tlsv1.2', 'tlsv1.3'], 'TLSv1.1'],
  ] as const)('of the versions %j refuses %s', async (versions, version) => {
    const { port } = await start({ versions })
    const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' }
    expect(await refusal(port, options)).toMatch(/ALERT|closed|ECONNRESET|UNSUPPORTED_PROTOCOL/)
  })

  test('only the ciphers that were chosen are taken', async () => {
    const cipher = 'ECDHE-ECDSA-AES256-GCM-SHA384'
    const { port } = await start({ versions: ['tlsv1.2'], ciphers: [cipher] })
    const socket = await encrypted(port)
    expect(socket.getCipher().name).toBe(cipher)
    expect(await refusal(port, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).toMatch(/HANDSHAKE_FAILURE/)
  })

  test('without a choice, the quickest cipher comes first, and the others are there', async () => {
    const { port } = await start()
    expect((await encrypted(port)).getCipher().name).toBe('TLS_AES_128_GCM_SHA256')
    const other = 'TLS_AES_256_GCM_SHA384'
    expect((await encrypted(port, { ciphers: other })).getCipher().name).toBe(other)
  })

  test('a client that wants to renegotiate is cut off, and no other', async () => {
    const { port } = await start({ versions: ['tlsv1.2'] })
    const good = await logIn(await encrypted(port))
    const socket = await encrypted(port)
    const over = ended(socket)
    socket.renegotiate({}, () => {})
    await over
    await expectEcho(good)
  })

  test('what comes together with the end of the handshake is not lost', async () => {
    const { port } = await start()
    for (let at = 0; at < 5; at++) {
      // What is written before the handshake is over leaves with its last message.
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...trusting({}) })
      doors.stopAfterTest(() => socket.destroy())
      await expectEcho(await logIn(socket))
    }
  })

  test('a client that reads slowly gets all of it, in order, of any sizes', async () => {
    const { port, server } = await start()
    const socket = await encrypted(port)
    const channel = await (await logIn(socket)).channel(1)
    const queue = await channel.queue()
    const publisher = await (await logIn(await encrypted(port))).channel(1)
    const bodies = Array.from({ length: 200 }, (_, at) => Buffer.alloc((at * 7919) % 90_000, `${at};`))
    await channel.consume(queue, { noAck: true })
    socket.pause()
    for (const body of bodies) publisher.publish({ routingKey: queue, body })
    await expect.poll(() => server.broker.queueInfo(queue)?.messagesPublished, { timeout: 10_000 }).toBe(bodies.length)
    socket.resume()
    for (const body of bodies) expect((await channel.delivery()).content.body.equals(body)).toBe(true)
  })

  test('a client that resets its connection ends that one, while it sends, while it is sent to, and while it is idle', async () => {
    const { port, lines, server } = await start()
    const good = await logIn(await encrypted(port))
    for (const busy of ['sending', 'receiving', 'idle'] as const) {
      const raw = await plain(port)
      const socket = connect({ socket: raw, servername: 'localhost', ...trusting({}) })
      doors.stopAfterTest(() => socket.destroy())
      await once(socket, 'secureConnect')
      const channel = await (await logIn(socket)).channel(1)
      const queue = await channel.queue()
      if (busy === 'sending') channel.publish({ routingKey: queue, body: Buffer.alloc(5_000_000) })
      if (busy === 'receiving') {
        channel.publish({ routingKey: queue, body: Buffer.alloc(5_000_000) })
        socket.pause()
        await channel.consume(queue).catch(() => {})
      }
      raw.resetAndDestroy()
    }
    await expect.poll(() => server.connections().length).toBe(1)
    await expectEcho(good)
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('what a client has sent before it ends its side is carried out, also if the broker had to wait before it looked', async () => {
    let admit = (): void => {}
    const asked = new Promise<void>((resolve) => {
      admit = resolve
    })
    const user = (name: string) => ({ user: { name, tags: [] } })
    const authenticator: Authenticator = {
      authenticate: async ({ name }) => {
        if (name === 'late') await asked
        return user(name)
      },
      anonymous: () => ({ refusal: 'never' }),
    }
    const { port, server } = await doors.startServer((builder) =>
      builder
        .withListeners([{ protocol: 'amqps', host: '127.0.0.1', port: 0 }])
        .withTls(files)
        .withAuthenticator(authenticator),
    )
    const client = new RawClient(await encrypted(port))
    await client.startLogin({ user: 'late' })
    client.send(0, 'connection.tune-ok', { channelMax: 10, frameMax: 131_072, heartbeat: 0 })
    client.send(0, 'connection.open', { virtualHost: '/' })
    client.send(1, 'channel.open')
    client.send(1, 'queue.declare', { queue: 'at-last' })
    client.socket.end()
    await once(client.socket, 'finish')
    // By then the broker has seen the end.
    await expectEcho(await logIn(await encrypted(port)))
    expect(server.broker.queueInfo('at-last')).toBeUndefined()
    admit()
    await expect.poll(() => server.broker.queueInfo('at-last')).toBeDefined()
    await client.expectSocketClosed()
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('a session goes on in the next connection, with %s', async (version) => {
    const { port } = await start()
    const options = { minVersion: version, maxVersion: version }
    const first = await encrypted(port, options)
    // With TLS 1.3, its ticket comes behind the handshake.
    const ticket = version === 'TLSv1.3' ? once(first, 'session') : Promise.resolve([first.getSession()])
    await logIn(first)
    const [session] = await ticket
    const second = await encrypted(port, { ...options, session })
    expect(second.isSessionReused()).toBe(true)
    await expectEcho(await logIn(second))
  })

  test('a client without TLS is told nothing, and the log says why it went', async () => {
    const { port, lines, texts } = await start()
    const socket = await plain(port)
    socket.write('AMQP\0\0\x09\x01')
    await ended(socket)
    await expect.poll(texts).toContain('a client did not get through the TLS handshake')
    const { fields } = lines.find(({ text }) => text.includes('get through')) as Line
    expect(fields).toMatchObject({ listener: 'amqps', reason: expect.stringContaining('ERR_SSL_') })
    await expectEcho(await logIn(await encrypted(port)))
  })

  test('one that says nothing is cut off when the time of the handshake is over', async () => {
    const { port, texts } = await start({ handshakeTimeoutMs: 200 })
    await ended(await plain(port))
    expect(texts()).toContainEqual(expect.stringContaining('in time'))
  })

  test('one that sends its handshake byte by byte has no more time than the others', async () => {
    const { port } = await start({ handshakeTimeoutMs: 300 })
    const socket = await plain(port)
    const before = performance.now()
    socket.write(Buffer.from('1603010200010001fc0303', 'hex'))
    const timer = setInterval(() => socket.write(Buffer.of(1)), 20)
    await ended(socket)
    expect(performance.now() - before).toBeGreaterThan(250)
    clearInterval(timer)
  })

  test('one that is through and does not log in is cut off, too', async () => {
    const { port } = await start({}, { handshakeTimeoutMs: 300 })
    await ended(await encrypted(port))
  })

  test('what is no TLS record after the log-in ends that connection, as one whose client has gone', async () => {
    const { port, lines, texts } = await start()
    const raw = await plain(port)
    const socket = connect({ socket: raw, ca: folder.authority.cert, servername: 'localhost' })
    await once(socket, 'secureConnect')
    await logIn(socket)
    socket.on('error', () => {})
    raw.write(Buffer.from('17030300051122334455', 'hex'))
    await once(raw, 'close')
    await expect.poll(texts).toContainEqual(expect.stringContaining('connection lost'))
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  })
})

describe('certificates of clients', () => {
  const verified = { caFile: folder.caFile, verifyPeer: true }
  const client = folder.client('app', ['DNS:app.example', 'email:app@example.com'])
  const stranger = makeCertificate({ commonName: 'stranger' })

  test('are not asked for unless the server is told to', async () => {
    const { port } = await start()
    const socket = await encrypted(port, { cert: client.cert, key: client.key })
    await expectEcho(await logIn(socket))
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('may be left out where they are optional (%s)', async (version) => {
    const { port } = await start(verified)
    await expectEcho(await logIn(await encrypted(port, { maxVersion: version })))
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'have to be signed by an authority, even where optional (%s)',
    async (version) => {
      const { port, lines } = await start(verified)
      expect(await refusal(port, { maxVersion: version, cert: stranger.cert, key: stranger.key })).toMatch(
        /closed|ECONNRESET/,
      )
      expect(lines.map(({ fields }) => fields.reason)).toContainEqual(
        expect.stringContaining('its certificate is refused'),
      )
      await expectEcho(await logIn(await encrypted(port, { maxVersion: version, cert: client.cert, key: client.key })))
    },
  )

  test('are of the authority whose key signed them, not of one that has its name', async () => {
    const { port, lines, server } = await start(verified)
    const twin = makeCertificate({ commonName: folder.authority.commonName, isAuthority: true })
    const forged = makeCertificate({ commonName: 'app', signedBy: twin })
    for (const cert of [forged.cert, forged.cert + twin.cert, forged.cert + folder.authority.cert])
      expect(await refusal(port, { cert, key: forged.key })).toMatch(/closed|ECONNRESET|ALERT|DECRYPT/)
    const reasons = lines.map(({ fields }) => String(fields.reason)) // the first alone: the log tells of one cause now and then
    expect(reasons).toContainEqual(expect.stringMatching(/its certificate is refused|ERR_SSL/))
    expect(server.connections()).toEqual([])
  })

  test('are refused after their time', async () => {
    const { port, lines } = await start(verified)
    const expired = makeCertificate({ commonName: 'app', toDays: -0.5, signedBy: folder.authority })
    expect(await refusal(port, { cert: expired.cert, key: expired.key })).toMatch(/closed|ECONNRESET/)
    expect(lines.map(({ fields }) => fields.reason)).toContainEqual(expect.stringContaining('CERT_HAS_EXPIRED'))
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('have to be shown where they are required (%s)', async (version) => {
    const { port } = await start({ ...verified, requireCertificate: true })
    expect(await refusal(port, { maxVersion: version })).toMatch(/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|ECONNRESET/)
    await expectEcho(await logIn(await encrypted(port, { maxVersion: version, cert: client.cert, key: client.key })))
  })

  test('may have so many authorities between', async () => {
    const between = makeCertificate({ commonName: 'between', isAuthority: true, signedBy: folder.authority })
    const leaf = makeCertificate({ commonName: 'leaf', signedBy: between })
    const options = { cert: leaf.cert + between.cert, key: leaf.key }
    const { port } = await start({ ...verified, depth: 1 })
    await expectEcho(await logIn(await encrypted(port, options)))
    const strict = await start({ ...verified, depth: 0 })
    expect(await refusal(strict.port, options)).toMatch(/closed|ECONNRESET/)
    expect(strict.lines.map(({ fields }) => fields.reason)).toContainEqual(expect.stringContaining('than 0'))
    await expectEcho(await logIn(await encrypted(strict.port, { cert: client.cert, key: client.key })))
  })
})

describe('host names', () => {
  const hosts = [
    { name: 'mq.example.com', ...folder.server('mq', folder.serverCertificate('mq', ['DNS:mq.example.com'])) },
    { name: '*.shop.example', ...folder.server('shop', folder.serverCertificate('shop', ['DNS:*.shop.example'])) },
  ]

  test.each([
    ['mq.example.com', 'mq'],
    ['MQ.Example.COM', 'mq'],
    ['eu.shop.example', 'shop'],
    ['a.eu.shop.example', 'server'],
    ['shop.example', 'server'],
    ['localhost', 'server'],
  ])('%s gets the certificate of %s', async (servername, commonName) => {
    const { port } = await start({ hosts })
    const socket = await encrypted(port, { servername, checkServerIdentity: () => undefined })
    expect(socket.getPeerCertificate().subject.CN).toBe(commonName)
    await expectEcho(await logIn(socket))
  })

  // CVE-2026-21637: an error in the callback ended the process.
  test.each(['x', '.', '..', '*.shop.example', `${'a'.repeat(250)}.`, 'constructor', '__proto__', '\u00e4.example'])(
    'that make no sense, such as %j, harm nothing',
    async (servername) => {
      const { port } = await start({ hosts })
      const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
      const over = await new Promise<string>((resolve) => {
        socket.once('secureConnect', () => resolve('secure'))
        socket.once('error', () => resolve('error'))
        socket.once('close', () => resolve('closed'))
      })
      socket.destroy()
      expect(['secure', 'error', 'closed']).toContain(over)
      await expectEcho(await logIn(await encrypted(port)))
    },
  )
})
