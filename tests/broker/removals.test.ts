// What is removed and is too much for one turn: it is gone at once for all who look, and counts until it has gone.
import { describe, expect, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { createBinding } from '../../src/broker/exchanges/binding.ts'
import { bindQueue } from '../../src/broker/operations/binding-operations.ts'
import { declareExchange, deleteExchange, passiveExchange } from '../../src/broker/operations/exchange-declaration.ts'
import { declareQueue } from '../../src/broker/operations/queue-declaration.ts'
import type { Queue } from '../../src/broker/queues/queue.ts'
import { Routing } from '../../src/broker/routing/router.ts'
import { removeForgotten } from '../../src/broker/vhost-removal.ts'
import { EntityStorage } from '../storage/entity-storage.ts'
import { HandClock } from '../support/hand-clock.ts'
import { brokerOn, Model, message, refusal, session, waitOf } from './model.ts'

const COUNT = 1000
const NEW = { durable: false, exclusive: false, autoDelete: false, arguments: new Map() }
const DURABLE = { durable: true, autoDelete: false, arguments: new Map() }

function manyQueues(model: Model): Queue[] {
  return Array.from({ length: COUNT }, (_, i) => model.queue(`q${i}`))
}

function removeAll(model: Model, queues: readonly Queue[]): void {
  for (const queue of queues) model.vhost.forgetQueue(queue)
  removeForgotten(model.vhost, queues)
}

describe('very many queues', () => {
  test('are gone at once for all who look, and count until they have gone', () => {
    const model = new Model()
    const { vhost } = model
    const exchange = model.exchange('x', 'fanout')
    const queues = manyQueues(model)
    for (const queue of queues) model.bind(exchange, queue)
    const stays = model.queue('stays')
    removeAll(model, queues)
    expect([vhost.queueCount, [...vhost.queues()]]).toEqual([1, [stays]])
    expect(vhost.queue(`q${COUNT - 1}`)).toBeUndefined()
    expect(refusal(() => vhost.requireQueue(`q${COUNT - 1}`))).toBe(`not-found: no queue 'q${COUNT - 1}' in vhost '/'`)
    for (const name of ['x', '']) {
      const routing = new Routing(vhost)
      routing.follow(vhost.requireExchange(name), [`q${COUNT - 1}`], {})
      expect([...routing.queues]).toEqual([])
    }
    expect(model.topology.counts.queues).toBeGreaterThan(COUNT / 2)
    model.run()
    expect([vhost.heldQueueCount, model.topology.counts.queues, exchange.outgoing.size]).toEqual([1, 1, 0])
  })

  test('leave their names to others at once', () => {
    const model = new Model()
    const { vhost } = model
    removeAll(model, manyQueues(model))
    const again = declareQueue(vhost, { ...NEW, name: `q${COUNT - 1}` }, session())
    const first = declareQueue(vhost, { ...NEW, name: 'q0' }, session())
    model.run()
    expect([...vhost.queues()]).toEqual([again, first])
    expect([again.isDeleted, model.topology.counts.queues]).toEqual([false, 2])
  })

  test('tell what they have counted, and their consumers, as one alone does', () => {
    const model = new Model()
    const queues = manyQueues(model)
    const last = queues[COUNT - 1] as Queue
    const { sink, consumer } = model.consumer(last)
    removeAll(model, queues)
    expect(model.vhost.churn.queuesDeleted).toBeLessThan(COUNT)
    model.run()
    expect(model.vhost.churn.queuesDeleted).toBe(COUNT)
    expect(sink.cancelledConsumers).toEqual([consumer])
  })

  test('go all the same when one of them cannot go as it should', () => {
    const model = new Model()
    const exchange = model.exchange('x', 'fanout')
    const queues = manyQueues(model)
    for (const queue of queues) model.bind(exchange, queue)
    const bad = queues[COUNT / 2] as Queue
    bad.close = () => {
      throw new Error('this one does not close')
    }
    removeAll(model, queues)
    expect(() => model.run()).toThrow('this one does not close')
    model.defects.length = 0
    model.run()
    expect([model.vhost.heldQueueCount, model.vhost.removals.isEmpty, exchange.outgoing.size]).toEqual([0, true, 0])
  })

  test('lose all their consumers when one of these cannot be told', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink } = model.consumer(queue)
    sink.cancelled = () => {
      throw new Error('it does not hear')
    }
    const next = model.consumer(queue)
    queue.publish(message('', 'q', 'm'))
    expect(() => model.vhost.removeQueue(queue)).toThrow('it does not hear')
    expect([next.sink.cancelledConsumers, queue.readyCount]).toEqual([[next.consumer], 0])
  })

  test('take an auto-delete exchange with them, also for who asks for it before they have gone', async () => {
    const model = new Model()
    const { vhost } = model
    const exchange = model.exchange('x', 'direct', { autoDelete: true })
    const queues = manyQueues(model)
    for (const queue of queues) model.bind(exchange, queue)
    removeAll(model, queues)
    const wait = waitOf(() => passiveExchange(vhost, 'x', session()))
    model.run()
    await wait
    expect(refusal(() => passiveExchange(vhost, 'x', session()))).toBe("not-found: no exchange 'x' in vhost '/'")
  })
})

