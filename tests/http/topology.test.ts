import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start()
  await api.put('/vhosts/v')
})

afterAll(() => api.stop())

describe('queues', () => {
  test('are declared, declared again, and refused when they differ', async () => {
    const body = { durable: 'true', auto_delete: false, arguments: { 'x-max-length': 10 } }
    expect((await api.put('/queues/v/q1', body)).status).toBe(201)
    expect((await api.put('/queues/v/q1', body)).status).toBe(204)
    const other = await api.put('/queues/v/q1', { ...body, durable: false })
    expect(other.status).toBe(400)
    expect(other.body).toEqual({
      error: 'bad_request',
      reason: "inequivalent arg 'durable' for queue 'q1' in vhost 'v': received 'false' but current is 'true'",
    })
  })

  test('that are exclusive say whose they are', async () => {
    const connection = await connect(`${api.started.url}/v`)
    const { localPort } = (connection.connection as unknown as { stream: { localPort: number } }).stream // amqplib's types leave it out
    await (await connection.createChannel()).assertQueue('own', { exclusive: true })
    const owner = {
      name: `127.0.0.1:${localPort} -> 127.0.0.1:${api.started.port}`,
      peer_host: '127.0.0.1',
      peer_port: localPort,
    }
    expect((await api.get('/queues/v/own')).body.owner_pid_details).toEqual(owner)
    await connection.close()
  })

  test('have all the fields that tools read, with their types', async () => {
    const { body } = await api.get('/queues/v/q1')
    expect(body).toMatchObject({
      name: 'q1',
      vhost: 'v',
      type: 'classic',
      state: 'running',
      durable: true,
      auto_delete: false,
      exclusive: false,
      arguments: { 'x-max-length': 10 },
      messages: 0,
      messages_details: { rate: 0 },
      messages_delayed: 0,
      messages_ready: 0,
      messages_unacknowledged: 0,
      message_bytes: 0,
      consumers: 0,
      consumer_utilisation: 0,
      policy: null,
      operator_policy: null,
      effective_policy_definition: {},
      exclusive_consumer_tag: null,
      single_active_consumer_tag: null,
      head_message_timestamp: null,
      consumer_details: [],
      deliveries: [],
      incoming: [],
    })
    expect(body).not.toHaveProperty('message_stats')
    expect((await api.get('/queues/v')).body).toHaveLength(1)
    expect((await api.get('/queues/detailed')).body[0]).toMatchObject({ name: 'q1', messages: 0 })
  })

  test('are told without statistics when that is asked for', async () => {
    const plain = (await api.get('/queues?disable_stats=true')).body[0]
    expect(Object.keys(plain).sort()).toEqual(
      ['arguments', 'auto_delete', 'durable', 'exclusive', 'name', 'node', 'state', 'type', 'vhost'].sort(),
    )
    expect((await api.get('/queues?disable_stats=true&enable_queue_totals=true')).body[0]).toMatchObject({
      messages: 0,
    })
  })

  test('of names with any characters are found by them', async () => {
    for (const name of ['a/b', 'with space', 'plus+', 'ünï', 'per%cent', '100%25', 'q?x=1', 'a#b', '~']) {
      const path = `/queues/v/${encodeURIComponent(name)}`
      expect([name, (await api.put(path)).status]).toEqual([name, 201])
      expect((await api.get(path)).body.name).toBe(name)
      expect((await api.delete(path)).status).toBe(204)
      expect((await api.get(path)).status).toBe(404)
    }
    expect((await api.get('/queues/%ff/x')).status).toBe(400)
  })

  test('are deleted if they are empty, or unused', async () => {
    await api.put('/queues/v/full')
    await api.post('/exchanges/v/amq.default/publish', message('full'))
    const refused = await api.delete('/queues/v/full?if-empty=true')
    expect(refused.body).toEqual({ error: 'bad_request', reason: "queue 'full' in vhost 'v' not empty" })
    const connection = await connect(`${api.started.url}/v`)
    const channel = await connection.createChannel()
    await channel.consume('full', () => {})
    expect((await api.delete('/queues/v/full?if-unused=true')).body.reason).toBe("queue 'full' in vhost 'v' in use")
    await connection.close()
    expect((await api.delete('/queues/v/full/contents')).status).toBe(204)
    expect((await api.delete('/queues/v/full?if-empty=true&if-unused=true')).status).toBe(204)
    expect((await api.delete('/queues/v/full')).status).toBe(404)
    expect((await api.delete('/queues/v/full/contents')).status).toBe(404)
  })

  test('are not paused or moved to by a user that may only read them', async () => {
    await api.put('/queues/v/from')
    await api.put('/queues/v/to')
    await api.put('/users/reader', { password: 'r', tags: 'management' })
    await api.put('/permissions/v/reader', { configure: '', write: '', read: '.*' })
    const asReader = { login: 'reader:r' }
    for (const body of [{ action: 'pause' }, { action: 'resume' }, { action: 'move', to: 'to' }]) {
      expect((await api.post('/queues/v/from/actions', body, asReader)).status).toBe(401)
    }
    expect((await api.get('/queues/v/from')).body.state).toBe('running')
    await api.delete('/users/reader')
    await api.delete('/queues/v/from')
    await api.delete('/queues/v/to')
  })

  test('are paused, resumed and emptied into another one', async () => {
    await api.put('/queues/v/from')
    await api.put('/queues/v/to')
    await api.post('/exchanges/v/amq.default/publish', message('from'))
    expect((await api.post('/queues/v/from/actions', { action: 'pause' })).status).toBe(204)
    expect((await api.get('/queues/v/from')).body.state).toBe('stopped')
    await api.post('/queues/v/from/actions', { action: 'resume' })
    expect((await api.post('/queues/v/from/actions', { action: 'move', to: 'to' })).body).toEqual({ moved: 1 })
    expect((await api.get('/queues/v/to')).body.messages).toBe(1)
    expect((await api.post('/queues/v/from/actions', { action: 'fly' })).status).toBe(400)
    await api.delete('/queues/v/from')
    await api.delete('/queues/v/to')
  })

  test('of quorum type are declared by argument, or by the field that Terraform sends', async () => {
    await api.put('/queues/v/quorum', { type: 'quorum' })
    const { body } = await api.get('/queues/v/quorum')
    expect(body).toMatchObject({
      type: 'quorum',
      arguments: { 'x-queue-type': 'quorum' },
      leader: body.node,
      members: [body.node],
    })
    await api.delete('/queues/v/quorum')
  })

  test('that are not there, or whose names are reserved, are refused as by RabbitMQ', async () => {
    const missing = { error: 'Object Not Found', reason: 'Not Found' }
    expect((await api.get('/queues/v/none')).body).toEqual(missing)
    expect((await api.get('/queues/none')).body).toEqual(missing)
    expect((await api.get('/queues/none/q')).status).toBe(404)
    expect((await api.put('/queues/none/q')).status).toBe(404)
    expect((await api.get('/nothing')).body).toEqual(missing)
    expect((await api.put('/queues/v/amq.x')).body).toEqual({ error: 'not_authorised', reason: 'Access refused.' })
    expect((await api.put('/queues/v/q', undefined, { raw: '{bad' })).body).toEqual({
      error: 'bad_request',
      reason: 'not_json',
    })
    expect((await api.put('/queues/v/q', [])).body.reason).toBe('not_json')
    expect((await api.put('/queues/v/q', { durable: 'perhaps' })).status).toBe(400)
    expect((await api.put('/queues/v/q', { arguments: { 'x-message-ttl': 'soon' } })).status).toBe(400)
    const wrong = await api.request('PATCH', '/queues')
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'OPTIONS, HEAD, GET'])
    expect((await api.request('HEAD', '/queues')).status).toBe(200)
  })
})

