// SASL EXTERNAL: the certificate of a client, which TLS has verified, names its user.
import { expect, test } from 'vitest'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { RawClient } from '../support/raw-client.ts'
import * as doors from './doors.ts'

const folder = new CertificateFolder()
const files = folder.server('server')
doors.useDoors()

const REFUSED = 'Login was refused using authentication mechanism EXTERNAL. For details see the broker logfile.'
const APP = folder.client('app', ['DNS:first.example', 'DNS:second.example', 'email:app@example.org'])

async function start(config: Partial<ServerConfig> = {}) {
  const listeners = [{ protocol: 'amqps', host: '127.0.0.1', port: 0 }] as const
  const tls = { ...files, caFile: folder.caFile, verifyPeer: true } as const
  const started = await doors.startServer((builder) => builder.withListeners(listeners).withTls(tls), {
    authMechanisms: ['EXTERNAL', 'PLAIN'],
    sslCertLoginFrom: 'common_name',
    ...config,
  })
  const client = async (certificate?: { readonly cert: string; readonly key: string }): Promise<RawClient> => {
    const shown = certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }
    return new RawClient(await doors.encrypted(started.port, { ca: folder.authority.cert, ...shown }))
  }
  return { ...started, client }
}

const EXTERNAL = { mechanism: 'EXTERNAL', response: '' }

test.each<[Partial<ServerConfig>, string]>([
  [{}, 'app'],
  [{ sslCertLoginFrom: 'distinguished_name' }, 'CN=app,O=Leveret tests'],
  [{ sslCertLoginFrom: 'subject_alternative_name' }, 'first.example'],
  [{ sslCertLoginFrom: 'subject_alternative_name', sslCertLoginSanIndex: 1 }, 'second.example'],
  [{ sslCertLoginFrom: 'subject_alternative_name', sslCertLoginSanType: 'email' }, 'app@example.org'],
])('with %j the user is %s', async (config, name) => {
  const { server, client } = await start(config)
  await server.users.add(name, 'its password is not asked for')
  await server.permissions.set(name, { configure: '.*', write: '.*', read: '.*' })
  const raw = await client(APP)
  await raw.handshake(EXTERNAL)
  expect(server.connections()[0]?.user.name).toBe(name)
  await raw.expectUsable()
})

test('a certificate whose name is no user, or is not there, is refused', async () => {
  const { client } = await start()
  for (const certificate of [APP, folder.client('stranger')]) {
    const raw = await client(certificate)
    await raw.startLogin(EXTERNAL)
    await raw.expectConnectionClose(403, REFUSED)
  }
  const { client: other } = await start({ sslCertLoginFrom: 'subject_alternative_name', sslCertLoginSanType: 'ip' })
  const raw = await other(APP)
  await raw.startLogin(EXTERNAL)
  await raw.expectConnectionClose(403, REFUSED)
})

test('clients without a certificate are not offered it, and get in with a password', async () => {
  const { client } = await start()
  const offered = async (raw: RawClient): Promise<string> => String((await raw.startLogin()).args.mechanisms)
  expect(await offered(await client(APP))).toBe('EXTERNAL PLAIN')
  expect(await offered(await client())).toBe('PLAIN')
  const raw = await client()
  await raw.startLogin({ ...EXTERNAL, response: 'guest' })
  await raw.expectSocketClosed(6000)
})
