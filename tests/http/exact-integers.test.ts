// Integers that no JavaScript number holds keep all their digits, on every way through the API.
import { connect } from 'amqplib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient, type Reply } from './api-client.ts'

const LARGE = '9007199254740993'
const LEAST = '-9223372036854775808'
const TABLE = `{"x-own":${LARGE},"nested":{"list":[${LEAST},1]}}`

let api: ApiClient
let other: ApiClient

beforeAll(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
  other = await ApiClient.start({ passwordHashing: 'sha256' })
})

afterAll(async () => {
  await api.stop()
  await other.stop()
})

const send = (method: string, path: string, raw: string, to = api): Promise<Reply> =>
  to.request(method, path, undefined, { raw })

test('in arguments, and from one broker to another', async () => {
  expect((await send('PUT', '/queues/%2F/q', `{"arguments":${TABLE}}`)).status).toBe(201)
  expect((await send('PUT', '/exchanges/%2F/e', `{"arguments":${TABLE}}`)).status).toBe(201)
  expect((await send('POST', '/bindings/%2F/e/e/q/q', `{"arguments":${TABLE}}`)).status).toBe(201)
  const { text } = await api.get('/definitions')
  expect((await send('POST', '/definitions', text, other)).status).toBe(204)
  for (const one of [api, other]) {
    for (const path of ['/queues/%2F/q', '/queues', '/exchanges/%2F/e', '/bindings/%2F/e/e/q/q', '/definitions']) {
      expect((await one.get(path)).text.replaceAll('"nested":{"list":', ''), path).toContain(LEAST)
      expect((await one.get(path)).text, path).toContain(`"x-own":${LARGE}`)
    }
  }
  expect(other.started.broker.queueInfo('q')?.arguments['x-own']).toBe(BigInt(LARGE))
  // The same again is the same queue; another number is another one.
  expect((await send('PUT', '/queues/%2F/q', `{"arguments":${TABLE}}`)).status).toBe(204)
})

test('in the headers and the timestamp of a message', async () => {
  await api.put('/queues/%2F/m')
  const message = `{"properties":{"timestamp":18446744073709551615,"headers":${TABLE}},"routing_key":"m","payload":"x","payload_encoding":"string"}`
  expect((await send('POST', '/exchanges/%2F/amq.default/publish', message)).body).toEqual({ routed: true })
  const got = await api.post('/queues/%2F/m/get', { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' })
  expect(got.text).toContain('"timestamp":18446744073709551615')
  expect(got.text).toContain(`"x-own":${LARGE}`)
})

test('in global parameters', async () => {
  expect((await send('PUT', '/global-parameters/g', `{"value":[${LARGE}]}`)).status).toBe(201)
  expect((await api.get('/global-parameters/g')).text).toContain(`[${LARGE}]`)
  expect((await api.get('/definitions')).text).toContain(`[${LARGE}]`)
})

test.each([
  [
    'of more than 64 bits',
    '/queues/%2F/r',
    '{"arguments":{"x":9223372036854775808}}',
    'cannot hold the integer 9223372036854775808',
  ],
  [
    'as a limit of length',
    '/queues/%2F/r',
    '{"arguments":{"x-max-length":18446744073709551616}}',
    '18446744073709551616',
  ],
  ['in a policy', '/policies/%2F/p', `{"pattern":"","definition":{"max-length":${LARGE}}}`, LARGE],
  ['as its priority', '/policies/%2F/p', `{"pattern":"","definition":{"max-length":1},"priority":${LARGE}}`, LARGE],
  ['as a limit', '/vhost-limits/%2F/max-queues', `{"value":${LARGE}}`, LARGE],
  ['as a name', '/policies/%2F/p', `{"pattern":${LARGE},"definition":{"max-length":1}}`, LARGE],
])('are refused where they make no sense: %s', async (_where, path, body, reason) => {
  const reply = await send('PUT', path, body)
  expect([reply.status, reply.body?.error]).toEqual([400, 'bad_request'])
  expect(reply.body.reason).toContain(reason)
  expect((await api.get('/queues/%2F/r')).status).toBe(404)
})

test('what no field table holds makes no queue', async () => {
  const list = Array.from({ length: 65_536 }, () => 0)
  for (const table of [{ ['x'.repeat(256)]: 1 }, { list }]) {
    expect((await api.put('/queues/%2F/none', { arguments: table })).status).toBe(400)
    expect((await api.get('/queues/%2F/none')).status).toBe(404)
  }
})

test('are told by AMQP clients, too', async () => {
  const connection = await connect(api.started.url)
  const channel = await connection.createChannel()
  await channel.assertQueue('c', { arguments: { own: { '!': 'int64', value: 2 ** 62 } } })
  expect((await api.get('/queues/%2F/c')).text).toContain('"own":4611686018427387904')
  await connection.close()
})
