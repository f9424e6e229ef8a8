// Who declared a queue or an exchange, and the list of a user's queues.
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'amqplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CtlBroker } from '../cli/ctl-broker.ts'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start()
  await api.put('/vhosts/v')
})

afterAll(() => api.stop())

describe('who declared', () => {
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name)

  beforeAll(async () => {
    await api.put('/vhosts/w')
    await api.put('/users/ann', { password: 'secret', tags: 'management' })
    await api.put('/permissions/v/ann', { configure: '.*', write: '.*', read: '.*' })
    await api.put('/permissions/w/ann', { configure: '.*', write: '.*', read: '.*' })
    await api.put('/users/bob', { password: 'secret', tags: 'management' })
    await api.put('/permissions/v/bob', { configure: '', write: '', read: '' })
    const connection = await connect(`amqp://ann:secret@${api.started.host}:${api.started.port}/v`)
    await (await connection.createChannel()).assertQueue('by-amqp')
    await connection.close()
    await api.put('/queues/w/by-http', {}, { login: 'ann:secret' })
    await api.put('/queues/v/of-guest')
    const imported = {
      queues: [{ name: 'imported', vhost: 'v' }],
      exchanges: [{ name: 'x', vhost: 'v', type: 'topic' }],
    }
    await api.put('/users/ann', { password: 'secret', tags: 'administrator' })
    expect((await api.post('/definitions', imported, { login: 'ann:secret' })).status).toBe(204)
    await api.put('/users/ann', { password: 'secret', tags: 'management' })
    api.started.broker.vhost('v')?.declareQueue('of-program')
    api.started.broker.vhost('v')?.declareExchange('y', 'topic')
  })

  test('queues is asked for by user, in the virtual hosts that the asking user may open', async () => {
    const all = await api.get('/users/ann/queues')
    expect([all.status, names(all.body)]).toEqual([200, ['by-amqp', 'imported', 'by-http']])
    expect(names((await api.get('/users/ann/queues', { login: 'bob:secret' })).body)).toEqual(['by-amqp', 'imported'])
    expect(names((await api.get('/users/guest/queues', { login: 'ann:secret' })).body)).toContain('of-guest')
    expect(names((await api.get('/users/rmq-internal/queues')).body)).toEqual(['of-program'])
    // RabbitMQ: nobody knows them, and they have declared nothing.
    expect((await api.get('/users/nobody/queues')).body).toEqual([])
  })

  test('queues are listed as all others are', async () => {
    const [first] = (await api.get('/users/ann/queues')).body
    expect(first).toEqual((await api.get('/queues/v')).body.find(({ name }: { name: string }) => name === 'by-amqp'))
    const plain = (await api.get('/users/ann/queues?disable_stats=true')).body
    expect(plain).toEqual(
      (await api.get('/queues?disable_stats=true')).body.filter(({ name }: { name: string }) =>
        ['by-amqp', 'by-http', 'imported'].includes(name),
      ),
    )
    const page = (await api.get('/users/ann/queues?page=1&page_size=1&name=by&sort=name&sort_reverse=true')).body
    expect(page).toMatchObject({ total_count: 3, filtered_count: 2, item_count: 1, page_count: 2 })
    expect(names(page.items)).toEqual(['by-http'])
    expect((await api.get('/users/ann/queues?columns=name,vhost&sort=name')).body).toEqual([
      { name: 'by-amqp', vhost: 'v' },
      { name: 'by-http', vhost: 'w' },
      { name: 'imported', vhost: 'v' },
    ])
  })

  test('exchanges is shown with them', async () => {
    const user = async (exchange: string) =>
      (await api.get(`/exchanges/v/${exchange}`)).body.user_who_performed_action as string
    expect([await user('x'), await user('y'), await user('amq.topic')]).toEqual(['ann', 'rmq-internal', 'rmq-internal'])
    expect((await api.put('/exchanges/v/x', { type: 'topic' })).status).toBe(204)
    expect(await user('x')).toBe('ann')
  })

  test('stays when the user is gone', async () => {
    await api.delete('/users/ann')
    expect(names((await api.get('/users/ann/queues')).body)).toEqual(['by-amqp', 'imported', 'by-http'])
    await api.delete('/vhosts/w')
    for (const queue of ['by-amqp', 'imported', 'of-guest', 'of-program']) await api.delete(`/queues/v/${queue}`)
    for (const exchange of ['x', 'y']) await api.delete(`/exchanges/v/${exchange}`)
    expect((await api.get('/users/ann/queues')).body).toEqual([])
  })
})

test('what the control socket declares is of rmq-cli', async () => {
  const ctl = await CtlBroker.start()
  try {
    const definitions = { queues: [{ name: 'q', vhost: '/' }] }
    expect((await ctl.run(['import_definitions', '-'], JSON.stringify(definitions))).code).toBe(0)
    const options = { socketPath: ctl.socket, path: '/api/queues/%2F/direct', method: 'PUT' }
    const asked = request(options).end('{}')
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    answer.resume()
    expect(answer.statusCode).toBe(201)
    for (const queue of ['q', 'direct']) expect(ctl.started.broker.queueInfo(queue)?.user).toBe('rmq-cli')
  } finally {
    await ctl.stop()
  }
})
