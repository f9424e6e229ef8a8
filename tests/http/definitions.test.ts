import { connect } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PublishCounts } from '../../src/broker/publishing/publish-counts.ts'
import { Pacer } from '../../src/lib/pacer.ts'
import { ApiClient } from './api-client.ts'

let api: ApiClient
let other: ApiClient

beforeEach(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
  other = await ApiClient.start({ passwordHashing: 'sha256' })
})

afterEach(async () => {
  vi.restoreAllMocks()
  await api.stop()
  await other.stop()
})

/** What RabbitMQ 3.10 exports, with what is odd about it. */
const RABBITMQ_FILE = {
  rabbit_version: '3.10.8',
  rabbitmq_version: '3.10.8',
  product_name: 'RabbitMQ',
  product_version: '3.10.8',
  users: [
    {
      name: 'docs',
      password_hash: 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR',
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: ['management'],
      limits: {},
    },
    { name: 'old', password_hash: '', hashing_algorithm: 'rabbit_password_hashing_sha256', tags: 'management' },
  ],
  vhosts: [
    { name: '/' },
    {
      name: 'v1',
      description: 'd',
      tags: [],
      default_queue_type: 'undefined',
      metadata: { description: 'd', tags: [] },
    },
  ],
  permissions: [{ user: 'docs', vhost: 'v1', configure: '.*', write: '.*', read: '.*' }],
  topic_permissions: [{ user: 'docs', vhost: 'v1', exchange: 'amq.topic', write: '.*', read: '.*' }],
  parameters: [
    { vhost: 'v1', component: 'vhost-limits', name: 'limits', value: { 'max-queues': 10 } },
    {
      vhost: 'v1',
      component: 'operator_policy',
      name: 'o',
      value: { pattern: '.*', 'apply-to': 'queues', priority: 1, definition: { 'max-length': 9 } },
    },
  ],
  global_parameters: [{ name: 'internal_cluster_id', value: 'rabbitmq-cluster-id-x' }],
  policies: [
    { vhost: 'v1', name: 'p', pattern: '^q', 'apply-to': 'queues', definition: { 'max-length': 10 }, priority: 0 },
  ],
  queues: [
    { name: 'q1', vhost: 'v1', durable: true, auto_delete: false, arguments: { 'x-max-length': 10 } },
    {
      name: 'q2',
      vhost: 'v1',
      durable: true,
      auto_delete: false,
      type: 'quorum',
      arguments: { 'x-queue-type': 'quorum' },
    },
  ],
  exchanges: [
    { name: 'e1', vhost: 'v1', type: 'topic', durable: false, auto_delete: false, internal: false, arguments: {} },
  ],
  bindings: [
    { source: 'e1', vhost: 'v1', destination: 'q1', destination_type: 'queue', routing_key: 'a b.~', arguments: {} },
    {
      source: 'e1',
      vhost: 'v1',
      destination: 'q1',
      destination_type: 'queue',
      routing_key: 'a b.~',
      arguments: { x: 1 },
    },
    {
      source: 'e1',
      vhost: 'v1',
      destination: 'amq.fanout',
      destination_type: 'exchange',
      routing_key: '',
      arguments: {},
    },
  ],
}

