// Logging in over HTTP: tokens, forms, how often it was tried; and what was changed lately.
import { generateKeyPairSync } from 'node:crypto'
import { connect } from 'amqplib'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

const KEYS = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PEM = String(KEYS.publicKey.export({ type: 'spki', format: 'pem' }))

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({
    loginFailuresMax: 0,
    backends: {
      backends: [{ authentication: 'oauth2' }, { authentication: 'internal' }],
      oauth2: { resourceServerId: 'rabbit', issuers: [{ signingKeys: { one: PEM } }] },
    },
  })
})

afterAll(() => api.stop())

function token(scope: string, more: object = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 60
  const claims = { sub: 'ann', aud: 'rabbit', scope, exp, ...more }
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(KEYS.privateKey)
}

const withToken = async (scope: string, more?: object) => ({
  login: '',
  headers: { authorization: `Bearer ${await token(scope, more)}` },
})

const form = (fields: Record<string, string>) => ({
  login: '',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  raw: new URLSearchParams(fields).toString(),
})

describe('a token', () => {
  test('lets its user in with the tags and permissions of its scopes, and no more', async () => {
    const manager = await withToken('rabbit.tag:management rabbit.read:%2F/mine rabbit.configure:%2F/mine')
    expect((await api.get('/whoami', manager)).body).toEqual({
      name: 'ann',
      tags: ['management'],
      is_internal_user: false,
    })
    expect((await api.put('/queues/%2F/mine', {}, manager)).status).toBe(201)
    expect((await api.put('/queues/%2F/other', {}, manager)).status).toBe(401)
    expect((await api.get('/users', manager)).status).toBe(401)
    const administrator = await withToken('rabbit.tag:administrator')
    expect((await api.get('/users', administrator)).status).toBe(200)
    // The same user with less in the token has less.
    expect((await api.get('/users', manager)).status).toBe(401)
    expect((await api.get('/overview', await withToken('rabbit.read:*/*'))).body.reason).toBe('Not management user')
  })

  test('that is not for this broker, has ended, or is none, lets no user in', async () => {
    const scope = 'rabbit.tag:administrator'
    for (const headers of [
      (await withToken(scope, { aud: 'other' })).headers,
      (await withToken(scope, { exp: 1 })).headers,
      { authorization: 'Bearer x' },
      { authorization: 'Bearer ' },
      { authorization: `Bearer ${'x'.repeat(13_000)}` },
    ]) {
      const reply = await api.get('/overview', { login: '', headers })
      expect([headers.authorization.slice(0, 30), reply.status]).toEqual([headers.authorization.slice(0, 30), 401])
    }
  })
})

describe('the form of a log-in page', () => {
  test('is answered ok for what lets a management user in, without a cookie', async () => {
    const good = await api.request('POST', '/login', undefined, form({ username: 'guest', password: 'guest' }))
    expect([good.status, good.body, good.headers.get('set-cookie')]).toEqual([200, 'ok', null])
    const access_token = await token('rabbit.tag:management')
    expect((await api.request('POST', '/login', undefined, form({ access_token }))).status).toBe(200)
  })

  test('is refused for all else', async () => {
    await api.put('/users/plain', { password: 'secret', tags: '' })
    for (const fields of [
      { username: 'guest', password: 'wrong' },
      { username: 'plain', password: 'secret' },
      { username: 'guest' },
      { access_token: 'x' },
      {},
    ] as Record<string, string>[]) {
      expect([fields, (await api.request('POST', '/login', undefined, form(fields))).status]).toEqual([fields, 401])
    }
    const large = await api.request('POST', '/login', undefined, form({ username: 'x'.repeat(20_000) }))
    expect(large.status).toBe(400)
  })
})

test('a password is hashed as RabbitMQ does it, and the hash lets its user in', async () => {
  for (const reply of [
    await api.post('/auth/hash_password', { password: 'correct horse' }),
    await api.post(`/auth/hash_password/${encodeURIComponent('correct horse')}`),
    await api.get(`/auth/hash_password/${encodeURIComponent('correct horse')}`),
  ]) {
    expect([reply.status, Buffer.from(reply.body.ok, 'base64').length]).toEqual([200, 36])
    await api.put('/users/hashed', { password_hash: reply.body.ok, tags: 'management' })
    expect((await api.get('/whoami', { login: 'hashed:correct horse' })).status).toBe(200)
    expect((await api.get('/whoami', { login: 'hashed:other' })).status).toBe(401)
  }
  expect((await api.post('/auth/hash_password', { password: '' })).status).toBe(400)
  expect((await api.post('/auth/hash_password', {})).status).toBe(400)
  expect((await api.post('/auth/hash_password', { password: 1 })).status).toBe(400)
})

