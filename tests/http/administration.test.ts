import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
})

afterAll(() => api.stop())

describe('virtual hosts', () => {
  test('have descriptions, tags, a queue type and protection', async () => {
    const body = { description: 'for tests', tags: 'a,b', default_queue_type: 'quorum', tracing: false }
    expect((await api.put('/vhosts/v', body)).status).toBe(201)
    expect((await api.put('/vhosts/v', { description: 'changed' })).status).toBe(204)
    const { body: vhost } = await api.get('/vhosts/v')
    expect(vhost).toMatchObject({
      name: 'v',
      description: 'changed',
      tags: ['a', 'b'],
      default_queue_type: 'quorum',
      metadata: { description: 'changed', tags: ['a', 'b'], default_queue_type: 'quorum' },
      tracing: false,
      protected_from_deletion: false,
    })
    expect(Object.values(vhost.cluster_state)).toEqual(['running'])
    expect((await api.post('/vhosts/v/deletion/protection')).status).toBe(204)
    expect((await api.delete('/vhosts/v')).status).toBe(412)
    expect((await api.delete('/vhosts/v/deletion/protection')).status).toBe(204)
    expect((await api.post(`/vhosts/v/start/${Object.keys(vhost.cluster_state)[0]}`)).status).toBe(204)
    expect((await api.get('/vhosts/v/permissions')).body).toEqual([
      { user: 'guest', vhost: 'v', configure: '.*', write: '.*', read: '.*' },
    ])
    for (let i = 0; i < 200; i++) expect((await api.put(`/queues/v/q${i}`, {})).status).toBe(201)
    expect((await api.delete('/vhosts/v')).status).toBe(204)
    expect((await api.delete('/vhosts/v')).status).toBe(404)
    expect((await api.put('/vhosts/v', {})).status).toBe(201)
    expect((await api.get('/queues/v')).body).toEqual([])
    expect((await api.delete('/vhosts/v')).status).toBe(204)
    expect((await api.put('/vhosts/w', { default_queue_type: 'odd' })).status).toBe(400)
    expect((await api.put('/vhosts/w', { tracing: true })).status).toBe(400)
  })

  test('that are made again while they go are made once', async () => {
    const { broker } = api.started
    const going = broker.createVhost('going')
    for (let i = 0; i < 10_000; i++) going.declareQueue(`q${i}`)
    broker.deleteVhost('going')
    const replies = await Promise.all([1, 2].map(() => api.put('/vhosts/going', {})))
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 204])
    expect((await api.delete('/vhosts/going')).status).toBe(204)
  })
})

