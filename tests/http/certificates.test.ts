import { expect, test } from 'vitest'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { makeCertificate } from '../support/certificates.ts'

const folder = new CertificateFolder()
const names = ['DNS:localhost', 'IP:127.0.0.1']
const soon = makeCertificate({ commonName: 'soon', names, signedBy: folder.authority, toDays: 10 })
const files = folder.server('soon', soon)

test('a check tells of a certificate that ends soon, and listeners have the names of RabbitMQ', async () => {
  const server = new ServerBuilder()
    .withListeners([
      { protocol: 'amqps', host: '127.0.0.1', port: 0 },
      { protocol: 'wss', host: '127.0.0.1', port: 0 },
    ])
    .withTls(files)
    .build()
  await server.listen()
  const { url } = await server.http.listenManagement({ port: 0 })
  const headers = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` }
  const ask = async (path: string) => {
    const response = await fetch(`${url}/api/${path}`, { headers })
    return { status: response.status, body: JSON.parse(await response.text()) }
  }
  expect((await ask('health/checks/certificate-expiration/1/weeks')).status).toBe(200)
  const { status, body } = await ask('health/checks/certificate-expiration/2/weeks')
  expect([status, body.status, body.expired.map((one: { subject: string }) => one.subject)]).toEqual([
    503,
    'failed',
    ['O=Leveret tests, CN=soon'],
  ])
  for (const protocol of ['amqps', 'amqp%2Fssl', 'https%2Fweb-amqp']) {
    expect([protocol, (await ask(`health/checks/protocol-listener/${protocol}`)).status]).toEqual([protocol, 200])
  }
  const { listeners } = (await ask('overview')).body
  expect(listeners.map(({ protocol, tls }: Record<string, unknown>) => [protocol, tls])).toEqual([
    ['amqp/ssl', true],
    ['https/web-amqp', true],
    ['http', false],
  ])
  await server.shutdown()
})
