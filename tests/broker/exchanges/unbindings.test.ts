import { describe, expect, test } from 'vitest'
import { createBinding } from '../../../src/broker/exchanges/binding.ts'
import type { Exchange } from '../../../src/broker/exchanges/exchange.ts'
import { declareExchange, deleteExchange } from '../../../src/broker/operations/exchange-declaration.ts'
import { declareQueue } from '../../../src/broker/operations/queue-declaration.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { Routing } from '../../../src/broker/routing/router.ts'
import type { Vhost } from '../../../src/broker/vhost.ts'
import { EntityStorage } from '../../storage/entity-storage.ts'
import { brokerOn, Model, session, waitOf } from '../model.ts'

const COUNT = 1000
const NEW_QUEUE = { name: 'q', durable: false, exclusive: false, autoDelete: false, arguments: new Map() }
const NEW_EXCHANGE = { ...NEW_QUEUE, name: 'x', type: 'fanout', internal: false }

function bindMany(vhost: Vhost, source: Exchange, destination: Queue | Exchange): void {
  for (let i = 0; i < COUNT; i++) vhost.addBinding(createBinding(source, destination, `k${i}`, new Map()))
}

function routed(vhost: Vhost, exchange: string, routingKey = `k${COUNT - 1}`): string[] {
  const routing = new Routing(vhost)
  routing.follow(vhost.requireExchange(exchange), [routingKey], {})
  return Array.from(routing.queues, ({ name }) => name)
}

describe('very many bindings', () => {
  test.each(['direct', 'fanout', 'topic', 'headers'] as const)(
    'of a queue are gone at once for all who look: %s',
    (type) => {
      const model = new Model()
      const { vhost } = model
      const exchange = model.exchange('x', type)
      const queue = model.queue('q')
      bindMany(vhost, exchange, queue)
      expect(routed(vhost, 'x')).toEqual(['q'])
      vhost.removeQueue(queue)
      expect(exchange.outgoing.size).toBeGreaterThan(COUNT / 2)
      expect(routed(vhost, 'x')).toEqual([])
      expect([vhost.bindingCount, vhost.bindingsTo(queue).size]).toEqual([0, 0])
      model.run()
      expect([exchange.outgoing.size, vhost.bindingCount, model.topology.counts.bindings]).toEqual([0, 0, 0])
    },
  )

  test('leave their exchange to those that are made meanwhile', () => {
    const model = new Model()
    const exchange = model.exchange('x', 'direct', { autoDelete: true })
    const [gone, other] = [model.queue('gone'), model.queue('other')]
    bindMany(model.vhost, exchange, gone)
    model.vhost.removeQueue(gone)
    model.bind(exchange, other, 'k1')
    expect(routed(model.vhost, 'x', 'k1')).toEqual(['other'])
    model.run()
    expect([exchange.outgoing.size, routed(model.vhost, 'x', 'k1')]).toEqual([1, ['other']])
    model.vhost.removeQueue(other)
    expect(model.vhost.exchange('x')).toBeUndefined()
  })

  test('take an auto-delete exchange with them, whatever number lead to it', () => {
    const model = new Model()
    const first = model.exchange('first', 'fanout', { autoDelete: true })
    const second = model.exchange('second', 'fanout', { autoDelete: true })
    const queue = model.queue('q')
    bindMany(model.vhost, first, second)
    bindMany(model.vhost, second, queue)
    model.vhost.removeQueue(queue)
    expect(model.vhost.exchange('second')).toBe(second)
    model.run()
    expect([model.vhost.exchange('second'), model.vhost.exchange('first')]).toEqual([undefined, undefined])
    expect([model.vhost.bindingCount, model.topology.counts.bindings]).toEqual([0, 0])
  })

  test('of an exchange go at both ends, and once where it leads to itself', () => {
    const model = new Model()
    const { vhost } = model
    const exchange = model.exchange('x', 'direct')
    const from = model.exchange('from', 'topic')
    const queue = model.queue('q')
    bindMany(vhost, exchange, queue)
    bindMany(vhost, exchange, exchange)
    bindMany(vhost, from, exchange)
    model.bind(from, queue, 'stays')
    vhost.removeExchange(exchange)
    expect(routed(vhost, 'from')).toEqual([])
    model.run()
    expect([exchange.outgoing.size, from.outgoing.size, vhost.bindingsTo(queue).size]).toEqual([0, 1, 1])
    expect([vhost.bindingCount, model.topology.counts.bindings]).toEqual([1, 1])
  })

  test('have a name wait until they have gone', async () => {
    const model = new Model()
    const { vhost } = model
    const [exchange, queue] = [model.exchange('x', 'direct'), model.queue('q')]
    bindMany(vhost, exchange, queue)
    vhost.removeQueue(queue)
    const waits = [waitOf(() => declareQueue(vhost, NEW_QUEUE, session()))]
    // What leads to the queue is no use of the exchange.
    waits.push(waitOf(() => deleteExchange(vhost, 'x', true, session())))
    expect(declareQueue(vhost, { ...NEW_QUEUE, name: 'other' }, session()).name).toBe('other')
    model.run()
    await Promise.all(waits)
    const again = declareQueue(vhost, NEW_QUEUE, session())
    expect([vhost.bindingsTo(again).size, routed(vhost, 'x')]).toEqual([0, []])
    bindMany(vhost, exchange, again)
    vhost.removeExchange(exchange)
    waits.push(waitOf(() => declareExchange(vhost, NEW_EXCHANGE, session())))
    model.run()
    await Promise.all(waits)
    declareExchange(vhost, NEW_EXCHANGE, session())
    expect([vhost.bindingsTo(again).size, routed(vhost, 'x')]).toEqual([0, []])
  })

  test('of a chain of auto-delete exchanges are no deep recursion', () => {
    const model = new Model()
    const exchanges = Array.from({ length: 20_000 }, (_, i) => model.exchange(`x${i}`, 'fanout', { autoDelete: true }))
    const queue = model.queue('q')
    for (const [i, exchange] of exchanges.entries()) model.bind(exchange, exchanges[i + 1] ?? queue)
    const { exchangeCount } = model.vhost
    model.vhost.removeQueue(queue)
    expect(exchangeCount - model.vhost.exchangeCount).toBe(20_000)
  })
})

