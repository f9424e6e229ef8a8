import { afterEach, describe, expect, test } from 'vitest'
import { HttpBackend } from '../../../src/auth/backends/http-backend.ts'
import { HttpClient } from '../../../src/auth/http-client.ts'
import { WebServer } from '../../support/web-server.ts'

type Answers = Parameters<typeof WebServer.start>[0]

let web: WebServer
let backend: HttpBackend
let problems: string[]
const USER = { name: 'ann', tags: ['monitoring', 'x'] }

async function start(answers: Answers, method: 'get' | 'post' = 'get', timeoutMs = 2000): Promise<void> {
  web = await WebServer.start(answers)
  problems = []
  backend = new HttpBackend({
    method,
    userPath: `${web.url}/auth/user`,
    vhostPath: `${web.url}/auth/vhost`,
    resourcePath: `${web.url}/auth/resource`,
    topicPath: `${web.url}/auth/topic?tenant=1`,
    http: new HttpClient({ timeoutMs, bytesMax: 1000, connectionsMax: 2 }),
    onProblem: (error) => problems.push(String(error)),
  })
}

afterEach(async () => {
  backend.close()
  await web.stop()
})

async function login(name = 'ann', password = 'secret'): Promise<string> {
  const verdict = await backend.authenticate({ name, password: Buffer.from(password) })
  return 'user' in verdict ? `${verdict.user.name} ${verdict.user.tags}` : verdict.refusal
}

const asked = (): (readonly [string, Record<string, string>])[] =>
  web.requests.map(({ method, path, fields }) => [`${method} ${path}`, Object.fromEntries(fields)] as const)

describe.each(['get', 'post'] as const)('the HTTP backend, by %s', (method) => {
  test('asks in RabbitMQ’s words', async () => {
    await start(() => 'allow', method)
    const password = 'p&=+ ü%'
    expect(await login('ann@x', password)).toBe('ann@x ')
    expect(await backend.known('ann')).toHaveProperty('user')
    expect(await backend.vhostAccess(USER, '/', '192.0.2.1')).toBe(true)
    expect(await backend.resource(USER, '/', 'queue', 'q 1', 'configure')).toBe(true)
    expect(await backend.topic(USER, '/', 'events', 'a.#', 'read')).toBe(true)
    const verb = method.toUpperCase()
    const tags = 'monitoring x'
    expect(asked()).toEqual([
      [`${verb} /auth/user`, { username: 'ann@x', password }],
      [`${verb} /auth/user`, { username: 'ann' }],
      [`${verb} /auth/vhost`, { username: 'ann', vhost: '/', ip: '192.0.2.1', tags }],
      [
        `${verb} /auth/resource`,
        { username: 'ann', vhost: '/', resource: 'queue', name: 'q 1', permission: 'configure', tags },
      ],
      [
        `${verb} /auth/topic`,
        {
          ...(method === 'get' ? { tenant: '1' } : {}),
          username: 'ann',
          vhost: '/',
          resource: 'topic',
          name: 'events',
          permission: 'read',
          tags,
          routing_key: 'a.#',
          'variable_map.username': 'ann',
          'variable_map.vhost': '/',
        },
      ],
    ])
    expect(problems).toEqual([])
  })
})

describe('an answer', () => {
  test.each<[string | { status?: number; body?: string }, string]>([
    ['allow', 'ann '],
    ['ALLOW administrator  monitoring', 'ann administrator,monitoring'],
    [' allow policymaker \n', 'ann policymaker'],
    [{ status: 201, body: 'allow' }, 'ann '],
    ['deny', "user 'ann' - Denied by the backing HTTP service"],
    ['deny because', "user 'ann' - Denied by the backing HTTP service"],
    ['allowed', "user 'ann' - Denied by the backing HTTP service"],
    ['', "user 'ann' - Denied by the backing HTTP service"],
    ['{"result":"allow"}', "user 'ann' - Denied by the backing HTTP service"],
    [`allow ${'x '.repeat(33)}`, "user 'ann' - the HTTP server names too many tags"],
    [{ status: 500, body: 'allow' }, "user 'ann' - the HTTP server gave no answer"],
    [{ status: 302, body: 'allow' }, "user 'ann' - the HTTP server gave no answer"],
    [{ status: 401, body: 'allow' }, "user 'ann' - the HTTP server gave no answer"],
    ['x'.repeat(2000), "user 'ann' - the HTTP server gave no answer"],
  ])('of %j comes to %s', async (answer, expected) => {
    await start(() => answer)
    expect(await login()).toBe(expected)
  })

  test('to what a user may do is yes only when it says so', async () => {
    let body = 'allow'
    await start(() => body)
    const may = () => backend.resource(USER, '/', 'queue', 'q', 'read')
    expect(await may()).toBe(true)
    for (body of ['deny', 'allow administrator', 'deny allow', '', 'yes']) expect(await may()).toBe(false)
  })

  test('that does not come in time, or cannot come, is no, and is told without the password', async () => {
    await start(() => new Promise(() => {}), 'get', 100)
    expect(await login()).toBe("user 'ann' - the HTTP server gave no answer")
    await expect(backend.vhostAccess(USER, '/', '')).rejects.toThrow('gave no answer')
    await web.stop()
    expect(await login()).toBe("user 'ann' - the HTTP server gave no answer")
    expect(problems).toHaveLength(3)
    expect(problems.join()).not.toContain('secret')
  })
})

test('connections are kept for the next request, and bounded; one that was closed meanwhile is replaced', async () => {
  await start(() => 'allow')
  const all = await Promise.all(Array.from({ length: 20 }, () => login()))
  expect(new Set(all)).toEqual(new Set(['ann ']))
  expect(web.connections).toBeLessThanOrEqual(2)
  web.dropIdle()
  for (let i = 0; i < 5; i++) expect(await login()).toBe('ann ')
})

test('more requests than may wait are refused at once, and no one is taken for failed', async () => {
  await start(() => new Promise(() => {}), 'get', 300)
  const verdicts = Array.from({ length: 200 }, () => backend.authenticate({ name: 'ann', password: Buffer.from('x') }))
  const refused = await Promise.race(verdicts)
  expect(refused).toMatchObject({ isBusy: true })
  expect(problems.join()).toContain('too many requests wait')
  await Promise.all(verdicts)
}, 30_000)