describe('definitions', () => {
  test('of RabbitMQ are imported twice, and exported as they were', async () => {
    for (const time of ['first', 'second']) {
      const reply = await api.post('/definitions', RABBITMQ_FILE)
      expect([time, reply.status, reply.body]).toEqual([time, 204, undefined])
    }
    expect((await api.get('/whoami', { login: 'docs:test12' })).status).toBe(200)
    const { body } = await api.get('/definitions')
    expect(body).toMatchObject({ rabbitmq_definition_format: 'cluster', product_name: 'RabbitMQ' })
    expect(body.users).toContainEqual(RABBITMQ_FILE.users[0])
    expect(body.vhosts).toContainEqual(expect.objectContaining({ name: 'v1', description: 'd' }))
    expect(body.permissions).toContainEqual(RABBITMQ_FILE.permissions[0])
    expect(body.permissions).toHaveLength(2) // guest's in the default virtual host
    expect(body.topic_permissions).toEqual(RABBITMQ_FILE.topic_permissions)
    expect(body.parameters).toEqual(RABBITMQ_FILE.parameters)
    expect(body.global_parameters).toEqual(RABBITMQ_FILE.global_parameters)
    expect(body.policies).toEqual(RABBITMQ_FILE.policies)
    expect(body.queues).toEqual([{ ...RABBITMQ_FILE.queues[0], type: 'classic' }, RABBITMQ_FILE.queues[1]])
    expect(body.exchanges).toEqual(RABBITMQ_FILE.exchanges)
    expect(body.bindings).toEqual(RABBITMQ_FILE.bindings)
  })

  test('go from one server to another and back, the same each time', async () => {
    await api.post('/definitions', RABBITMQ_FILE)
    const first = (await api.get('/definitions')).body
    expect((await other.post('/definitions', first)).status).toBe(204)
    const second = (await other.get('/definitions')).body
    expect(second).toEqual(first)
    expect((await other.post('/all-configuration', second)).status).toBe(204)
    expect((await other.get('/all-configuration')).body).toEqual(first)
  })

  test('protect the virtual hosts that were protected', async () => {
    await api.put('/vhosts/kept', { protected_from_deletion: true })
    const { body } = await api.get('/definitions')
    expect((await other.post('/definitions', body)).status).toBe(204)
    expect((await other.delete('/vhosts/kept')).status).toBe(412)
    expect((await other.get('/definitions')).body).toEqual(body)
  })

  test('of one virtual host name no virtual host, and go into any', async () => {
    await api.post('/definitions', RABBITMQ_FILE)
    const { body } = await api.get('/definitions/v1')
    expect(body).toMatchObject({
      rabbitmq_definition_format: 'single_virtual_host',
      queues: [{ name: 'q1' }, { name: 'q2' }],
    })
    expect(body).not.toHaveProperty('users')
    expect(JSON.stringify([body.queues, body.exchanges, body.bindings, body.policies])).not.toContain('"vhost"')
    await api.put('/vhosts/v2')
    for (let time = 0; time < 2; time++) expect((await api.post('/definitions/v2', body)).status).toBe(204)
    const copy = (await api.get('/definitions/v2')).body
    expect({ ...copy, ...ORIGIN }).toEqual({ ...body, ...ORIGIN })
    expect((await api.post('/definitions/none', body)).status).toBe(404)
  })

  test('come as a form, too, and leave as a file', async () => {
    const form = new FormData()
    form.set('file', new Blob([JSON.stringify(RABBITMQ_FILE)], { type: 'application/json' }), 'definitions.json')
    const response = new Response(form)
    const raw = new Uint8Array(await response.arrayBuffer())
    const headers = { 'content-type': response.headers.get('content-type') ?? '' }
    expect((await api.post('/definitions', undefined, { raw, headers })).status).toBe(204)
    expect((await api.get('/queues/v1')).body).toHaveLength(2)
    const file = await api.get('/definitions?download=my%20file.json')
    expect(file.headers.get('content-disposition')).toBe('attachment; filename="my_file.json"')
  })

  test('that make no sense as a whole change nothing', async () => {
    for (const wrong of [
      { ...RABBITMQ_FILE, bindings: [{ source: 'x' }] },
      { ...RABBITMQ_FILE, queues: {} },
      { users: [1] },
    ]) {
      expect((await api.post('/definitions', wrong)).status).toBe(400)
    }
    expect((await api.get('/vhosts')).body).toHaveLength(1)
    expect((await api.post('/definitions', undefined, { raw: '{' })).body.reason).toBe('not_json')
  })

  test('with a section twice are refused: nobody knows which one is meant', async () => {
    const queues = (name: string): string => `"queues":[{"name":"${name}","vhost":"/"}]`
    for (const twice of [
      `${queues('a')},${queues('b')}`,
      `"queues":[],${queues('a')}`,
      `${queues('a')},"queues":null`,
    ]) {
      const { status, body } = await api.post('/definitions', undefined, { raw: `{${twice}}` })
      expect([status, body.reason]).toEqual([400, 'queues is there twice'])
    }
    expect(api.started.broker.queues()).toEqual([])
    // RabbitMQ's are ignored anyway.
    const raw = `{"product_name":"a","product_name":"b",${queues('a')}}`
    expect((await api.post('/definitions', undefined, { raw })).status).toBe(204)
  })

  test('tell of each object that was refused, and import all others', async () => {
    const reply = await api.post('/definitions', {
      queues: [
        { name: 'bad', vhost: '/', durable: true, arguments: { 'x-message-ttl': 'soon' } },
        { name: 'good', vhost: '/', durable: true, arguments: {} },
        { name: 'lost', vhost: 'nowhere', durable: true, arguments: {} },
      ],
      parameters: [{ vhost: '/', component: 'shovel', name: 's', value: {} }],
    })
    expect(reply.status).toBe(400)
    expect(reply.body.reason).toMatch(/parameters: s: .*; queues: bad: .*; queues: lost: /s)
    expect((await api.get('/queues/%2F/good')).status).toBe(200)
  })

  test.each([
    [[{ name: { toString: null, valueOf: null } }], 'queues: { toString: null, valueOf: null } has no vhost'],
    [
      [{ name: { toString: null, valueOf: null }, vhost: '/' }],
      'queues: { toString: null, valueOf: null }: {not_string,',
    ],
  ])('whose names are anything are refused, and the others imported', async (queues, reason) => {
    const { status, body } = await api.post('/definitions', {
      exchanges: [{ name: 'e', vhost: '/', type: 'topic' }],
      queues,
    })
    expect(status).toBe(400)
    expect(body.reason).toContain(reason)
  })

  test('with a name that is very deep are refused, and the others imported', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    const raw = `{"queues":[{"name":${deep},"vhost":"/"},{"name":"q","vhost":"/"}]}`
    expect((await api.request('POST', '/definitions', undefined, { raw })).status).toBe(400)
    expect(api.started.broker.inventory.hasQueue('q')).toBe(true)
  })

  test('do not have what belongs to one connection, or what the broker made', async () => {
    api.started.broker.declareQueue('mine', { exclusive: true })
    api.started.broker.bindQueue('mine', 'amq.topic', '#')
    const { body } = await api.get('/definitions')
    expect([body.queues, body.exchanges, body.bindings]).toEqual([[], [], []])
  })

  test('can be imported as they are, whatever comes while they are exported', async () => {
    const { broker } = api.started
    broker.declareQueue('q')
    for (let at = 0; at < 20_000; at++) broker.bindQueue('q', 'amq.topic', `${at}`)
    const rest = vi.spyOn(Pacer.prototype, 'rest').mockImplementationOnce(async () => {
      broker.declareExchange('late', 'topic')
      for (const name of ['late', 'mine']) {
        broker.declareQueue(name, { exclusive: name === 'mine' })
        broker.bindQueue(name, 'amq.topic', '#')
        broker.bindQueue('q', 'late', '#')
        broker.bindExchange('late', 'amq.topic', '#')
      }
    })
    const { body } = await api.get('/definitions')
    expect(rest).toHaveBeenCalled()
    rest.mockRestore()
    expect(broker.inventory.hasQueue('late')).toBe(true)
    expect(body.bindings).toHaveLength(20_000)
    expect((await other.post('/definitions', body)).status).toBe(204)
  })

  test('of very many virtual hosts are looked through turn by turn', async () => {
    const { broker } = api.started
    for (let at = 0; at < 1000; at++) broker.createVhost(`v${at}`).declareExchange('x', 'fanout')
    const rest = vi.spyOn(Pacer.prototype, 'rest').mockImplementationOnce(async () => {
      broker.deleteVhost('v999')
    })
    const { body } = await api.get('/definitions')
    expect(rest).toHaveBeenCalled()
    expect([body.vhosts.length, body.exchanges.length]).toEqual([1000, 999])
  })
})

