import { beforeEach, describe, expect, test } from 'vitest'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { createBinding } from '../../src/broker/exchanges/binding.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import type { RestoredEntities } from '../../storage/entity-registry.ts'
import { EntityStorage } from '../storage/entity-storage.ts'
import { brokerOn } from './model.ts'

let storage: EntityStorage
let vhost: Vhost

beforeEach(() => {
  storage = new EntityStorage()
  vhost = start().broker.createVhost('/')
})

function start(): { broker: Broker; restored: RestoredEntities } {
  const broker = brokerOn(storage)
  return { broker, restored: broker.restore(storage.recovery) }
}

const queueSpec = { durable: true, autoDelete: false, arguments: fieldTable({ 'x-max-length': 5 }), owner: undefined }
const exchangeSpec = { type: 'topic', durable: true, autoDelete: true, internal: true, arguments: new Map() } as const

/** An exchange, two queues and a binding, all durable. */
function makeTopology(): void {
  const exchange = vhost.addExchange({ ...exchangeSpec, name: 'x' })
  vhost.addQueue({ ...queueSpec, name: 'other' })
  const queue = vhost.addQueue({ ...queueSpec, name: 'q' })
  vhost.addBinding(createBinding(exchange, queue, 'a.#', fieldTable({ why: 'because' })))
}

describe('durable entities', () => {
  test('know who declared them, if their records say it', () => {
    for (const [at, user] of ['ann', 'other', 'ann'].entries()) vhost.addQueue({ ...queueSpec, name: `q${at}`, user })
    vhost.addExchange({ ...exchangeSpec, name: 'x', user: 'other' })
    vhost.addQueue({ ...queueSpec, name: 'unknown' })
    const users = (among: Vhost) => [
      ...Array.from(among.queues(), ({ user }) => user),
      among.requireExchange('x').user,
      among.requireExchange('amq.topic').user,
    ]
    const expected = ['ann', 'other', 'ann', undefined, 'other', 'rmq-internal']
    expect(users(vhost)).toEqual(expected)
    const { broker, restored } = start()
    expect(restored.problems).toEqual([])
    expect(users(broker.requireVhost('/'))).toEqual(expected)
  })

  test('are the same after a restart, and are not written again by it', () => {
    makeTopology()
    const before = [...storage.entities.keys()].sort()
    const values = new Map(storage.entities)
    storage.claimed.length = 0
    const { broker, restored } = start()
    expect(restored.problems).toEqual([])
    expect(Object.fromEntries(restored.counts)).toEqual({ vhost: 1, exchange: 1, queue: 2, binding: 1 })
    const again = broker.requireVhost('/')
    expect(again.requireExchange('x')).toMatchObject({ type: 'topic', durable: true, autoDelete: true, internal: true })
    const queue = again.requireQueue('q')
    expect(queue.arguments).toEqual(queueSpec.arguments)
    const [binding] = again.bindingsTo(queue)
    expect(binding).toMatchObject({ routingKey: 'a.#', arguments: fieldTable({ why: 'because' }) })
    expect(storage.claimed).toEqual([1, 2])
    expect([...storage.entities.keys()].sort()).toEqual(before)
    for (const [key, entity] of storage.entities) expect(entity).toBe(values.get(key))
  })

  test('that are deleted stay deleted, with what depends on them', () => {
    makeTopology()
    vhost.removeQueue(vhost.requireQueue('q'))
    const { broker, restored } = start()
    expect(Object.fromEntries(restored.counts)).toEqual({ vhost: 1, queue: 1 })
    expect(broker.requireVhost('/').exchange('x')).toBeUndefined() // auto-delete: its last binding went
  })

  test('bring back a virtual host whose record was lost, for good', () => {
    makeTopology()
    storage.entities.delete('1 ["/"]')
    expect(start().restored.problems).toEqual([])
    for (const key of storage.entities.keys()) if (!key.startsWith('1 ')) storage.entities.delete(key)
    expect([...start().broker.vhosts()].map(({ name }) => name)).toEqual(['/'])
  })

  test.each([
    ['policy', '6 ["gone","policy","p"]'],
    ['policy of a later kind', '6 ["gone","wish","p"]'],
    ['limits', '7 ["gone"]'],
  ])('that make no sense and stay make no virtual host, and go with one: %s', (_, id) => {
    const [kind = '', key = ''] = [id.slice(0, 1), id.slice(2)]
    const value = Buffer.from('damage')
    storage.entities.set(id, { kind: Number(kind), key, value })
    const { broker, restored } = start()
    expect(restored.problems).toHaveLength(1)
    expect(broker.vhost('gone')).toBeUndefined()
    expect(storage.entities.has(id)).toBe(true)
    broker.createVhost('other')
    broker.deleteVhost('other')
    expect(storage.entities.has(id)).toBe(true)
    broker.createVhost('gone')
    broker.deleteVhost('gone')
    expect(storage.entities.has(id)).toBe(false)
    expect(start().restored.problems).toEqual([])
  })

  test('a policy that makes no sense can be deleted, and another one takes its place', () => {
    const id = '6 ["/","policy","p"]'
    const value = Buffer.from('damage')
    storage.entities.set(id, { kind: 6, key: '["/","policy","p"]', value })
    const { policies } = start().broker.requireVhost('/')
    expect(policies.remove('operator policy', 'p')).toBe(false)
    expect(storage.entities.has(id)).toBe(true)
    expect(policies.remove('policy', 'p')).toBe(true)
    expect(storage.entities.has(id)).toBe(false)
    expect(policies.remove('policy', 'p')).toBe(false)
  })

  test.each([
    ['vhost', '1 ["/"]', Buffer.from('damage'), {}],
    ['exchange', '2 ["/","x"]', Buffer.alloc(4), { exchange: undefined, binding: undefined }],
    ['queue', '3 ["/","q"]', Buffer.alloc(4), { queue: 1, binding: undefined }],
    ['binding', '4 ["/","x",', Buffer.alloc(4), { binding: undefined }],
  ])('that are damaged are left out: a %s', (kind, prefix, value, difference) => {
    makeTopology()
    const [key, entity] = [...storage.entities].find(([found]) => found.startsWith(prefix))!
    storage.entities.set(key, { ...entity, value })
    const { broker, restored } = start()
    expect(restored.problems[0]).toContain(`${kind} ${entity.key} is left out: `)
    expect(restored.refused[0]).toEqual({ ...entity, value })
    const expected = { vhost: kind === 'vhost' ? undefined : 1, exchange: 1, queue: 2, binding: 1, ...difference }
    for (const [name, count] of Object.entries(expected)) expect(restored.counts.get(name), name).toBe(count)
    // What is in a virtual host brings it back.
    expect(broker.vhost('/')?.queue('other')).toBeDefined()
  })
})
