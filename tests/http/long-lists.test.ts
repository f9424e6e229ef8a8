import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { KeptOrders } from '../../src/http/lists/kept-orders.ts'
import { type NamedOrder, namedOrder } from '../../src/http/lists/named-order.ts'
import { Pacer } from '../../src/lib/pacer.ts'
import { ApiClient } from './api-client.ts'

const COUNT = 1300
const NAMES = Array.from({ length: COUNT }, (_, at) => `q-${String(at).padStart(4, '0')}`)

let api: ApiClient

beforeAll(async () => {
  api = await ApiClient.start()
  const { broker } = api.started
  const other = broker.createVhost('other')
  for (const [at, name] of NAMES.entries()) {
    // Neither in the order of their names, nor all in one virtual host.
    const mixed = NAMES[(at * 7919) % COUNT] as string
    broker.declareQueue(mixed)
    if (at % 3 === 0) other.declareQueue(name)
    for (let n = 0; n < at % 3; n++) broker.publish('', mixed, 'x')
  }
})

afterAll(() => api.stop())

interface Shape {
  readonly name: string
  readonly vhost: string
  readonly messages: number
}

async function allPages(query: string): Promise<Shape[]> {
  const found: Shape[] = []
  for (let page = 1; ; page++) {
    const { status, body } = await api.get(`/queues?page=${page}&page_size=400&columns=name,vhost,messages&${query}`)
    expect(status).toBe(200)
    found.push(...body.items)
    if (page === body.page_count) return found
  }
}

const byPlace = (a: Shape, b: Shape): number =>
  a.vhost === b.vhost ? (a.name < b.name ? -1 : 1) : a.vhost < b.vhost ? -1 : 1

describe('long lists', () => {
  test.each([
    ['as they come', '', byPlace],
    ['backwards', 'sort_reverse=true', (a: Shape, b: Shape) => byPlace(b, a)],
    ['by a number', 'sort=messages', (a: Shape, b: Shape) => a.messages - b.messages || byPlace(a, b)],
    ['by what only the whole object has', 'sort=messages_details.rate', byPlace],
  ])('have each row once, page by page and as a whole: %s', async (_how, query, compare) => {
    const whole: Shape[] = (await api.get(`/queues?columns=name,vhost,messages&${query}`)).body
    expect(whole).toEqual([...whole].sort(compare))
    expect(whole).toHaveLength(COUNT + Math.ceil(COUNT / 3))
    expect(await allPages(query)).toEqual(whole)
  })

  test('are filtered, and counted before and after that, on pages far behind, too', async () => {
    const { body } = await api.get('/queues/%2F?page=3&page_size=500&name=Q-')
    expect(body).toMatchObject({ total_count: COUNT, filtered_count: COUNT, item_count: 300, page_count: 3 })
    expect((await api.get('/queues/%2F?page=3&page_size=500&name=q-1&columns=name')).body.error).toBe(
      'page_out_of_range',
    )
    expect((await api.get('/queues/other?page=3&page_size=500&name=Q-')).body.error).toBe('page_out_of_range')
  })

  test('show each user what it may see, though the order of another user is kept', async () => {
    await api.put('/users/narrow', { password: 'narrow', tags: 'management' })
    await api.put('/permissions/other/narrow', { configure: '', write: '', read: '' })
    const page = '/queues?page=4&page_size=400&columns=name,vhost'
    expect((await api.get(page)).body.total_count).toBe(COUNT + Math.ceil(COUNT / 3))
    const narrow = { authorization: `Basic ${Buffer.from('narrow:narrow').toString('base64')}` }
    const { body } = await api.get('/queues?page=3&page_size=400&columns=name,vhost', { headers: narrow })
    expect(body.error).toBe('page_out_of_range')
  })

  test('do not show what was deleted meanwhile', async () => {
    const page = '/queues/%2F?page=3&page_size=500&columns=name&name=q-'
    const before = (await api.get(page)).body.items
    await api.delete(`/queues/%2F/${before[0].name}`)
    const after = (await api.get(page)).body
    expect(after.items).toEqual(before.slice(1))
    expect(after.item_count).toBe(before.length - 1)
    expect((await api.get('/queues/%2F?columns=name')).body).not.toContainEqual(before[0])
  })

  test('keep their order for the next pages: what is made meanwhile is not in it', async () => {
    const page = (number: number) => `/queues/third?page=${number}&page_size=350&columns=name&sort_reverse=true`
    const { broker } = api.started
    const third = broker.createVhost('third')
    for (const name of NAMES) third.declareQueue(name)
    const before = (await api.get(page(3))).body
    third.declareQueue('zz-last')
    const after = (await api.get(page(4))).body
    expect(after.total_count).toBe(before.total_count)
    expect((await api.get(page(1))).body).toMatchObject({
      total_count: before.total_count + 1,
      items: [{ name: 'zz-last' }, ...Array.from({ length: 349 }, () => ({}))],
    })
    broker.deleteVhost('third')
  })
})

describe('orders', () => {
  const ORDER: NamedOrder = { names: [], parts: new Uint32Array(0), total: 0 }

  test('are kept for five seconds, four of them, and not when they fail', async () => {
    vi.useFakeTimers()
    try {
      const orders = new KeptOrders()
      const make = vi.fn(() => Promise.resolve(ORDER))
      await Promise.all([orders.order('a', make), orders.order('a', make)])
      expect(make).toHaveBeenCalledTimes(1)
      vi.advanceTimersByTime(4999)
      await orders.order('a', make)
      expect(make).toHaveBeenCalledTimes(1)
      vi.advanceTimersByTime(1)
      for (const key of ['a', 'b', 'c', 'd', 'e', 'b']) await orders.order(key, make)
      expect(make).toHaveBeenCalledTimes(6)
      await orders.order('a', make)
      expect(make).toHaveBeenCalledTimes(7)
      let end: (order: NamedOrder) => void = () => {}
      const slow = orders.order('slow', () => new Promise((resolve) => (end = resolve)))
      vi.advanceTimersByTime(10_000)
      end(ORDER)
      await slow
      vi.advanceTimersByTime(4999)
      await orders.order('slow', make)
      expect(make).toHaveBeenCalledTimes(7)
      await expect(orders.order('f', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
      expect(await orders.order('f', make)).toBe(ORDER)
    } finally {
      vi.useRealTimers()
    }
  })

  test('of very many rows let others in between', async () => {
    const names = Array.from({ length: 100_000 }, (_, at) => String((at * 7919) % 100_003))
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const asked = { name: String, isWanted: () => true, key: undefined, isReversed: false, isSlow: false }
    const order = await namedOrder([names], asked, new Pacer())
    clearInterval(timer)
    expect(order.names).toEqual([...names].sort())
    expect(turns).toBeGreaterThan(5)
  })
})
