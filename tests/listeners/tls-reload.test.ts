// Certificates are changed while clients are connected; what cannot be used changes nothing; what ends soon is told of.
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { alternativeNames } from '../../src/listeners/peer-certificate.ts'
import { TlsDoor } from '../../src/listeners/tls-door.ts'
import { TlsWatch } from '../../src/listeners/tls-watch.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { makeCertificate } from '../support/certificates.ts'
import { encrypted, expectEcho, logIn, startServer, stopAfterTest, useDoors } from './doors.ts'

const folder = new CertificateFolder()
useDoors()

const ca = folder.authority.cert

async function start(name: string, more: object = {}) {
  const files = folder.server(name)
  const started = await startServer((builder) =>
    builder.withListeners([{ protocol: 'amqps', host: '127.0.0.1', port: 0 }]).withTls({ ...files, ...more }),
  )
  return { ...started, files }
}

async function nameShown(port: number): Promise<string> {
  const socket = await encrypted(port, { ca })
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

test('new clients see the new certificate, and those that are connected stay', async () => {
  const { server, port, lines } = await start('old')
  const client = await logIn(await encrypted(port, { ca }))
  folder.server('old', folder.serverCertificate('new'))
  server.reloadTls()
  expect(await nameShown(port)).toBe('new')
  await expectEcho(client)
  expect(lines).toContainEqual(expect.objectContaining({ level: 'info', text: 'new TLS files are in use' }))
  server.reloadTls()
  expect(lines.at(-1)?.text).toBe('the TLS files have not changed')
})

test('files that cannot be used change nothing, and are told of until there are better ones', async () => {
  const { server, port, files, lines } = await start('kept')
  const kept = readFileSync(files.certFile, 'utf8')
  const other = folder.serverCertificate('other')
  folder.put('kept.cert.pem', other.cert) // its key is not there yet
  server.reloadTls()
  expect(await nameShown(port)).toBe('kept')
  expect(lines.at(-1)).toMatchObject({ level: 'error', text: expect.stringContaining(`${files.certFile} and`) })
  expect(server.health()).toMatchObject({ status: 'degraded', warnings: [expect.stringContaining('stay in use')] })
  folder.put('kept.cert.pem', kept)
  server.reloadTls()
  expect(lines.at(-1)?.text).toBe('the TLS files can be used again; they are those in use')
  folder.put('kept.cert.pem', 'nothing')
  server.reloadTls()
  expect(await nameShown(port)).toBe('kept')
  folder.put('kept.cert.pem', other.cert)
  folder.put('kept.key.pem', other.key)
  server.reloadTls()
  expect(await nameShown(port)).toBe('other')
  expect(server.health()).toMatchObject({ status: 'healthy', warnings: [] })
})

test('a session that began before a new authority does not go on after it', async () => {
  const { server, port } = await start('resumed', { caFile: folder.caFile, verifyPeer: true, requireCertificate: true })
  const client = folder.client('app')
  const options = { ca, cert: client.cert, key: client.key }
  const first = await encrypted(port, options)
  const session = new Promise<Buffer>((resolve) => first.once('session', resolve))
  await logIn(first)
  const again = await encrypted(port, { ca, session: await session })
  expect(again.isSessionReused()).toBe(true)
  const other = makeCertificate({ commonName: 'another authority', isAuthority: true })
  folder.put('ca.pem', other.cert)
  server.reloadTls()
  const late = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, session: await session })
  stopAfterTest(() => late.destroy())
  let isReused: boolean | undefined
  late.on('secureConnect', () => {
    isReused = late.isSessionReused()
  })
  late.resume()
  const reason = await new Promise<string>((resolve) => {
    late.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    late.once('close', () => resolve('closed'))
  })
  expect([isReused, reason]).toEqual([false, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'])
  folder.put('ca.pem', ca)
})

test('files are read again when they change', async () => {
  const files = folder.server('watched')
  const texts: string[] = []
  const log = (_fields: object, text: string) => void texts.push(text)
  const logger = { debug: log, info: log, warn: log, error: log }
  const door = new TlsDoor(files, { logger, wallMs: () => Date.now() })
  const watch = new TlsWatch(door, [files.certFile, files.keyFile], 20, 20)
  stopAfterTest(() => watch.stop())
  await wait(50)
  folder.server('watched', folder.serverCertificate('watched, too'))
  await expect.poll(() => texts).toContain('new TLS files are in use')
})

test.each([
  [{ toDays: 10.5 }, 'expires in 10 days'],
  [{ toDays: 1.5 }, 'expires in 1 day'],
  [{ fromDays: -10, toDays: -1 }, 'has expired'],
  [{ fromDays: 1 }, 'is not valid yet'],
])('a certificate with %j is told of in the log and by health', async (dates, text) => {
  const files = folder.server('dated', makeCertificate({ commonName: 'dated', ...dates }))
  const { server, lines } = await startServer((builder) =>
    builder.withListeners([{ protocol: 'amqps', host: '127.0.0.1', port: 0 }]).withTls(files),
  )
  expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', text: expect.stringContaining(text) }))
  expect(server.health()).toMatchObject({ status: 'degraded', warnings: [expect.stringContaining(text)] })
})

test.each([
  [{ certFile: '/no/such.pem' }, '/no/such.pem cannot be read'],
  [{ caFile: '/no/such.pem', verifyPeer: true }, '/no/such.pem cannot be read'],
  [{ password: 'wrong', keyFile: folder.put('broken.pem', 'no key') }, 'cannot be used'],
  [{ ciphers: ['NO-SUCH-CIPHER'] }, 'cannot be used'],
  [{ verifyPeer: true }, 'needs caFile'],
  [{ requireCertificate: true }, 'needs verifyPeer'],
  [{ depth: 101 }, 'depth'],
  [{ versions: ['tlsv1.1'] }, 'versions'],
  [{ hosts: [{ name: 'a', certFile: 'b' }] }, "needs 'keyFile'"],
])('a server with %j does not start: %s', async (more, reason) => {
  await expect(start('never', more)).rejects.toThrow(reason)
})

test.each([
  ['DNS:a.example, IP Address:192.0.2.1', 'dns a.example, ip 192.0.2.1'],
  ['email:a@example.com, URI:urn:x, DirName:CN = a', 'email a@example.com, uri urn:x, other CN = a'],
  ['DNS:"a.example\\u0000, DNS:b.example", DNS:c.example', 'dns a.example\0, DNS:b.example, dns c.example'],
  ['', ''],
])('names in a certificate, %j, are told apart', (text, names) => {
  expect(
    alternativeNames(text)
      .map(({ type, value }) => `${type} ${value}`)
      .join(', '),
  ).toBe(names)
})