test('log-ins are counted by protocol, and by who tried from where, until that is reset', async () => {
  const { name } = (await api.get('/nodes')).body[0]
  expect((await api.delete(`/auth/attempts/${name}`)).status).toBe(204)
  await connect(api.started.url).then((connection) => connection.close())
  await connect(api.started.url.replace('guest:guest', 'eve:wrong')).catch(() => {})
  await api.get('/overview', { login: 'eve:wrong' })
  const attempts = (await api.get(`/auth/attempts/${name}`)).body
  const amqp = attempts.find(({ protocol }: { protocol: string }) => protocol === 'amqp091')
  expect(amqp).toEqual({
    protocol: 'amqp091',
    auth_attempts: 2,
    auth_attempts_failed: 1,
    auth_attempts_succeeded: 1,
  })
  const sources = (await api.get(`/auth/attempts/${name}/source`)).body
  expect(sources).toContainEqual({
    remote_address: '127.0.0.1',
    username: 'eve',
    protocol: 'http',
    auth_attempts: 1,
    auth_attempts_failed: 1,
    auth_attempts_succeeded: 0,
  })
  expect((await api.get('/auth/attempts/other')).status).toBe(404)
})

test('events tell what was changed lately, the newest first', async () => {
  const start = (await api.get('/events?limit=1')).body[0].id
  await api.put('/vhosts/told')
  await api.put('/queues/told/q')
  await api.post('/bindings/told/e/amq.direct/q/q', { routing_key: 'k' })
  await api.put('/policies/told/p', { pattern: '^q', definition: { 'max-length': 1 } })
  await api.put('/users/told', { password: 'x', tags: '' })
  await api.put('/permissions/told/told', { configure: '', write: '', read: '' })
  const connection = await connect(api.started.url)
  await connection.close()
  await expect.poll(async () => (await api.get(`/events?after=${start}`)).body[0].event).toBe('connection.closed')
  await api.delete('/vhosts/told')
  const events: { id: number; event: string }[] = (await api.get(`/events?after=${start}`)).body
  expect(events.map(({ id }) => id)).toEqual(events.map(({ id }) => id).sort((a, b) => b - a))
  const names = events.map(({ event }) => event).reverse()
  expect(names.filter((name) => !/^(?:exchange|vhost\.limits)/.test(name))).toEqual([
    'vhost.set',
    'permission.set',
    'queue.created',
    'binding.created',
    'policy.set',
    'user.set',
    'permission.set',
    'connection.created',
    'connection.closed',
    // Who may use it goes first, and what is in it turn by turn.
    'permission.deleted',
    'permission.deleted',
    'queue.deleted',
    'binding.deleted',
    'policy.cleared',
    'vhost.deleted',
  ])
  expect(JSON.stringify(events)).not.toContain('secret')
  await api.put('/users/watcher', { password: 'x', tags: 'monitoring' })
  const seen = (await api.get(`/events?after=${start}`, { login: 'watcher:x' })).body
  expect(seen.some(({ event }: { event: string }) => event.startsWith('user.'))).toBe(false)
  expect(seen.some(({ event }: { event: string }) => event === 'queue.created')).toBe(true)
  expect(seen.some(({ event }: { event: string }) => event.startsWith('policy.'))).toBe(false)
  for (const query of ['limit=x', 'limit=1001', 'after=-1']) {
    expect([query, (await api.get(`/events?${query}`)).status]).toEqual([query, 400])
  }
})

test('events of policies are for policymakers of the virtual host, those of global parameters for all policymakers', async () => {
  const start = (await api.get('/events?limit=1')).body[0].id
  await api.put('/vhosts/open')
  for (const [name, tags] of [
    ['maker', 'monitoring,policymaker'],
    ['monitor', 'monitoring'],
  ]) {
    await api.put(`/users/${name}`, { password: 'x', tags })
    await api.put(`/permissions/open/${name}`, { configure: '', write: '', read: '' })
  }
  for (const vhost of ['open', '%2F']) {
    await api.put(`/policies/${vhost}/p`, { pattern: '^q', definition: { 'max-length': 1 } })
  }
  await api.put('/global-parameters/g', { value: 1 })
  const seen = async (login: string): Promise<string[]> => {
    const events: { event: string; vhost?: string }[] = (await api.get(`/events?after=${start}`, { login })).body
    const own = events.filter(({ event }) => /^(?:policy|parameter)\./.test(event))
    return own.map(({ event, vhost }) => `${event} ${vhost ?? ''}`).sort()
  }
  expect(await seen('guest:guest')).toEqual(['parameter.set ', 'policy.set /', 'policy.set open'])
  expect(await seen('maker:x')).toEqual(['parameter.set ', 'policy.set open'])
  expect(await seen('monitor:x')).toEqual([])
})

test('probes need no log-in', async () => {
  for (const path of ['/health/live', '/health/ready']) {
    expect((await api.get(path, { login: '' })).body).toEqual({ status: 'ok' })
  }
})