/** What says where the definitions come from. */
const ORIGIN = { original_vhost_name: '', explanation: '', metadata: {}, description: '', default_queue_type: '' }

describe('with very many publishers, what was published', () => {
  test('is asked of those that publish to an exchange, and of no others', async () => {
    const connection = await connect(api.started.url)
    const channel = await connection.createConfirmChannel()
    channel.publish('amq.topic', 'k', Buffer.from('x'))
    await channel.waitForConfirms()
    const asked = vi.spyOn(PublishCounts.prototype, 'tell')
    const exchanges = Array.from({ length: 20 }, (_, at) => ({ name: `e${at}`, vhost: '/', type: 'topic' }))
    for (let round = 0; round < 2; round++) expect((await api.post('/definitions', { exchanges })).status).toBe(204)
    expect(asked).not.toHaveBeenCalled()
    const listed = (await api.get('/exchanges')).body
    expect(listed).toHaveLength(27)
    expect(listed.find(({ name }: { name: string }) => name === 'amq.topic').message_stats.publish_in).toBe(1)
    expect(asked).toHaveBeenCalledTimes(1)
    asked.mockRestore()
    expect((await api.get('/exchanges/%2F/amq.topic')).body.message_stats.publish_in).toBe(1)
    await connection.close()
  })
})