test('an exchange that cannot go as it should keeps no other one from going', () => {
  const model = new Model()
  const [root, bad, other] = [
    model.exchange('root', 'fanout'),
    model.exchange('bad', 'fanout', { autoDelete: true }),
    model.exchange('other', 'fanout', { autoDelete: true }),
  ]
  const source = model.exchange('source', 'fanout')
  model.bind(source, bad)
  for (const exchange of [bad, other]) model.bind(exchange, root)
  source.routingTable.remove = () => {
    throw new Error('this one does not go')
  }
  expect(() => model.vhost.removeExchange(root)).toThrow('this one does not go')
  expect(['root', 'bad', 'other'].map((name) => model.vhost.exchange(name))).toEqual([undefined, undefined, undefined])
})

describe('who has no room because of what still goes', () => {
  test.each(['maxQueues', 'maxBindings', 'maxExchanges'] as const)('waits, and then has it: %s', async (limit) => {
    const model = new Model()
    const { vhost } = model
    const [exchange, other] = [model.exchange('x', 'direct'), model.queue('other')]
    const queues = manyQueues(model)
    for (const queue of queues) model.bind(exchange, queue)
    for (let i = 0; i < COUNT; i++) vhost.addBinding(createBinding(exchange, other, `k${i}`, new Map()))
    const going = model.exchange('going', 'direct', { autoDelete: true })
    for (const queue of queues) model.bind(going, queue)
    const ask = {
      maxQueues: () => declareQueue(vhost, { ...NEW, name: 'new' }, session()),
      maxExchanges: () => declareExchange(vhost, { ...NEW, name: 'new', type: 'fanout', internal: false }, session()),
      maxBindings: () =>
        bindQueue(vhost, { source: 'x', destination: 'other', routingKey: 'new', arguments: new Map() }, session()),
    }[limit]
    removeAll(model, queues)
    const { heldQueueCount, exchangeCount, bindingCount } = vhost
    vhost.limits.set({ maxQueues: heldQueueCount, maxExchanges: exchangeCount, maxBindings: bindingCount })
    const wait = waitOf(ask)
    model.run()
    await wait
    ask()
  })

  test('waits for all that goes because of it, too', async () => {
    const model = new Model()
    const { vhost } = model
    const exchange = model.exchange('x', 'direct')
    const queues = manyQueues(model)
    // Its bindings go longer than the queues do.
    const last = queues[COUNT - 1] as Queue
    for (let i = 0; i < 10 * COUNT; i++) vhost.addBinding(createBinding(exchange, last, `k${i}`, new Map()))
    model.queue('other')
    const { counts } = model.topology
    model.topology.hasRoomFor = () => counts.bindings === 0
    // Each look at the clock ends the turn.
    Object.defineProperty(model.clock, 'nowMs', { get: () => performance.now() * 1000 })
    removeAll(model, queues)
    const asker = session()
    const ask = () =>
      bindQueue(vhost, { source: 'x', destination: 'other', routingKey: 'new', arguments: new Map() }, asker)
    while (counts.bindings > 0) {
      void waitOf(ask)
      model.runOne()
    }
    ask()
  })

  test('is refused when nothing goes any more', () => {
    const model = new Model()
    removeAll(model, manyQueues(model))
    model.vhost.limits.set({ maxQueues: 0 })
    const ask = () => declareQueue(model.vhost, { ...NEW, name: 'new' }, session())
    void waitOf(ask)
    model.run()
    expect(refusal(ask)).toBe(
      "precondition-failed: cannot declare queue 'new': queue limit in vhost '/' (0) is reached",
    )
  })
})