describe('exchanges', () => {
  test('are declared, shown and deleted', async () => {
    expect((await api.put('/exchanges/v/e1', { type: 'topic', durable: false })).status).toBe(201)
    expect((await api.put('/exchanges/v/e1', { type: 'topic', durable: false })).status).toBe(204)
    expect((await api.put('/exchanges/v/e1', { type: 'fanout' })).body.reason).toContain("inequivalent arg 'type'")
    expect((await api.get('/exchanges/v/e1')).body).toEqual({
      name: 'e1',
      vhost: 'v',
      type: 'topic',
      durable: false,
      auto_delete: false,
      internal: false,
      arguments: {},
      user_who_performed_action: 'guest',
      incoming: [],
      outgoing: [],
    })
    expect((await api.get('/exchanges/v/amq.default')).body.name).toBe('')
    expect((await api.get('/exchanges/v')).body.map((exchange: { name: string }) => exchange.name)).toContain('')
    await api.put('/queues/v/q2')
    await api.post('/bindings/v/e/e1/q/q2', {})
    expect((await api.delete('/exchanges/v/e1?if-unused=true')).body.reason).toBe("exchange 'e1' in vhost 'v' in use")
    expect((await api.delete('/exchanges/v/e1')).status).toBe(204)
    expect((await api.delete('/exchanges/v/e1')).status).toBe(404)
    expect((await api.delete('/exchanges/v/amq.direct')).status).toBe(401)
    expect((await api.put('/exchanges/v/e2', { type: 'x-none' })).body.reason).toBe("unknown exchange type 'x-none'")
    await api.delete('/queues/v/q2')
  })
})

