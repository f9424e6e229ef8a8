// However a list is sorted, filtered and cut into pages, the answer is the one that the whole objects give.
import { type ChannelModel, connect } from 'amqplib'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { partAt } from '../../src/http/lists/columns.ts'
import { compareValues } from '../../src/http/lists/sort.ts'
import { ApiClient } from './api-client.ts'

interface Shape {
  readonly name: string
  readonly vhost: string
}

let api: ApiClient
const open: ChannelModel[] = []

beforeAll(async () => {
  api = await ApiClient.start()
  await api.put('/vhosts/other')
  await api.put('/permissions/other/guest', { configure: '.*', write: '.*', read: '.*' })
  for (const vhost of ['%2F', 'other']) {
    for (let i = 0; i < 30; i++) {
      const type = i % 3 === 0 ? 'quorum' : 'classic'
      const durable = i % 3 === 0 || i % 2 === 0
      await api.put(`/queues/${vhost}/q-${(i * 7) % 30}`, { durable, arguments: { 'x-queue-type': type } })
      await api.put(`/exchanges/${vhost}/x-${(i * 7) % 30}`, { type: ['topic', 'fanout', 'direct'][i % 3] })
    }
  }
  const { broker } = api.started
  for (let i = 0; i < 30; i++) for (let n = 0; n < i % 4; n++) broker.publish('', `q-${i}`, 'x'.repeat(i % 5))
  for (let i = 0; i < 30; i += 6) broker.pauseQueue(`q-${i}`)
  for (let i = 0; i < 8; i++) {
    const connection = await connect(`${api.started.url}/${i % 2 === 0 ? '%2F' : 'other'}?heartbeat=0`)
    open.push(connection)
    for (let n = 0; n <= i % 3; n++) {
      const channel = await connection.createChannel()
      await channel.prefetch(i)
      await channel.consume(`q-${i % 4}`, () => {})
    }
  }
  // Nothing happens between these two: all rates are 0 from now on.
  await api.started.server.statistics.sample()
  await api.started.server.statistics.sample()
})

afterAll(async () => {
  for (const connection of open) await connection.close()
  await api.stop()
})

const LISTS = ['queues', 'queues/other', 'queues/detailed', 'exchanges', 'connections', 'channels']
const STATS = ['', '&disable_stats=true', '&disable_stats=true&enable_queue_totals=true']

test.each(
  LISTS.flatMap((path) => (/queues|exchanges/.test(path) ? STATS : ['']).map((stats) => [path, stats] as const)),
)('%s%s: any sort, filter and page', async (path, stats) => {
  const whole: readonly Shape[] = (await api.get(`/${path}?${stats}`)).body
  expect(whole.length).toBeGreaterThan(7)
  const names = [...new Set(whole.flatMap((shape) => Object.keys(shape)))]
  const columns = [...names, 'message_stats.publish', 'messages_details.rate', 'arguments.x-queue-type', 'nothing']
  for (const column of columns)
    await check(path, stats, whole, { column, isReversed: true, part: '', page: 1, size: 9 })
  const request = fc.record({
    column: fc.constantFrom('', ...columns),
    isReversed: fc.boolean(),
    part: fc.constantFrom('', 'q', '1', '2', 'X-', '127'),
    page: fc.integer({ min: 1, max: 4 }),
    size: fc.integer({ min: 1, max: 40 }),
  })
  await fc.assert(
    fc.asyncProperty(request, (asked) => check(path, stats, whole, asked)),
    { numRuns: 40 },
  )
})

interface Asked {
  readonly column: string
  readonly isReversed: boolean
  readonly part: string
  readonly page: number
  readonly size: number
}

async function check(path: string, stats: string, whole: readonly Shape[], asked: Asked): Promise<void> {
  const { column, isReversed, part, page, size } = asked
  const direction = isReversed ? -1 : 1
  const difference = (a: Shape, b: Shape): number =>
    compareValues(partAt(a, column.split('.')), partAt(b, column.split('.'))) ||
    compareValues(a.vhost, b.vhost) ||
    compareValues(a.name, b.name)
  const found = whole
    .filter(({ name }) => name.toLowerCase().includes(part.toLowerCase()))
    .sort((a, b) => direction * difference(a, b))
  const query = `sort=${column}&sort_reverse=${isReversed}&name=${part}&page=${page}&page_size=${size}${stats}`
  const { status, text, body } = await api.get(`/${path}?${query}`)
  if (page > Math.max(1, Math.ceil(found.length / size))) {
    expect(body.error).toBe('page_out_of_range')
    return
  }
  expect(status).toBe(200)
  const items = found.slice((page - 1) * size, page * size)
  expect(text.slice(0, text.lastIndexOf(',"item_count"'))).toBe(`{"items":${JSON.stringify(items)}`)
  expect(body).toMatchObject({ filtered_count: found.length, total_count: whole.length, item_count: items.length })
}