describe('a crash while bindings go', () => {
  const durable = { durable: true, autoDelete: false, arguments: new Map() }

  /** A storage whose broker has stopped in the middle. Nothing happens in later turns. */
  function stopped(remove: (vhost: Vhost) => void): EntityStorage {
    const storage = new EntityStorage()
    const vhost = brokerOn(storage).createVhost('/')
    const spec = { ...durable, type: 'direct', internal: false } as const
    const exchanges = [
      vhost.addExchange({ ...spec, name: 'x' }),
      vhost.addExchange({ ...spec, name: 'auto', autoDelete: true }),
    ]
    const queues = ['q', 'other'].map((name) => vhost.addQueue({ ...durable, name, owner: undefined }))
    for (const source of exchanges) bindMany(vhost, source, queues[0] as Queue)
    vhost.addBinding(createBinding(exchanges[0] as Exchange, queues[1] as Queue, 'stays', new Map()))
    remove(vhost)
    return storage
  }

  const kinds = (storage: EntityStorage): number[] => Array.from(storage.entities.values(), ({ kind }) => kind)

  test('leaves none of a queue, and no exchange that was to go with the last of them', () => {
    const storage = stopped((vhost) => vhost.removeQueue(vhost.requireQueue('q')))
    expect(kinds(storage).filter((kind) => kind === 4).length).toBeGreaterThan(COUNT)
    const broker = brokerOn(storage)
    expect(broker.restore(storage.recovery).problems).toEqual([])
    const vhost = broker.requireVhost('/')
    expect([vhost.queue('q'), vhost.exchange('auto')]).toEqual([undefined, undefined])
    expect(vhost.requireExchange('x').outgoing.size).toBe(1)
    expect(kinds(storage).sort()).toEqual([1, 2, 3, 4])
    // The name is free, and nothing of the old one comes back with it.
    expect(declareQueue(vhost, { ...NEW_QUEUE, durable: true }, session()).name).toBe('q')
    const third = brokerOn(storage)
    expect(third.restore(storage.recovery).problems).toEqual([])
    expect(third.requireVhost('/').bindingCount).toBe(1)
  })

  test('leaves none of an exchange', () => {
    const storage = stopped((vhost) => vhost.removeExchange(vhost.requireExchange('x')))
    const broker = brokerOn(storage)
    expect(broker.restore(storage.recovery).problems).toEqual([])
    const vhost = broker.requireVhost('/')
    expect(vhost.exchange('x')).toBeUndefined()
    expect([vhost.bindingCount, vhost.requireExchange('auto').outgoing.size]).toEqual([COUNT, COUNT])
    expect(kinds(storage)).not.toContain(14)
  })

  test('is not to be told of once they have gone, also when the virtual host goes or the broker stops', () => {
    const storage = new EntityStorage()
    const broker = brokerOn(storage)
    const vhost = broker.createVhost('/')
    const exchange = vhost.addExchange({ ...durable, type: 'topic', internal: false, name: 'x' })
    const add = (name: string): Queue => vhost.addQueue({ ...durable, name, owner: undefined })
    const queue = add('q')
    bindMany(vhost, exchange, queue)
    vhost.removeQueue(queue)
    expect(kinds(storage)).toContain(14)
    broker.finish()
    expect(kinds(storage)).not.toContain(14)
    bindMany(vhost, exchange, add('q'))
    broker.deleteVhost('/')
    broker.finish()
    expect(kinds(storage)).toEqual([])
  })
})