describe('users', () => {
  test('have the limits that they come with', async () => {
    const body = { password: 'x', tags: '', limits: { 'max-connections': 5, 'max-channels': 50 } }
    expect((await api.put('/users/limited', body)).status).toBe(201)
    expect((await api.get('/user-limits/limited')).body).toEqual([
      { user: 'limited', value: { 'max-connections': 5, 'max-channels': 50 } },
    ])
    expect((await api.delete('/users/limited')).status).toBe(204)
  })

  test('are made by password and by hash, shown with both, and deleted in bulk', async () => {
    expect((await api.put('/users/bob', { password: 'secret', tags: 'management, monitoring' })).status).toBe(201)
    expect((await api.put('/users/bob', { password: 'secret', tags: ['management'] })).status).toBe(204)
    const { body: bob } = await api.get('/users/bob')
    expect(bob).toEqual({
      name: 'bob',
      password_hash: expect.stringMatching(/^[A-Za-z0-9+/]{48}$/),
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: ['management'],
      limits: {},
    })
    const copy = { password_hash: bob.password_hash, hashing_algorithm: bob.hashing_algorithm, tags: 'management' }
    expect((await api.put('/users/copy', copy)).status).toBe(201)
    expect((await api.get('/whoami', { login: 'copy:secret' })).body).toEqual({
      name: 'copy',
      tags: ['management'],
      is_internal_user: true,
    })
    expect((await api.put('/users/x', { password: 'a' })).body.reason).toBe('[{key_missing,tags}]')
    expect((await api.put('/users/x', { password: 'a', password_hash: 'b', tags: '' })).status).toBe(400)
    expect((await api.put('/users/x', { password_hash: 'b', tags: '' })).status).toBe(400)
    expect(
      (await api.put('/users/x', { password: 'a', tags: Array.from({ length: 33 }, (_, at) => `t${at}`) })).status,
    ).toBe(400)
    expect((await api.put('/users/certified', { tags: '' })).status).toBe(201)
    expect((await api.get('/users/without-permissions')).body.map((user: { name: string }) => user.name)).toEqual([
      'bob',
      'certified',
      'copy',
    ])
    expect((await api.get('/users')).body).toHaveLength(4)
    expect((await api.post('/users/bulk-delete', { users: ['copy', 'certified', 'nobody'] })).status).toBe(204)
    expect((await api.delete('/users/copy')).status).toBe(404)
    expect((await api.delete('/users/bob')).status).toBe(204)
  })

  test('have permissions, for topics, too', async () => {
    await api.put('/users/carol', { password: 'secret', tags: '' })
    const patterns = { configure: '^c', write: '.*', read: '' }
    expect((await api.put('/permissions/%2F/carol', patterns)).status).toBe(201)
    expect((await api.put('/permissions/%2F/carol', patterns)).status).toBe(204)
    const permission = { user: 'carol', vhost: '/', ...patterns }
    expect((await api.get('/permissions/%2F/carol')).body).toEqual(permission)
    expect((await api.get('/users/carol/permissions')).body).toEqual([permission])
    expect((await api.get('/permissions')).body).toContainEqual(permission)
    expect((await api.put('/permissions/%2F/carol', { configure: '(', write: '', read: '' })).status).toBe(400)
    expect((await api.put('/permissions/%2F/carol', { configure: '' })).status).toBe(400)
    expect((await api.put('/permissions/%2F/nobody', patterns)).status).toBe(404)
    const topic = { exchange: 'amq.topic', write: '^a', read: '^b' }
    expect((await api.put('/topic-permissions/%2F/carol', topic)).status).toBe(201)
    for (const path of ['/topic-permissions/%2F/carol', `/topic-permissions/%2F/carol/${topic.exchange}`]) {
      expect((await api.get(path)).body).toEqual([{ user: 'carol', vhost: '/', ...topic }])
    }
    expect((await api.get('/users/carol/topic-permissions')).body).toHaveLength(1)
    expect((await api.get('/topic-permissions')).body).toHaveLength(1)
    expect((await api.get('/vhosts/%2F/topic-permissions')).body).toHaveLength(1)
    expect((await api.delete('/topic-permissions/%2F/carol')).status).toBe(204)
    expect((await api.get('/topic-permissions/%2F/carol')).status).toBe(404)
    expect((await api.delete('/permissions/%2F/carol')).status).toBe(204)
    expect((await api.delete('/permissions/%2F/carol')).status).toBe(404)
    await api.delete('/users/carol')
  })
})