test('a queue that had to wait counts as declared once', async () => {
  const model = new Model()
  const { vhost } = model
  removeAll(model, manyQueues(model))
  vhost.limits.set({ maxQueues: 1 })
  const ask = () => declareQueue(vhost, { ...NEW, name: 'new' }, session())
  const wait = waitOf(ask)
  model.run()
  await wait
  ask()
  expect(vhost.churn.queuesDeclared).toBe(1)
})

describe('an exchange that is to go if it is unused', () => {
  test('is refused at once, or goes at once, when it is known whether it is used', () => {
    const model = new Model()
    const { vhost } = model
    const [used, stays] = [model.exchange('used', 'fanout'), model.queue('stays')]
    model.bind(used, stays)
    model.exchange('unused', 'fanout')
    removeAll(model, manyQueues(model))
    expect(refusal(() => deleteExchange(vhost, 'used', true, session()))).toBe(
      "precondition-failed: exchange 'used' in vhost '/' in use",
    )
    deleteExchange(vhost, 'unused', true, session())
    expect(vhost.exchange('unused')).toBeUndefined()
  })

  test('goes behind the last of its bindings that lead to what has gone', async () => {
    const model = new Model()
    const { vhost } = model
    const exchange = model.exchange('x', 'fanout')
    const queues = manyQueues(model)
    for (const queue of queues) model.bind(exchange, queue)
    removeAll(model, queues)
    const wait = waitOf(() => deleteExchange(vhost, 'x', true, session()))
    model.run()
    await wait
    deleteExchange(vhost, 'x', true, session())
    expect(vhost.exchange('x')).toBeUndefined()
  })
})

describe('bindings that go', () => {
  test('keep their name from others when one of them cannot go as it should, and none stays in the storage', async () => {
    const storage = new EntityStorage()
    const model = new Model(storage)
    const { vhost } = model
    const [exchange, queue] = [model.exchange('x', 'direct', { durable: true }), model.queue('q', { durable: true })]
    for (let i = 0; i < COUNT; i++) vhost.addBinding(createBinding(exchange, queue, `k${i}`, new Map()))
    const remove = exchange.routingTable.remove.bind(exchange.routingTable)
    exchange.routingTable.remove = (binding) => {
      if (binding.routingKey === 'k100') throw new Error('this one does not go')
      remove(binding)
    }
    vhost.removeQueue(queue)
    // Each look at the clock ends the turn.
    Object.defineProperty(model.clock, 'nowMs', { get: () => performance.now() * 1000 })
    while (model.defects.length === 0) model.runOne()
    model.defects.length = 0
    const wait = waitOf(() => declareQueue(vhost, { ...NEW, name: 'q' }, session()))
    model.run()
    await wait
    expect([exchange.outgoing.size, vhost.bindingCount, model.topology.counts.bindings]).toEqual([0, 0, 0])
    expect([...storage.entities.keys()].filter((key) => key.includes('"k'))).toEqual([])
    declareQueue(vhost, { ...NEW, name: 'q' }, session())
  })
})

/** A turn ends after a few looks at it. */
class TickingClock extends HandClock {
  override monotonicMs(): number {
    this.nowMs += 0.1
    return super.monotonicMs()
  }
}

