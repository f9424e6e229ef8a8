import { once } from 'node:events'
import { request } from 'node:https'
import { connect as connectSocket } from 'node:net'
import type { connect } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { TlsOptions } from '../../src/listeners/tls-options.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { makeCertificate } from '../support/certificates.ts'

const folder = new CertificateFolder()
const names = ['DNS:localhost', 'IP:127.0.0.1']
const ca = folder.authority.cert
const ofListeners = folder.server(
  'listeners',
  makeCertificate({ commonName: 'listeners', names, signedBy: folder.authority }),
)
const own = folder.server('own', makeCertificate({ commonName: 'own', names, signedBy: folder.authority }))

let server: Server

async function start(tls: TlsOptions | 'as listeners'): Promise<URL> {
  server = new ServerBuilder().withConfig({ port: 0, passwordHashing: 'sha256' }).withTls(ofListeners).build()
  await server.listen()
  return new URL((await server.http.listenManagement({ port: 0, tls })).url)
}

afterEach(() => server.shutdown({ graceMs: 0 }))

interface Answer {
  readonly status: number | undefined
  readonly commonName: string
}

function get(url: URL, path: string, more: object = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { hostname: url.hostname, port: url.port, path, auth: 'guest:guest', ca, agent: false, ...more }
    const sent = request(options, (response) => {
      const { CN } = (response.socket as ReturnType<typeof connect>).getPeerCertificate().subject
      response.resume()
      response.once('end', () => resolve({ status: response.statusCode, commonName: String(CN) }))
    })
    sent.once('error', reject)
    sent.end()
  })
}

describe('the metrics over TLS', () => {
  test('show a certificate, and tell tools that they are HTTPS', async () => {
    const management = await start(own)
    const { url } = await server.http.listenMetrics({ port: 0, tls: 'as listeners' })
    expect(url).toMatch(/^https:.*\/metrics$/)
    expect(await get(new URL(url), '/metrics')).toEqual({ status: 200, commonName: 'listeners' })
    const port = Number(new URL(url).port)
    expect((await server.node()).listeners).toContainEqual({ protocol: 'https/prometheus', host: '127.0.0.1', port })
    expect((await get(management, '/api/health/checks/protocol-listener/https%2Fprometheus')).status).toBe(200)
    expect((await get(management, '/api/health/checks/protocol-listener/prometheus')).status).toBe(503)
  })

  test('can be for clients with a certificate alone', async () => {
    await start(own)
    const client = folder.client('scraper')
    const tls = { ...own, caFile: folder.caFile, verifyPeer: true, requireCertificate: true }
    const url = new URL((await server.http.listenMetrics({ port: 0, tls })).url)
    await expect(get(url, '/metrics')).rejects.toThrow()
    expect((await get(url, '/metrics', { cert: client.cert, key: client.key })).status).toBe(200)
  })
})

describe('the management API over TLS', () => {
  test('shows the certificate of the listeners, or its own', async () => {
    const shared = await start('as listeners')
    expect(shared.protocol).toBe('https:')
    expect(await get(shared, '/api/overview')).toEqual({ status: 200, commonName: 'listeners' })
    const { url } = await server.http.listenManagement({ port: 0, tls: own })
    expect(await get(new URL(url), '/api/overview')).toEqual({ status: 200, commonName: 'own' })
    expect((await get(new URL(url), '/api/health/checks/protocol-listener/https')).status).toBe(200)
    expect((await server.node()).certificates.map(({ subject }) => subject)).toContain('O=Leveret tests, CN=own')
  })

  test('shows a new certificate once its files have changed', async () => {
    const files = folder.server(
      'changing',
      makeCertificate({ commonName: 'before', names, signedBy: folder.authority }),
    )
    const url = await start(files)
    expect((await get(url, '/api/overview')).commonName).toBe('before')
    folder.server('changing', makeCertificate({ commonName: 'after', names, signedBy: folder.authority }))
    server.reloadTls()
    expect((await get(url, '/api/overview')).commonName).toBe('after')
  })

  test('can ask clients for a certificate', async () => {
    const client = folder.client('client')
    const url = await start({ ...own, caFile: folder.caFile, verifyPeer: true, requireCertificate: true })
    await expect(get(url, '/api/overview')).rejects.toThrow()
    const shown = { cert: client.cert, key: client.key }
    expect((await get(url, '/api/overview', shown)).status).toBe(200)
  })

  test('serves through clients that speak no TLS, or do not finish their handshake', async () => {
    const url = await start({ ...own, handshakeTimeoutMs: 200 })
    const plain = connectSocket(Number(url.port), url.hostname)
    plain.on('error', () => {})
    plain.write('GET /api/overview HTTP/1.1\r\nhost: x\r\n\r\n')
    plain.resume()
    await once(plain, 'close')
    const silent = connectSocket(Number(url.port), url.hostname)
    silent.on('error', () => {})
    silent.resume()
    await once(silent, 'close')
    expect((await get(url, '/api/overview')).status).toBe(200)
  })

  test('refuses files that cannot be used, and the certificate of listeners that have none', async () => {
    await start(own)
    const wrong = { certFile: '/nowhere/cert.pem', keyFile: '/nowhere/key.pem' }
    await expect(server.http.listenManagement({ port: 0, tls: wrong })).rejects.toThrow('/nowhere/cert.pem')
    await expect(server.http.listenManagement({ port: 0, tls: {} as TlsOptions })).rejects.toThrow(TypeError)
    await server.shutdown({ graceMs: 0 })
    server = new ServerBuilder().withConfig({ port: 0 }).build()
    await server.listen()
    await expect(server.http.listenManagement({ port: 0, tls: 'as listeners' })).rejects.toThrow('needs a certificate')
  })
})