describe('policies, limits and parameters', () => {
  test('are set, read and deleted', async () => {
    const policy = { pattern: '^q', definition: { 'max-length': 10 }, priority: '3', 'apply-to': 'queues' }
    expect((await api.put('/policies/%2F/p', policy)).status).toBe(201)
    expect((await api.put('/policies/%2F/p', policy)).status).toBe(204)
    const shown = { vhost: '/', name: 'p', ...policy, priority: 3 }
    expect((await api.get('/policies/%2F/p')).body).toEqual(shown)
    expect((await api.get('/policies')).body).toEqual([shown])
    await api.put('/queues/%2F/q1')
    expect((await api.get('/queues/%2F/q1')).body).toMatchObject({
      policy: 'p',
      effective_policy_definition: { 'max-length': 10 },
    })
    expect((await api.put('/policies/%2F/bad', { pattern: '(', definition: {} })).body.reason).toContain(
      'Validation failed',
    )
    expect((await api.put('/policies/%2F/bad', {})).status).toBe(400)
    expect((await api.delete('/policies/%2F/p')).status).toBe(204)
    expect((await api.delete('/policies/%2F/p')).status).toBe(404)
    await api.delete('/queues/%2F/q1')
    expect((await api.put('/operator-policies/%2F/o', { pattern: '.*', definition: { 'max-length': 5 } })).status).toBe(
      201,
    )
    expect((await api.get('/operator-policies/%2F')).body).toHaveLength(1)
    expect((await api.get('/parameters/operator_policy/%2F/o')).body).toMatchObject({
      component: 'operator_policy',
      value: { pattern: '.*' },
    })
    expect((await api.delete('/operator-policies/%2F/o')).status).toBe(204)
  })

  test('of the server are any JSON under names; those of plugins are refused', async () => {
    expect((await api.put('/global-parameters/mine', { value: { a: [1] } })).status).toBe(201)
    expect((await api.put('/global-parameters/mine', { value: 'x' })).status).toBe(204)
    expect((await api.get('/global-parameters/mine')).body).toEqual({ name: 'mine', value: 'x' })
    expect((await api.get('/global-parameters')).body).toEqual([{ name: 'mine', value: 'x' }])
    expect((await api.delete('/global-parameters/mine')).status).toBe(204)
    expect((await api.get('/global-parameters/mine')).status).toBe(404)
    expect((await api.put('/parameters/shovel/%2F/s', { value: {} })).status).toBe(400)
    expect((await api.get('/parameters/shovel/%2F/s')).status).toBe(404)
    expect((await api.get('/shovels')).status).toBe(404)
    expect(
      (
        await api.put('/parameters/operator_policy/%2F/by-parameter', {
          value: { pattern: '.*', definition: { 'max-length': 1 } },
        })
      ).status,
    ).toBe(201)
    expect((await api.delete('/parameters/operator_policy/%2F/by-parameter')).status).toBe(204)
  })
})