describe('a virtual host with very much in it', () => {
  const turns: (() => void)[] = []

  function broker(storage: EntityStorage): Broker {
    turns.length = 0
    return brokerOn(storage, { clock: new TickingClock(), nextTurn: (work) => void turns.push(work) })
  }

  function runTurns(): void {
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn()
  }

  function full(storage: EntityStorage): Broker {
    const made = broker(storage)
    made.createVhost('/')
    const vhost = made.createVhost('full')
    const exchange = vhost.addExchange({ ...DURABLE, name: 'x', type: 'direct', internal: false })
    for (let i = 0; i < COUNT; i++) {
      const queue = vhost.addQueue({ ...DURABLE, name: `q${i}`, owner: undefined })
      vhost.addBinding(createBinding(exchange, queue, '', new Map()))
    }
    for (let i = 0; i < COUNT; i++)
      vhost.addBinding(createBinding(exchange, vhost.requireQueue('q0'), `k${i}`, new Map()))
    vhost.limits.set({ maxQueues: COUNT })
    vhost.policies.set('policy', 'p', { pattern: '.*', definition: { 'max-length': 1 } })
    made.permissions.set('me', 'full', { configure: '.*', write: '.*', read: '.*' })
    return made
  }

  const ofFull = (storage: EntityStorage): string[] =>
    [...storage.entities.keys()].filter((key) => key.includes('full'))

  test('is gone at once when it is deleted, and all of it in later turns', async () => {
    const storage = new EntityStorage()
    const made = full(storage)
    made.deleteVhost('full')
    expect(made.vhost('full')).toBeUndefined()
    expect(made.stats()).toMatchObject({ queues: 0, exchanges: 7 })
    expect(ofFull(storage).length).toBeGreaterThan(COUNT)
    let isGone = false
    const gone = made.whenGone('full').then(() => {
      isGone = true
    })
    turns.shift()?.()
    await Promise.resolve()
    expect(isGone).toBe(false)
    runTurns()
    await gone
    expect(ofFull(storage)).toEqual([])
    expect(made.topology.counts).toEqual({ queues: 0, exchanges: 7, bindings: 0 })
    await made.whenGone('full')
  })

  test('is gone all the same when its end fails', async () => {
    const storage = new EntityStorage()
    const defects: unknown[] = []
    const made = brokerOn(storage, {
      nextTurn: (work) => void turns.push(work),
      onDefect: (error) => defects.push(error),
    })
    const vhost = made.createVhost('full')
    for (let i = 0; i < COUNT; i++) vhost.addQueue({ ...DURABLE, name: `q${i}`, owner: undefined })
    vhost.limits.set({ maxQueues: COUNT })
    vhost.policies.clear = () => {
      throw new Error('they do not go')
    }
    made.deleteVhost('full')
    const gone = made.whenGone('full')
    runTurns()
    await gone
    expect([ofFull(storage), defects.length]).toEqual([[], 1])
  })

  test('holds nobody up who reaches a limit of another one', () => {
    const made = full(new EntityStorage())
    const vhost = made.requireVhost('/')
    vhost.limits.set({ maxQueues: 0, maxExchanges: 0, maxBindings: 0 })
    made.deleteVhost('full')
    expect(refusal(() => declareQueue(vhost, { ...NEW, name: 'new' }, session()))).toMatch('queue limit')
    expect(
      refusal(() => declareExchange(vhost, { ...NEW, name: 'new', type: 'fanout', internal: false }, session())),
    ).toMatch('exchange limit')
    expect(made.topology.counts.queues).toBeGreaterThan(COUNT / 2)
  })

  test('is all gone when one of the same name is made, and when the broker stops', () => {
    const storage = new EntityStorage()
    const made = full(storage)
    made.deleteVhost('full')
    expect(made.createVhost('full').queueCount).toBe(0)
    expect(ofFull(storage)).toEqual(['1 ["full"]'])
    const other = full(new EntityStorage())
    other.deleteVhost('full')
    other.finish()
    expect(other.topology.counts.queues).toBe(0)
  })

  test.each([0, 1, 5])('does not come back when the broker is killed after %d turns', (turnCount) => {
    const storage = new EntityStorage()
    const made = full(storage)
    made.deleteVhost('full')
    for (let i = 0; i < turnCount; i++) turns.shift()?.()
    expect(ofFull(storage).length).toBeGreaterThan(10)
    const after = broker(storage)
    expect(after.restore(storage.recovery).problems).toEqual([])
    expect([...after.vhosts()].map(({ name }) => name)).toEqual(['/'])
    expect(ofFull(storage)).toEqual([])
  })
})
