// Clients whose users other servers know, from outside: tokens, an HTTP server, several backends in order.
import { generateKeyPairSync } from 'node:crypto'
import { connect } from 'amqplib'
import { SignJWT } from 'jose'
import { afterEach, expect, test } from 'vitest'
import type { BackendsConfig } from '../../src/auth/backends/backends-config.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { WebServer } from '../support/web-server.ts'
import { LogInClients } from './log-in-clients.ts'

const KEYS = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PEM = String(KEYS.publicKey.export({ type: 'spki', format: 'pem' }))
const OAUTH2: BackendsConfig = {
  backends: [{ authentication: 'oauth2' }, { authentication: 'internal' }],
  oauth2: { resourceServerId: 'rabbit', issuers: [{ signingKeys: { one: PEM } }] },
}
const ALL = 'rabbit.read:*/* rabbit.write:*/* rabbit.configure:*/*'

let server: Server
let web: WebServer | undefined
const clients = new LogInClients(() => server)

async function start(backends: BackendsConfig): Promise<void> {
  server = new ServerBuilder().withConfig({ port: 0, passwordHashing: 'sha256', loginFailuresMax: 0, backends }).build()
  await server.listen()
}

afterEach(async () => {
  clients.destroy()
  await server.shutdown({ graceMs: 0 })
  await web?.stop()
  web = undefined
})

function token(more: object = {}, seconds = 60): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + seconds
  const claims = { sub: 'ann', aud: 'rabbit', scope: ALL, exp, ...more }
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(KEYS.privateKey)
}

test('a token lets a client in, whatever name it gives; the broker’s own users still get in, wrong tokens do not', async () => {
  await start(OAUTH2)
  const raw = await clients.connect()
  await raw.handshake({ user: 'whatever', pass: await token() })
  expect(server.connections().map(({ user }) => user.name)).toEqual(['ann'])
  await raw.expectUsable()
  await (await clients.connect()).handshake()
  for (const wrong of [await token({ aud: 'other' }), await token({}, -10), `${await token()}x`, 'no token'])
    await clients.expectRefused({ user: 'ann', pass: wrong })
})

test('a real client works with a token', async () => {
  await start(OAUTH2)
  const { port = 0 } = server.addresses[0] ?? {}
  const connection = await connect({ hostname: '127.0.0.1', port, username: '', password: await token() })
  const channel = await connection.createChannel()
  await channel.assertQueue('tokens', { exclusive: true })
  channel.sendToQueue('tokens', Buffer.from('hello'))
  await expect.poll(() => channel.get('tokens')).toBeTruthy()
  await connection.close()
})

test('when a token expires, the connection is closed; a new one of the same user keeps it open', async () => {
  await start(OAUTH2)
  const [short, renewed] = [await clients.connect(), await clients.connect()]
  await short.handshake({ pass: await token({}, 3) })
  await renewed.handshake({ pass: await token({}, 3) })
  renewed.send(0, 'connection.update-secret', { newSecret: await token(), reason: 'expiry' })
  await renewed.expect(0, 'connection.update-secret-ok')
  await short.expectConnectionClose(403, 'credential expired')
  await renewed.expectUsable()
})

test.each<[string, () => Promise<string>]>([
  ['of another user', () => token({ sub: 'bob' })],
  ['that has expired', () => token({}, -1)],
  ['that is none', async () => 'secret'],
])('a new secret %s ends the connection', async (_, secret) => {
  await start(OAUTH2)
  const raw = await clients.connect()
  await raw.handshake({ pass: await token() })
  raw.send(0, 'connection.update-secret', { newSecret: await secret(), reason: '' })
  await raw.expectConnectionClose(530, 'New secret was refused by one of the backends', 'connection.update-secret')
})