describe('the server', () => {
  test('says who it is', async () => {
    const { body } = await api.get('/overview')
    expect(body).toMatchObject({
      product_name: 'Leveret',
      rabbitmq_version: expect.stringMatching(/^4\.2\.\d+$/),
      product_version: body.rabbitmq_version,
      management_version: body.rabbitmq_version,
      leveret_version: expect.any(String),
      rates_mode: 'basic',
      queue_totals: { messages: 0, messages_ready: 0, messages_unacknowledged: 0 },
      object_totals: { connections: 0, channels: 0, consumers: 0, exchanges: 7, queues: 0 },
      message_stats: {},
    })
    expect(body.listeners).toContainEqual(expect.objectContaining({ protocol: 'amqp', port: api.started.port }))
    expect(body.listeners).toContainEqual(
      expect.objectContaining({ protocol: 'http', port: Number(new URL(api.url).port) }),
    )
    expect((await api.put('/cluster-name', { name: 'mine' })).status).toBe(204)
    expect((await api.get('/cluster-name')).body).toEqual({ name: 'mine' })
    expect((await api.get('/overview')).body.cluster_name).toBe('mine')
    await api.delete('/global-parameters/cluster_name')
    expect((await api.get('/version')).text).toBe(body.rabbitmq_version)
  })

  test('is one node, with all the fields that tools read', async () => {
    const [node] = (await api.get('/nodes')).body
    expect(node).toMatchObject({
      name: expect.stringMatching(/^leveret@/),
      type: 'disc',
      running: true,
      os_pid: String(process.pid),
      uptime: expect.any(Number),
      processors: expect.any(Number),
      fd_total: expect.any(Number),
      mem_limit: expect.any(Number),
      mem_used: expect.any(Number),
      mem_alarm: false,
      disk_free_limit: expect.any(Number),
      disk_free_alarm: false,
      being_drained: false,
      partitions: [],
      cluster_links: [],
      enabled_plugins: ['rabbitmq_management', 'rabbitmq_prometheus'],
    })
    expect((await api.get(`/nodes/${encodeURIComponent(node.name)}`)).body.name).toBe(node.name)
    expect((await api.get(`/nodes/${encodeURIComponent(node.name)}/memory`)).body.memory).toMatchObject({
      strategy: 'rss',
      total: { rss: expect.any(Number) },
    })
    expect((await api.get('/nodes/other@host')).status).toBe(404)
  })

  test('answers what tools ask of features that it has or has not', async () => {
    expect((await api.get('/extensions')).body).toEqual([])
    expect((await api.get('/auth')).body).toMatchObject({ oauth_enabled: false })
    expect((await api.get('/feature-flags')).body[0]).toEqual({
      name: expect.any(String),
      desc: expect.any(String),
      doc_url: '',
      state: 'enabled',
      stability: 'required',
      provided_by: 'rabbit',
    })
    expect((await api.put('/feature-flags/khepri_db/enable')).status).toBe(204)
    expect((await api.get('/deprecated-features')).body).toEqual([])
    expect((await api.get('/deprecated-features/used')).body).toEqual([])
    expect((await api.post('/rebalance/queues')).status).toBe(204)
    const redirect = await api.get('/')
    expect([redirect.status, redirect.headers.get('location')]).toEqual([301, '/api/index.html'])
  })

  test('is healthy, and says what is not there', async () => {
    for (const check of [
      'alarms',
      'local-alarms',
      'virtual-hosts',
      'is-in-service',
      'warnings',
      'ready-to-serve-clients',
      'metadata-store/initialized',
      'certificate-expiration/1/months',
    ]) {
      const reply = await api.get(`/health/checks/${check}`)
      expect([check, reply.status, reply.body]).toEqual([check, 200, { status: 'ok' }])
    }
    expect((await api.get('/health/checks/node-is-quorum-critical')).body).toEqual({
      status: 'ok',
      reason: 'single node cluster',
    })
    expect((await api.get('/health/checks/node-is-mirror-sync-critical')).status).toBe(200)
    expect((await api.get('/health/checks/below-node-connection-limit')).body.status).toBe('ok')
    expect((await api.get('/health/checks/certificate-expiration/1/moons')).status).toBe(400)
    expect((await api.get(`/health/checks/port-listener/${api.started.port}`)).status).toBe(200)
    const missing = await api.get('/health/checks/port-listener/1')
    expect([missing.status, missing.body]).toEqual([
      503,
      expect.objectContaining({ status: 'failed', reason: 'No active listener', missing: 1 }),
    ])
    expect((await api.get('/health/checks/protocol-listener/amqp')).status).toBe(200)
    expect((await api.get('/health/checks/protocol-listener/mqtt')).body).toMatchObject({
      status: 'failed',
      missing: 'mqtt',
    })
    expect((await api.get('/healthchecks/node')).body).toEqual({ status: 'ok' })
    expect((await api.get('/aliveness-test/%2F')).body).toEqual({ status: 'ok' })
    await api.delete('/queues/%2F/aliveness-test')
    api.started.blockPublishers()
    expect((await api.get('/health/checks/warnings')).body).toEqual({
      status: 'failed',
      reason: 'low on memory: publishers are blocked',
      server_status: 'degraded',
      warnings: ['low on memory: publishers are blocked'],
    })
    const alarm = await api.get('/health/checks/alarms')
    api.started.unblockPublishers()
    expect([alarm.status, alarm.body]).toEqual([
      503,
      expect.objectContaining({ alarms: [expect.objectContaining({ resource: 'memory' })] }),
    ])
  })
})