describe('bindings', () => {
  test('are made with a location, found by it, listed and removed', async () => {
    await api.put('/exchanges/v/src', { type: 'topic' })
    await api.put('/queues/v/dst')
    const made = await api.post('/bindings/v/e/src/q/dst', { routing_key: 'a b.~', arguments: { x: 1 } })
    expect(made.status).toBe(201)
    const location = made.headers.get('location') ?? ''
    expect(location).toMatch(/^dst\/a%2Bb\.%257E~[\w-]+$/)
    const found = await api.get(`/bindings/v/e/src/q/${location}`)
    expect(found.body).toMatchObject({
      source: 'src',
      vhost: 'v',
      destination: 'dst',
      destination_type: 'queue',
      routing_key: 'a b.~',
      arguments: { x: 1 },
      properties_key: decodeURIComponent(location.slice('dst/'.length)),
    })
    expect((await api.post('/bindings/v/e/src/q/dst', { routing_key: 'a b.~' })).headers.get('location')).toBe(
      'dst/a%2Bb.%257E',
    )
    expect((await api.post('/bindings/v/e/src/q/dst')).headers.get('location')).toBe('dst/~')
    const keys = (await api.get('/bindings/v/e/src/q/dst')).body.map(
      (one: { properties_key: string }) => one.properties_key,
    )
    expect(keys).toHaveLength(3)
    expect((await api.get('/queues/v/dst/bindings')).body).toHaveLength(4)
    expect((await api.get('/exchanges/v/src/bindings/source')).body).toHaveLength(3)
    expect((await api.get('/bindings/v')).body.some((one: { source: string }) => one.source === '')).toBe(true)
    expect((await api.get('/bindings')).body.length).toBeGreaterThanOrEqual(4)
    expect((await api.delete('/bindings/v/e/src/q/dst/~')).status).toBe(204)
    expect((await api.delete('/bindings/v/e/src/q/dst/~')).status).toBe(404)
    expect((await api.delete(`/bindings/v/e/src/q/${location}`)).status).toBe(204)
    expect((await api.post('/bindings/v/e/none/q/dst')).status).toBe(404)
  })

  test('between exchanges are seen from both', async () => {
    await api.put('/exchanges/v/one', { type: 'fanout' })
    await api.put('/exchanges/v/two', { type: 'fanout' })
    expect((await api.post('/bindings/v/e/one/e/two', { routing_key: 'k' })).headers.get('location')).toBe('two/k')
    const [binding] = (await api.get('/exchanges/v/two/bindings/destination')).body
    expect(binding).toMatchObject({ source: 'one', destination: 'two', destination_type: 'exchange', routing_key: 'k' })
    expect((await api.get('/bindings/v/e/one/e/two')).body).toEqual([binding])
    expect((await api.get('/bindings/v/e/one/e/two/k')).body).toEqual(binding)
    expect((await api.delete('/bindings/v/e/one/e/two/k')).status).toBe(204)
  })
})

