// The OpenAPI document says what there is, and what is answered.
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OPERATIONS } from '../../src/http/openapi/operations.ts'
import { ROUTES } from '../../src/http/routes/all-routes.ts'
import { ApiClient } from './api-client.ts'
import { problems, type Schema } from './json-schema.ts'

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

interface Document {
  readonly openapi: string
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

let api: ApiClient
let document: Document
/** Names of things that are there, for the parameters of paths. */
let there: Record<string, string>

beforeAll(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
  document = (await api.get('/openapi.json', { login: '' })).body
  const connection = await connect(api.started.url)
  const channel = await connection.createConfirmChannel()
  await channel.assertExchange('fan', 'fanout')
  await channel.assertQueue('q', { durable: true })
  await channel.assertQueue('quorum', { arguments: { 'x-queue-type': 'quorum' } })
  await channel.bindQueue('q', 'fan', 'key')
  await channel.bindExchange('fan', 'amq.topic', 'a.#')
  channel.sendToQueue('q', Buffer.from('one'), { headers: { a: 1 } })
  channel.sendToQueue('q', Buffer.from('two'))
  await channel.waitForConfirms()
  await channel.consume('q', () => {}, { noAck: false })
  await api.put('/users/ann', { password: 'secret', tags: 'management' })
  await api.put('/permissions/%2F/ann', { configure: '', write: '', read: '.*' })
  await api.put('/topic-permissions/%2F/ann', { exchange: 'fan', write: '.*', read: '.*' })
  await api.put('/user-limits/ann/max-channels', { value: 10 })
  await api.put('/vhost-limits/%2F/max-queues', { value: 10 })
  await api.put('/policies/%2F/p', { pattern: '^q$', definition: { 'max-length': 10 } })
  await api.put('/operator-policies/%2F/p', { pattern: '^q$', definition: { 'max-length': 5 }, 'apply-to': 'queues' })
  await api.put('/global-parameters/g', { value: [1] })
  await api.started.server.statistics.sample()
  const [node] = (await api.get('/nodes')).body
  const [open] = (await api.get('/connections')).body
  there = {
    vhost: '/',
    node: node.name,
    queue: 'q',
    exchange: 'fan',
    source: 'fan',
    destinationExchange: 'fan',
    props: 'key',
    connection: open.name,
    channel: `${open.name} (1)`,
    username: 'guest',
    user: 'ann',
    within: '1',
    unit: 'weeks',
    port: new URL(api.started.url).port,
    protocols: 'amqp',
    component: 'operator_policy',
    password: 'secret',
    pattern: '.*',
  }
})

afterAll(() => api.stop())

const NAMES: Readonly<Record<string, string>> = { '/global-parameters/{name}': 'g' }

/** The path with names of things that are there. */
function concrete(path: string): string {
  const name = NAMES[path] ?? 'p'
  if (path.startsWith('/queues/quorum/')) return '/queues/quorum/%2F/quorum/status'
  const known =
    path.startsWith('/bindings/') && path.includes('/e/{destinationExchange}')
      ? { ...there, source: 'amq.topic', props: 'a.%23' }
      : there
  return path.replace(/\{(\w+)\}/g, (_all, parameter: string) =>
    encodeURIComponent(parameter === 'name' ? name : (known[parameter] ?? `no ${parameter}`)),
  )
}

describe('the OpenAPI document', () => {
  test('has every endpoint, and nothing else', () => {
    const ofRoutes = ROUTES.flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method} ${path}`))
    const ofDocument = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    )
    expect(ofDocument.sort()).toEqual([...ofRoutes].sort())
    expect(Object.keys(OPERATIONS).sort()).toEqual([...ofRoutes].sort())
    expect([document.openapi, document.servers]).toEqual(['3.1.0', [{ url: '/api' }]])
  })

  test('names each operation once, and each parameter of its path', () => {
    const all = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => ({ path, operation })),
    )
    const ids = all.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of all) {
      const named = (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name)
      expect([path, named]).toEqual([path, Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name)])
    }
  })

  test('refers to nothing that it does not have, and has nothing that is not referred to', () => {
    const refs = new Set(JSON.stringify(document).match(/#\/components\/schemas\/\w+/g))
    const names = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`)
    expect([...refs].sort()).toEqual(names.sort())
  })

  test('says what every GET answers', async () => {
    const { schemas } = document.components
    for (const [path, { get }] of Object.entries(document.paths)) {
      if (get === undefined) continue
      // The only connections there are have none.
      if (path === '/connections/{connection}/sessions') continue
      const reply = await api.get(concrete(path))
      expect([path, concrete(path), reply.status]).toEqual([path, concrete(path), 200])
      const content = get.responses['200']?.content?.['application/json']
      if (content === undefined) {
        expect([path, reply.headers.get('content-type')?.split(';')[0]]).toEqual([path, 'text/plain'])
        continue
      }
      expect([path, problems(reply.body, content.schema, schemas)]).toEqual([path, []])
      if (Array.isArray(reply.body) && get.parameters?.some(({ name }) => name === 'page')) {
        const paged = (await api.get(`${concrete(path)}?page=1&page_size=1`)).body
        expect([path, problems(paged, content.schema, schemas)]).toEqual([path, []])
      }
    }
  })

  test('says what queues and channels look like that are idle', async () => {
    const { schemas } = document.components
    for (let tick = 0; tick < 2; tick++) await api.started.server.statistics.sample()
    for (const [path, name] of [
      ['/queues', 'Queue'],
      ['/channels', 'Channel'],
    ] as const) {
      const [shown] = (await api.get(path)).body
      expect(shown.idle_since).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/)
      expect([path, problems(shown, schemas[name] as Schema, schemas)]).toEqual([path, []])
      expect(schemas[name]?.properties).toHaveProperty('idle_since')
    }
  })

  test('says what refusals look like', async () => {
    const { schemas } = document.components
    for (const [path, login] of [
      ['/queues/%2F/nowhere', undefined],
      ['/users', 'ann:secret'],
      ['/queues?page=x', undefined],
    ] as const) {
      const reply = await api.get(path, login === undefined ? {} : { login })
      expect(reply.status).toBeGreaterThanOrEqual(400)
      expect([path, problems(reply.body, schemas.Error as Schema, schemas)]).toEqual([path, []])
    }
  })
})
