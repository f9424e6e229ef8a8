import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start()
  for (let i = 0; i < 250; i++) {
    const name = `q-${String(i).padStart(3, '0')}`
    api.started.broker.declareQueue(name)
    for (let n = 0; n < i % 7; n++) api.started.broker.publish('', name, 'x')
  }
})

afterAll(() => api.stop())

const names = (rows: readonly { readonly name: string }[]): string[] => rows.map(({ name }) => name)

describe('lists', () => {
  test('come in pages, sorted by virtual host and name', async () => {
    const { body } = await api.get('/queues?page=2&columns=name&pagination=false')
    expect(body).toMatchObject({
      total_count: 250,
      filtered_count: 250,
      item_count: 100,
      page: 2,
      page_size: 100,
      page_count: 3,
    })
    expect(body.items[0]).toEqual({ name: 'q-100' })
    expect((await api.get('/queues?page=3&page_size=100')).body.item_count).toBe(50)
    expect((await api.get('/queues')).body).toHaveLength(250)
    expect((await api.get('/exchanges?page=1&page_size=3')).body.item_count).toBe(3)
  })

  test('are filtered by a part of the name in any case, or by a regular expression', async () => {
    expect((await api.get('/queues?page=1&name=Q-00')).body.filtered_count).toBe(10)
    expect((await api.get('/queues?page=1&name=%5Eq-0%5B12%5D0%24&use_regex=true')).body).toMatchObject({
      filtered_count: 2,
      total_count: 250,
    })
    expect((await api.get('/queues?page=1&name=nothing')).body).toMatchObject({
      filtered_count: 0,
      item_count: 0,
      items: [],
    })
  })

  test('are sorted by any column, in both directions', async () => {
    const byMessages = (
      await api.get('/queues?page=1&page_size=2&sort=messages&sort_reverse=true&columns=name,messages')
    ).body.items
    expect(byMessages).toEqual([
      { name: 'q-244', messages: 6 },
      { name: 'q-237', messages: 6 },
    ])
    expect(names((await api.get('/queues?sort=name&sort_reverse=true&columns=name')).body)[0]).toBe('q-249')
    const byRate = (await api.get('/queues?page=1&sort=message_stats.publish&columns=name,message_stats.publish')).body
      .items
    expect(byRate[0]).toEqual({ name: 'q-000' })
    expect(byRate[99]).toHaveProperty('message_stats.publish')
    expect(Object.keys(byRate[99].message_stats)).toEqual(['publish'])
  })

  test('refuse pages that there are not, as RabbitMQ does', async () => {
    expect((await api.get('/queues?page=4')).body).toEqual({
      error: 'page_out_of_range',
      reason: 'Page out of range, page: 4 page size: 100, len: 250',
    })
    expect((await api.get('/queues?page=0')).body.error).toBe('invalid_pagination_parameters')
    expect((await api.get('/queues?page=1&page_size=501')).body.error).toBe('invalid_pagination_parameters')
    expect((await api.get('/queues?page=x')).body).toEqual({
      error: 'bad_request',
      reason: 'Pagination parameters are invalid',
    })
    expect((await api.get('/queues?page=1&use_regex=true&name=(')).body.reason).toBe(
      'Pagination parameters are invalid',
    )
  })
})

describe('rates', () => {
  test('come with samples when they are asked for', async () => {
    await api.started.server.statistics.sample()
    const query = 'lengths_age=10&lengths_incr=5&msg_rates_age=10&msg_rates_incr=5'
    const { body } = await api.get(`/queues/%2F/q-006?${query}`)
    expect(body.messages_details).toMatchObject({
      rate: expect.any(Number),
      avg: expect.any(Number),
      avg_rate: expect.any(Number),
      samples: [{ sample: 6, timestamp: expect.any(Number) }, expect.anything(), expect.anything()],
    })
    expect(body.message_stats.publish_details.samples).toHaveLength(3)
    const overview = await api.get(`/overview?${query}`)
    expect(overview.body.queue_totals.messages_details.samples).toHaveLength(3)
    expect(overview.body.churn_rates).toMatchObject({ queue_declared: 250, queue_created: 250 })
    expect((await api.get('/vhosts/%2F')).body).toMatchObject({
      messages: expect.any(Number),
      recv_oct: 0,
    })
    expect((await api.get('/queues?msg_rates_age=-1&msg_rates_incr=5')).status).toBe(400)
    expect((await api.get('/queues?msg_rates_age=100000&msg_rates_incr=1')).status).toBe(400)
  })
})
