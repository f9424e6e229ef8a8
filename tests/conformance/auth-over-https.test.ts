// Users and keys of tokens that come over HTTPS: only from a server whose certificate is right, and the log says what is wrong
// with another one.
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import type { BackendsConfig } from '../../src/auth/backends/backends-config.ts'
import { plain, startServer, stopAfterTest, useDoors } from '../listeners/doors.ts'
import { type Certificate, makeCertificate } from '../support/certificates.ts'
import { RawClient } from '../support/raw-client.ts'
import { type WebRequest, WebServer, type WebServerTls } from '../support/web-server.ts'

const REFUSED = 'Login was refused using authentication mechanism PLAIN. For details see the broker logfile.'
const authority = makeCertificate({ commonName: 'Test authority', isAuthority: true })
const stranger = makeCertificate({ commonName: 'Other authority', isAuthority: true })
const names = ['IP:127.0.0.1']
const good = makeCertificate({ commonName: 'web', names, signedBy: authority })
const KEYS = await generateKeyPair('ES256', { extractable: true })
const JWK = { ...(await exportJWK(KEYS.publicKey)), kid: 'one', alg: 'ES256' }
useDoors()

/** A web server that publishes the keys, and knows the user ann. */
async function startWeb(certificate: Certificate, more: Partial<WebServerTls> = {}): Promise<WebServer> {
  const answers = ({ path, fields }: WebRequest) => {
    if (path === '/jwks') return JSON.stringify({ keys: [JWK] })
    if (path === '/.well-known/openid-configuration')
      return JSON.stringify({ issuer: web.url, jwks_uri: `${web.url}/jwks` })
    return fields.get('username') === 'ann' ? 'allow' : 'deny'
  }
  const web: WebServer = await WebServer.start(answers, { cert: certificate.cert, key: certificate.key, ...more })
  stopAfterTest(() => web.stop())
  return web
}

type Kind = 'keys' | 'issuer' | 'users'

function backendsFor(kind: Kind, url: string, ca: string | undefined): BackendsConfig {
  if (kind === 'users') {
    const [userPath, vhostPath] = [`${url}/auth/user`, `${url}/auth/vhost`]
    const paths = { userPath, vhostPath, resourcePath: `${url}/auth/resource`, topicPath: `${url}/auth/topic` }
    return { backends: [{ authentication: 'http' }], http: { ...paths, ca } }
  }
  const issuer = kind === 'issuer' ? { issuer: url } : { jwksUri: `${url}/jwks` }
  return { backends: [{ authentication: 'oauth2' }], oauth2: { resourceServerId: 'rabbit', issuers: [issuer], ca } }
}

async function startBroker(kind: Kind, web: WebServer, ca: string | undefined) {
  const backends = backendsFor(kind, web.url, ca)
  const broker = await startServer(() => {}, { loginFailuresMax: 0, backends })
  const client = async (): Promise<RawClient> => new RawClient(await plain(broker.port))
  return { ...broker, client, pass: kind === 'users' ? 'secret' : await token(web) }
}

function token(web: WebServer): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 60
  const scope = 'rabbit.read:*/* rabbit.write:*/* rabbit.configure:*/*'
  const claims = { iss: web.url, sub: 'ann', aud: 'rabbit', scope, exp }
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(KEYS.privateKey)
}

test.each<Kind>(['keys', 'issuer', 'users'])('%s come from a server that the authority has signed', async (kind) => {
  const web = await startWeb(good)
  const { client, pass, server } = await startBroker(kind, web, authority.cert)
  const raw = await client()
  await raw.handshake({ user: 'ann', pass })
  await raw.expectUsable()
  expect(server.connections().map(({ user }) => user.name)).toEqual(['ann'])
})

const WRONG: readonly [string, Certificate, string | undefined, RegExp, Partial<WebServerTls>?][] = [
  [
    'of an authority that is not trusted',
    makeCertificate({ commonName: 'web', names, signedBy: stranger }),
    authority.cert,
    /unable to verify the first certificate|unable to get local issuer certificate/,
  ],
  [
    'that no authority of Node.js has signed',
    good,
    undefined,
    /unable to verify the first certificate|unable to get local issuer certificate/,
  ],
  [
    'that it has signed itself',
    makeCertificate({ commonName: 'web', names }),
    authority.cert,
    /self[- ]signed certificate/,
  ],
  [
    'for another host',
    makeCertificate({ commonName: 'web', names: ['DNS:web.example'], signedBy: authority }),
    authority.cert,
    /does not match certificate's altnames/,
  ],
  [
    'that has expired',
    makeCertificate({ commonName: 'web', names, signedBy: authority, fromDays: -9, toDays: -1 }),
    authority.cert,
    /certificate has expired/,
  ],
  [
    'that is not valid yet',
    makeCertificate({ commonName: 'web', names, signedBy: authority, fromDays: 2 }),
    authority.cert,
    /certificate is not yet valid/,
  ],
  [
    'and an old version of TLS',
    good,
    authority.cert,
    /wrong version|unsupported protocol|protocol version/i,
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
  ],
]

// CVE-2026-67404: keys were taken from any server.
test.each(WRONG)('none come from a server with a certificate %s', async (_what, certificate, ca, reason, more = {}) => {
  for (const kind of ['keys', 'issuer', 'users'] as const) {
    const web = await startWeb(certificate, more)
    const { client, pass, lines, server } = await startBroker(kind, web, ca)
    const raw = await client()
    await raw.startLogin({ user: 'ann', pass })
    await raw.expectConnectionClose(403, REFUSED)
    expect(web.requests).toEqual([])
    expect(server.connections()).toEqual([])
    const told = lines.filter(({ text }) => /the keys of an issuer|the HTTP server that knows/.test(text))
    expect(told.map(({ level, fields }) => [level, reason.test(String(fields.reason))])).toContainEqual(['error', true])
    expect(JSON.stringify(lines)).not.toContain(pass)
  }
})