describe('connections, channels and consumers', () => {
  test('are shown, and closed with a reason', async () => {
    const connection = await connect(api.started.url, { clientProperties: { connection_name: 'mine' } })
    const channel = await connection.createConfirmChannel()
    await channel.prefetch(5)
    await channel.assertQueue('seen')
    const { consumerTag } = await channel.consume('seen', () => {})
    channel.sendToQueue('seen', Buffer.from('x'))
    await channel.waitForConfirms()
    const [shown] = (await api.get('/connections')).body
    expect(shown).toMatchObject({
      user: 'guest',
      vhost: '/',
      protocol: 'AMQP 0-9-1',
      auth_mechanism: 'PLAIN',
      state: 'running',
      channels: 1,
      type: 'network',
      ssl: false,
      user_provided_name: 'mine',
      client_properties: { product: 'amqplib', capabilities: { publisher_confirms: true } },
      peer_host: '127.0.0.1',
      port: api.started.port,
      recv_oct: expect.any(Number),
      recv_oct_details: { rate: expect.any(Number) },
    })
    expect(Math.abs(shown.connected_at - Date.now())).toBeLessThan(60_000)
    const path = `/connections/${encodeURIComponent(shown.name)}`
    expect((await api.get(path)).body.name).toBe(shown.name)
    expect((await api.get('/vhosts/%2F/connections')).body).toHaveLength(1)
    expect((await api.get('/connections/username/guest')).body).toHaveLength(1)
    expect((await api.get('/connections/username/nobody')).body).toHaveLength(0)
    const [open] = (await api.get(`${path}/channels`)).body
    expect(open).toMatchObject({
      name: `${shown.name} (1)`,
      number: 1,
      confirm: true,
      transactional: false,
      prefetch_count: 5,
      global_prefetch_count: 0,
      consumer_count: 1,
      messages_unacknowledged: 1,
      connection_details: { name: shown.name, peer_host: '127.0.0.1', peer_port: shown.peer_port },
      message_stats: { publish: 1, confirm: 1, deliver: 1 },
    })
    expect((await api.get('/channels')).body).toHaveLength(1)
    expect((await api.get('/vhosts/%2F/channels')).body).toHaveLength(1)
    const single = await api.get(`/channels/${encodeURIComponent(open.name)}`)
    expect(single.body).toMatchObject({
      name: open.name,
      publishes: [{ exchange: { name: '', vhost: '/' }, stats: { publish: 1 } }],
      deliveries: [{ queue: { name: 'seen', vhost: '/' }, stats: { deliver: 1 } }],
      consumer_details: [{ consumer_tag: consumerTag }],
    })
    expect((await api.get('/channels/none')).status).toBe(404)
    const consumer = {
      consumer_tag: consumerTag,
      ack_required: true,
      active: true,
      activity_status: 'up',
      exclusive: false,
      prefetch_count: 5,
      arguments: {},
      consumer_timeout: 0,
      queue: { name: 'seen', vhost: '/' },
      channel_details: { name: open.name, number: 1, connection_name: shown.name, user: 'guest' },
    }
    expect((await api.get('/consumers')).body).toMatchObject([consumer])
    expect((await api.get('/consumers/%2F')).body).toHaveLength(1)
    expect((await api.get('/queues/%2F/seen')).body).toMatchObject({
      consumer_details: [consumer],
      message_stats: { publish: 1, deliver: 1 },
    })
    const closed = new Promise<Error>((resolve) => connection.once('close', resolve))
    expect((await api.delete(path, { headers: { 'x-reason': 'go away' } })).status).toBe(204)
    expect((await closed).message).toContain('go away')
    expect((await api.delete(path)).status).toBe(404)
    await api.delete('/queues/%2F/seen')
  })

  test('of one user are closed together', async () => {
    const connection = await connect(api.started.url)
    const closed = new Promise((resolve) => connection.once('close', resolve))
    expect((await api.delete('/connections/username/guest')).status).toBe(204)
    await closed
  })
})
