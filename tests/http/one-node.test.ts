// Endpoints of RabbitMQ that have little to say on one node without its plugins.
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

let api: ApiClient
let node: string

beforeAll(async () => {
  api = await ApiClient.start()
  node = (await api.get('/overview')).body.node
})

afterAll(() => api.stop())

describe('the status of a quorum queue', () => {
  test('has the log of its only member', async () => {
    const { broker } = api.started
    broker.declareQueue('quorum', { arguments: { 'x-queue-type': 'quorum' } })
    for (const body of ['a', 'b', 'c']) broker.publish('', 'quorum', body)
    await api.post('/queues/%2F/quorum/get', { count: 2, ackmode: 'ack_requeue_false', encoding: 'auto' })
    expect((await api.get('/queues/quorum/%2F/quorum/status')).body).toEqual([
      {
        'Node Name': node,
        'Raft State': 'leader',
        Membership: 'voter',
        'Last Log Index': 3,
        'Last Written': 3,
        'Last Applied': 3,
        'Commit Index': 3,
        'Snapshot Index': 2,
        Term: 1,
        'Machine Version': 7,
      },
    ])
  })

  test('is refused for other queues, and not found for none', async () => {
    api.started.broker.declareQueue('classic')
    const refused = await api.get('/queues/quorum/%2F/classic/status')
    expect([refused.status, refused.body]).toEqual([503, { status: 'failed', reason: 'classic_queue_not_supported' }])
    expect((await api.get('/queues/quorum/%2F/none/status')).status).toBe(404)
    expect((await api.get('/queues/quorum/none/quorum/status')).status).toBe(404)
  })
})

test('a connection has no sessions, since it does not speak AMQP 1.0', async () => {
  const connection = await connect(api.started.url)
  const [{ name }] = (await api.get('/connections')).body
  const refused = await api.get(`/connections/${encodeURIComponent(name)}/sessions`)
  expect([refused.status, refused.body]).toEqual([
    400,
    { error: 'bad_request', reason: 'connection does not use AMQP 1.0' },
  ])
  expect((await api.get('/connections/none/sessions')).status).toBe(404)
  await connection.close()
})

describe('a reset of the statistics', () => {
  test('forgets samples, has rates begin anew, and leaves counters alone', async () => {
    const { broker, server } = api.started
    const shown = async () => (await api.get('/queues/%2F/counted?lengths_age=60&lengths_incr=5')).body
    broker.declareQueue('counted')
    let published = 0
    // The server takes samples of its own as well: behind one of those, nothing was published since the last one.
    const rateIsShown = () =>
      expect
        .poll(async () => {
          for (let n = 0; n < 10; n++, published++) broker.publish('', 'counted', 'x')
          await server.statistics.sample()
          return (await shown()).message_stats.publish_details.rate
        })
        .toBeGreaterThan(0)
    await server.statistics.sample()
    await rateIsShown()
    expect((await api.delete('/reset')).status).toBe(204)
    const { message_stats: stats, messages_details: details } = await shown()
    expect([stats.publish, stats.publish_details.rate]).toEqual([published, 0])
    expect(new Set(details.samples.map(({ sample }: { sample: number }) => sample))).toEqual(new Set([published]))
    await rateIsShown()
    expect((await shown()).messages_details.samples[0].sample).toBe(published)
  })

  test('is for this node', async () => {
    expect((await api.delete(`/reset/${encodeURIComponent(node)}`)).status).toBe(204)
    expect((await api.delete('/reset/rabbit@elsewhere')).status).toBe(404)
    expect((await api.get('/reset')).status).toBe(405)
  })
})