test('an HTTP server decides who gets in; while it cannot, no client does', async () => {
  let answer: string | { status: number } = 'allow administrator'
  web = await WebServer.start(({ path, fields }) => {
    if (path !== '/user') return 'allow'
    return fields.get('password') === 'right' ? answer : 'deny'
  })
  await start({
    backends: [{ authentication: 'http' }],
    http: {
      userPath: `${web.url}/user`,
      vhostPath: `${web.url}/vhost`,
      resourcePath: `${web.url}/resource`,
      topicPath: `${web.url}/topic`,
    },
  })
  await (await clients.connect()).handshake({ user: 'ann', pass: 'right' })
  expect(server.connections()[0]?.user).toMatchObject({ name: 'ann', tags: ['administrator'] })
  await clients.expectRefused({ user: 'ann', pass: 'wrong' })
  await clients.expectRefused({ user: 'guest', pass: 'guest' })
  answer = { status: 503 }
  await clients.expectRefused({ user: 'ann', pass: 'right' })
})

test('scopes say what a token may be used for, and a new token what from then on', async () => {
  await start(OAUTH2)
  const raw = await clients.connect()
  const scope = 'rabbit.configure:%2F/own-* rabbit.write:%2F/own-* rabbit.write:%2F/amq.topic/a.* rabbit.read:%2F/own-*'
  await raw.handshake({ pass: await token({ scope }) })
  const channel = await raw.channel(1)
  await channel.call('queue.declare', { queue: 'own-1', exclusive: true })
  const refused = async (send: () => void, text: string): Promise<void> => {
    send()
    await channel.expect('channel.close', { replyCode: 403, replyText: `ACCESS_REFUSED - ${text}` })
    channel.send('channel.close-ok')
    await raw.channel(1)
  }
  const declare = { queue: 'other', exclusive: true }
  await refused(
    () => channel.send('queue.declare', declare),
    "configure access to queue 'other' in vhost '/' refused for user 'ann'",
  )
  await refused(
    () => channel.publish({ exchange: 'amq.direct', routingKey: 'x' }),
    "write access to exchange 'amq.direct' in vhost '/' refused for user 'ann'",
  )
  await refused(
    () => channel.publish({ exchange: 'amq.topic', routingKey: 'b.c' }),
    "write access to topic 'b.c' in exchange 'amq.topic' in vhost '/' refused for user 'ann'",
  )
  channel.publish({ exchange: 'amq.topic', routingKey: 'a.c' })
  await raw.expectUsable()
  raw.send(0, 'connection.update-secret', { newSecret: await token(), reason: '' })
  await raw.expect(0, 'connection.update-secret-ok')
  await channel.call('queue.declare', declare)
  // Without any scope for the virtual host, the connection may not stay in it.
  raw.send(0, 'connection.update-secret', { newSecret: await token({ scope: 'rabbit.read:x/*' }), reason: '' })
  await raw.expect(0, 'connection.update-secret-ok')
  await raw.expectConnectionClose(530, "access to vhost '/' refused for user 'ann'")
})

test('a token without scopes for the virtual host does not open it', async () => {
  await start(OAUTH2)
  const raw = await clients.connect()
  await raw.login({ pass: await token({ scope: 'rabbit.read:other/*' }) })
  raw.send(0, 'connection.open', { virtualHost: '/' })
  await raw.expectConnectionClose(530, "access to vhost '/' refused for user 'ann'", 'connection.open')
})

test('an HTTP server says what its users may do; when it cannot, they may not', async () => {
  let mayWrite: string | { status: number } = 'allow'
  web = await WebServer.start(({ fields }) => (fields.get('permission') === 'write' ? mayWrite : 'allow'))
  const { url } = web
  await start({
    backends: [{ authentication: 'internal', authorization: ['http'] }],
    http: { userPath: url, vhostPath: url, resourcePath: url, topicPath: url },
  })
  const raw = await clients.connect()
  await raw.handshake()
  const channel = await raw.channel(1)
  await channel.call('queue.declare', { queue: 'q', exclusive: true })
  await channel.call('confirm.select')
  channel.publish({ routingKey: 'q', body: 'one' })
  await channel.expect('basic.ack')
  expect(web.requests.map(({ fields }) => `${fields.get('permission')} ${fields.get('name')}`)).toContain(
    'write amq.default',
  )
  for (mayWrite of ['deny', { status: 500 }]) {
    const other = await clients.connect()
    await other.handshake()
    const second = await other.channel(1)
    second.publish({ exchange: 'amq.fanout', body: 'two' })
    await second.expect('channel.close', { replyCode: 403 })
  }
})

