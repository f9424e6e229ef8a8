// Clients that are slow, greedy or many harm nobody.
import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256', loginFailuresMax: 0 })
})

afterAll(() => api.stop())

const GUEST = `authorization: Basic ${Buffer.from('guest:guest').toString('base64')}\r\n`

async function open(): Promise<Socket> {
  const { hostname, port } = new URL(api.url)
  const socket = connectSocket(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

async function read(socket: Socket, until: (text: string) => boolean): Promise<string> {
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (until(text)) break
  }
  return text
}

/** The first lines of so many answers. */
async function* statusLines(socket: Socket, count: number): AsyncIterable<string> {
  let left = count
  // A line may be cut in two.
  let rest = ''
  for await (const chunk of socket) {
    const parts = `${rest}${chunk}`.split(/(HTTP\/1\.1 \d{3} )/)
    rest = (parts.at(-1) ?? '').slice(-13)
    for (let at = 1; at < parts.length; at += 2) {
      yield parts[at] as string
      if (--left === 0) return
    }
  }
}

async function expectServing(): Promise<void> {
  expect((await api.get('/overview')).status).toBe(200)
  const connection = await connect(api.started.url)
  await connection.close()
}

describe('the management API', () => {
  test('stops reading a body that is too large, whatever its length says', async () => {
    const large = await api.put('/queues/%2F/x', undefined, { raw: Buffer.alloc(21 * 1024 * 1024, 32) })
    expect(large.body).toEqual({ error: 'bad_request', reason: 'Exceeded HTTP request body size limit' })
    await expectServing()
  })

  test('reads no body of those who have not logged in', async () => {
    const socket = await open()
    socket.write('PUT /api/queues/%2F/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n')
    expect(await read(socket, (text) => text.includes('Not_Authorized'))).toContain('401 Unauthorized')
    socket.destroy()
    await expectServing()
  })

  test('serves others while bodies come byte by byte', async () => {
    const sockets = await Promise.all(Array.from({ length: 50 }, open))
    for (const socket of sockets) {
      socket.write(`PUT /api/queues/%2F/slow HTTP/1.1\r\nhost: x\r\n${GUEST}content-length: 100\r\n\r\n{`)
    }
    await expectServing()
    for (const socket of sockets) socket.destroy()
    await expectServing()
  })

  test('answers requests that come in one piece, in their order', async () => {
    const socket = await open()
    const paths = ['/api/cluster-name', '/api/whoami', '/api/nothing', '/api/vhosts']
    socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n${GUEST}\r\n`).join(''))
    const text = await read(socket, (soFar) => soFar.includes('cluster_state'))
    const places = ['"name":"leveret@', 'is_internal_user', 'Object Not Found', 'cluster_state'].map((part) =>
      text.indexOf(part),
    )
    expect(places.every((place) => place >= 0)).toBe(true)
    expect(places).toEqual([...places].sort((a, b) => a - b))
    socket.destroy()
  })

  test('cuts off a client that sends very many requests before it has read an answer', async () => {
    const socket = await open()
    socket.on('error', () => {})
    socket.write(`GET /api/queues HTTP/1.1\r\nhost: x\r\n${GUEST}\r\n`.repeat(5000))
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
    await expectServing()
  })

  test('serves on through thousands of requests at a time', async () => {
    const sockets = await Promise.all(Array.from({ length: 100 }, open))
    const paths = ['/api/queues?page=1', '/api/overview', '/api/nothing', '/api/connections', '/api/vhosts']
    const statuses = new Map<string, number>()
    const answered = sockets.map(async (socket) => {
      const requests = Array.from(
        { length: 40 },
        (_, at) => `GET ${paths[at % paths.length]} HTTP/1.1\r\nhost: x\r\n${GUEST}\r\n`,
      )
      socket.write(requests.join(''))
      for await (const line of statusLines(socket, requests.length)) statuses.set(line, (statuses.get(line) ?? 0) + 1)
    })
    const served = expectServing()
    await Promise.all([...answered, served])
    expect([...statuses.entries()].sort()).toEqual([
      ['HTTP/1.1 200 ', 3200],
      ['HTTP/1.1 404 ', 800],
    ])
    for (const socket of sockets) socket.destroy()
    await expectServing()
  }, 120_000)

  test('serves on when ten thousand clients connect and send nothing, or half a request', async () => {
    const { hostname, port } = new URL(api.url)
    const sockets: Socket[] = []
    for (let i = 0; i < 10_000; i++) {
      const socket = connectSocket(Number(port), hostname)
      socket.on('error', () => {})
      socket.resume()
      if (i % 2 === 0) socket.write('GET /api/overview HTTP/1.1\r\nhost: ')
      sockets.push(socket)
      if (i % 200 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    // The broker's own clients go on; further clients of the API are refused until there is room again.
    const connection = await connect(api.started.url)
    await connection.close()
    for (const socket of sockets) socket.destroy()
    await expect
      .poll(() =>
        api.get('/overview').then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200)
  })

  test('takes what is in the form and in the head of a request for text', async () => {
    for (const path of [
      '/queues?name=%00',
      '/queues?page=1&name=(',
      '/queues?page=1&use_regex=true&name=(',
      '/queues?sort=__proto__.x&page=1',
      '/queues?columns=constructor,__proto__',
      '/queues/%2F/%ff',
      '/queues/..%2f..%2fetc',
      '/vhosts/%00',
      '/users/%E2%80%AE',
      '/parameters/__proto__/%2F/constructor',
      '/topic-permissions/%2F/guest/__proto__',
      '/events?limit=1e3',
      '/auth/attempts/__proto__',
      '/definitions?download=%0d%0aset-cookie:x',
    ]) {
      const reply = await api.get(path)
      expect([path, [200, 400, 404].includes(reply.status), reply.headers.get('set-cookie')]).toEqual([
        path,
        true,
        null,
      ])
    }
    const odd = '{"__proto__": {"durable": false}, "constructor": 1, "arguments": {"__proto__": {"x": 1}}}'
    expect((await api.put('/queues/%2F/proto', undefined, { raw: odd })).status).toBe(201)
    expect(({} as Record<string, unknown>).durable).toBeUndefined()
    expect((await api.get('/queues/%2F/proto')).body.durable).toBe(true)
    await api.delete('/queues/%2F/proto')
  })

  test('survives requests that are none', async () => {
    for (const text of [
      '\0\0\0\0',
      'AMQP\0\0\x09\x01',
      'GET\r\n\r\n',
      `GET /api/${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
      'GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n',
    ]) {
      const socket = await open()
      socket.on('error', () => {})
      socket.resume()
      socket.write(text, 'latin1')
      socket.end()
      await once(socket, 'close')
    }
    await expectServing()
  })

  test('serves through a flood of wrong passwords and of requests', async () => {
    const wrong = Array.from({ length: 500 }, (_, at) => api.get('/overview', { login: `user${at}:wrong` }))
    expect(new Set((await Promise.all(wrong)).map(({ status }) => status))).toEqual(new Set([401]))
    const many = Array.from({ length: 500 }, () => api.get('/queues'))
    expect(new Set((await Promise.all(many)).map(({ status }) => status))).toEqual(new Set([200]))
    await expectServing()
  })

  test('takes names for names, whatever is in them', async () => {
    for (const name of [
      '<script>',
      '"quoted"',
      "o'clock",
      '../../etc',
      '\u0001\u0002',
      '__proto__',
      'constructor',
      '{{x}}',
      '𝄞'.repeat(50),
    ]) {
      const path = `/queues/%2F/${encodeURIComponent(name)}`
      expect([name, (await api.put(path)).status]).toEqual([name, 201])
      expect((await api.get(path)).body.name).toBe(name)
      expect((await api.get('/queues?columns=name')).headers.get('content-type')).toBe('application/json')
      await api.delete(path)
    }
    expect((await api.put(`/queues/%2F/${'x'.repeat(256)}`)).status).toBe(400)
    expect(
      (await api.put('/queues/%2F/deep', undefined, { raw: `{"arguments":${'{"a":'.repeat(100)}1${'}'.repeat(101)}` }))
        .status,
    ).toBe(400)
  })

  test('filters lists by patterns that would take other engines for ever', async () => {
    const name = `${'a'.repeat(200)}!`
    await api.put(`/queues/%2F/${name}`)
    const found = async (pattern: string): Promise<number> =>
      (await api.get(`/queues?page=1&use_regex=true&name=${encodeURIComponent(pattern)}`)).body.filtered_count
    expect([await found('^(a+)+$'), await found('^(a|a)*!$'), await found('(.*a){50}b')]).toEqual([0, 1, 0])
    await api.delete(`/queues/%2F/${name}`)
    await expectServing()
  })

  test('allows no other origin, unless it was told to, and no page to frame it', async () => {
    const reply = await api.get('/overview', { headers: { origin: 'https://evil.example' } })
    expect(reply.headers.get('access-control-allow-origin')).toBeNull()
    expect(reply.headers.get('x-frame-options')).toBe('DENY')
    expect(
      (
        await api.request('OPTIONS', '/overview', undefined, { login: '', headers: { origin: 'https://evil.example' } })
      ).headers.get('access-control-allow-methods'),
    ).toBeNull()
    const { url } = await api.started.server.http.listenManagement({
      port: 0,
      pathPrefix: '/broker',
      allowOrigins: ['https://good.example'],
    })
    const headers = {
      authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}`,
      origin: 'https://good.example',
    }
    const response = await fetch(`${url}/api/overview`, { headers })
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://good.example',
    ])
    expect((await fetch(url.replace('/broker', '/api/overview'), { headers })).status).toBe(404)
  })

  test.each([
    ['a page of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a page of another origin, by a browser that tells no more', { origin: 'https://evil.example' }],
    ['a page that hides its origin', { origin: 'null' }],
    ['a page of a neighbour', { 'sec-fetch-site': 'same-site' }],
  ])('takes no changes from %s, which has the browser send what its user logged in with', async (_name, headers) => {
    const users = { users: [{ name: 'evil', password: 'evil', tags: 'administrator' }] }
    const reply = await api.post('/definitions', users, { headers })
    expect([reply.status, reply.body.error]).toEqual([403, 'forbidden'])
    expect(reply.body.reason).toContain('--management-origins')
    expect((await api.get('/users/evil')).status).toBe(404)
  })

  test('takes changes from its own pages, and from those of an origin that it was told of', async () => {
    const { url } = await api.started.server.http.listenManagement({ port: 0, allowOrigins: ['https://good.example'] })
    const put = async (headers: Readonly<Record<string, string>>): Promise<number> => {
      const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`
      const request = { method: 'PUT', body: '{}', headers: { authorization, ...headers } }
      return (await fetch(`${url}/api/queues/%2F/pages`, request)).status
    }
    expect(await put({ origin: url })).toBe(201)
    expect(await put({ origin: 'https://good.example', 'sec-fetch-site': 'cross-site' })).toBe(204)
    expect(await put({ 'sec-fetch-site': 'same-origin' })).toBe(204)
    expect(await put({ origin: 'https://other.example' })).toBe(403)
    await api.delete('/queues/%2F/pages')
  })

  test('gives long lists after requests for their headers alone', async () => {
    const { broker } = api.started
    broker.declareQueue('bound', { durable: false })
    for (let key = 0; key < 1001; key++) broker.bindQueue('bound', 'amq.direct', String(key))
    const heads = Array.from({ length: 65 }, () => api.request('HEAD', '/bindings'))
    expect(new Set((await Promise.all(heads)).map(({ status }) => status))).toEqual(new Set([200]))
    expect((await api.get('/bindings')).status).toBe(200)
    broker.deleteQueue('bound')
  }, 60_000)

  test('refuses options that make no sense', async () => {
    await expect(api.started.server.http.listenManagement({ port: -1 })).rejects.toThrow(RangeError)
    await expect(api.started.server.http.listenManagement({ pathPrefix: 'rabbitmq' })).rejects.toThrow(TypeError)
    await expect(
      api.started.server.http.listenManagement({ port: Number(new URL(api.url).port) }),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })
})