describe('messages', () => {
  test('are published and got in every way', async () => {
    await api.put('/queues/v/m')
    const properties = {
      content_type: 'text/plain',
      delivery_mode: 2,
      headers: { a: 1, b: [true, { c: 'd' }] },
      timestamp: 1_700_000_000,
    }
    expect((await api.post('/exchanges/v/amq.default/publish', { ...message('m'), properties })).body).toEqual({
      routed: true,
    })
    expect((await api.post('/exchanges/v/amq.default/publish', message('nowhere'))).body).toEqual({ routed: false })
    const get = { count: '1', ackmode: 'ack_requeue_true', encoding: 'auto' }
    expect((await api.get('/queues/v/m/peek')).body[0]).toMatchObject({ payload: 'hello', redelivered: false })
    const first = await api.post('/queues/v/m/get', get)
    expect(first.body).toEqual([
      {
        payload_bytes: 5,
        redelivered: false,
        exchange: '',
        routing_key: 'm',
        message_count: 0,
        properties,
        payload: 'hello',
        payload_encoding: 'string',
      },
    ])
    const second = await api.post('/queues/v/m/get', {
      ...get,
      ackmode: 'reject_requeue_false',
      encoding: 'base64',
      truncate: 2,
    })
    expect(second.body[0]).toMatchObject({
      payload: 'aGU=',
      payload_encoding: 'base64',
      payload_bytes: 5,
      redelivered: true,
    })
    expect((await api.post('/queues/v/m/get', get)).body).toEqual([])
    const bytes = { ...message('m'), payload: Buffer.from([255, 0]).toString('base64'), payload_encoding: 'base64' }
    await api.post('/exchanges/v/amq.default/publish', bytes)
    expect((await api.post('/queues/v/m/get', { ...get, ackmode: 'ack_requeue_false' })).body[0]).toMatchObject({
      payload: '/wA=',
      payload_encoding: 'base64',
      properties: {},
    })
  })

  test('that make no sense are refused', async () => {
    expect((await api.post('/exchanges/v/amq.default/publish', { routing_key: 'm' })).body.reason).toBe(
      '[{key_missing,properties},\n {key_missing,payload},\n {key_missing,payload_encoding}]',
    )
    expect((await api.post('/exchanges/v/none/publish', message('m'))).body.reason).toBe(
      "404 NOT_FOUND - no exchange 'none' in vhost 'v'",
    )
    expect(
      (await api.post('/exchanges/v/amq.direct/publish', { ...message('m'), payload_encoding: 'rot13' })).status,
    ).toBe(400)
    expect(
      (await api.post('/exchanges/v/amq.direct/publish', { ...message('m'), properties: { priority: 300 } })).status,
    ).toBe(400)
    const get = { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' }
    expect((await api.post('/queues/v/none/get', get)).body).toEqual({
      error: 'not_found',
      reason: "NOT_FOUND - no queue 'none' in vhost 'v'",
    })
    for (const wrong of [
      { ...get, count: 0 },
      { ...get, count: 'x' },
      { ...get, ackmode: 'x' },
      { ...get, encoding: 'x' },
      { count: 1, encoding: 'auto' },
    ]) {
      expect((await api.post('/queues/v/m/get', wrong)).status).toBe(400)
    }
  })
})

function message(routingKey: string) {
  return { routing_key: routingKey, payload: 'hello', payload_encoding: 'string', properties: {} }
}