test('users of the broker’s own list keep their rights in a chain when their tags change', async () => {
  await start(OAUTH2)
  const raw = await clients.connect()
  await raw.handshake()
  await server.users.setTags('guest', ['monitoring'])
  await raw.expectUsable()
  const channel = await raw.channel(1)
  await channel.call('queue.declare', { queue: 'q', exclusive: true })
  await server.permissions.set('guest', { configure: '', write: '', read: '' })
  channel.send('queue.declare', { queue: 'r', exclusive: true })
  await channel.expect('channel.close', { replyCode: 403 })
})

test.each(['with another backend for what it may do', 'alone'])(
  'a user of the broker’s own list %s: new tags reach its open connections, which may still renew their secret',
  async (how) => {
    const isAlone = how === 'alone'
    web = await WebServer.start(({ path }) => (path === '/user' ? 'allow policymaker' : 'allow'))
    const { url } = web
    await start({
      backends: [{ authentication: 'internal', ...(isAlone ? {} : { authorization: ['http'] }) }],
      http: { userPath: `${url}/user`, vhostPath: url, resourcePath: url, topicPath: url },
    })
    const raw = await clients.connect()
    await raw.handshake()
    const channel = await raw.channel(1)
    await server.users.setTags('guest', ['monitoring'])
    await server.users.setTags('guest', ['management'])
    expect(server.connections()[0]?.user.tags).toEqual(isAlone ? ['management'] : ['management', 'policymaker'])
    raw.send(0, 'connection.update-secret', { newSecret: 'guest', reason: '' })
    await raw.expect(0, 'connection.update-secret-ok')
    await channel.call('queue.declare', { queue: 'q', exclusive: true })
    await server.users.add('other', 'secret')
    await server.users.setTags('other', ['administrator'])
    expect(server.connections()[0]?.user.tags).not.toContain('administrator')
  },
)

test('a configuration that names what it does not have is refused', () => {
  const build = (backends: object) => new ServerBuilder().withConfig({ backends: backends as BackendsConfig }).build()
  expect(() => build({ backends: [] })).toThrow('must name a backend')
  expect(() => build({ backends: [{ authentication: 'ldap' }] })).toThrow(
    'must be one of internal, http, oauth2, cache',
  )
  expect(() => build({ backends: [{ authentication: 'oauth2' }] })).toThrow("'oauth2' is named and not configured")
  expect(() => build({ backends: [{ authentication: 'internal', authorization: ['http'] }] })).toThrow(
    "'http' is named",
  )
  const oauth2 = (more: object) => ({
    backends: [{ authentication: 'oauth2' }],
    oauth2: { resourceServerId: 'r', ...more },
  })
  expect(() => build(oauth2({ issuers: [] }))).toThrow('needs keys')
  expect(() => build(oauth2({ issuers: [{}] }))).toThrow('needs keys')
  expect(() => build(oauth2({ issuers: [{ jwksUri: 'http://idp.example/keys' }] }))).toThrow('keys come over TLS')
  expect(() => build(oauth2({ issuers: [{ issuer: 'http://idp.example' }] }))).toThrow('keys come over TLS')
  expect(() => build(oauth2({ issuers: [{ signingKeys: { a: PEM } }], algorithms: ['HS256'] }))).toThrow(
    'must be one of',
  )
  expect(() => build(oauth2({ issuers: [{ signingKeys: { a: 'x' } }] }))).toThrow('no public key and no certificate')
  const cache = { backends: [{ authentication: 'cache' }], cache: { backend: { authentication: 'cache' } } }
  expect(() => build(cache)).toThrow('the cache cannot remember its own answers')
  server = new ServerBuilder().build()
})
