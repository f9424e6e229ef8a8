import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Binding } from '../../src/broker/exchanges/binding.ts'
import type { Exchange } from '../../src/broker/exchanges/exchange.ts'
import { Model, message, refusal, session } from './model.ts'

const names = (items: Iterable<{ readonly name: string }>) => [...items].map(({ name }) => name).sort()

describe('Vhost', () => {
  test('has the exchanges of RabbitMQ from the start', () => {
    const { vhost } = new Model()
    const found = [...vhost.exchanges()].map(({ name, type, durable, internal }) => [name, type, durable, internal])
    expect(found).toEqual([
      ['', 'direct', true, false],
      ['amq.direct', 'direct', true, false],
      ['amq.fanout', 'fanout', true, false],
      ['amq.topic', 'topic', true, false],
      ['amq.headers', 'headers', true, false],
      ['amq.match', 'headers', true, false],
      ['amq.rabbitmq.trace', 'topic', true, true],
    ])
    expect([vhost.exchangeCount, vhost.queueCount]).toEqual([7, 0])
  })

  test('finds what is there, and says what is not', () => {
    const model = new Model()
    const queue = model.queue('q')
    expect(model.vhost.queue('q')).toBe(queue)
    expect([model.vhost.queue('x'), model.vhost.exchange('x')]).toEqual([undefined, undefined])
    expect(refusal(() => model.vhost.requireQueue('x'))).toBe("not-found: no queue 'x' in vhost '/'")
    expect(refusal(() => model.vhost.requireExchange('x'))).toBe("not-found: no exchange 'x' in vhost '/'")
  })

  test('keeps one of equal bindings, and both of those that differ in anything', () => {
    const model = new Model()
    const exchange = model.exchange('x', 'headers')
    const queue = model.queue('q')
    model.bind(exchange, queue, 'k', { a: 1, b: 'x' })
    const version = model.vhost.routes.version
    model.bind(exchange, queue, 'k', { b: 'x', a: 1 })
    expect([exchange.outgoing.size, model.vhost.bindingsTo(queue).size, model.vhost.routes.version]).toEqual([
      1,
      1,
      version,
    ])
    model.bind(exchange, queue, 'k')
    model.bind(exchange, queue, 'k2', { a: 1, b: 'x' })
    model.bind(exchange, model.exchange('q', 'fanout'), 'k')
    expect(exchange.outgoing.size).toBe(4)
  })

  test('tells bindings apart whose names run together', () => {
    const model = new Model()
    const exchange = model.exchange('x', 'direct')
    for (const [name, key] of [
      ['a', 'bc'],
      ['ab', 'c'],
      ['a:', '1:b'],
      ['a', ':1:b'],
    ] as const) {
      model.bind(exchange, model.vhost.queue(name) ?? model.queue(name), key)
    }
    expect(exchange.outgoing.size).toBe(4)
  })

  test('takes the bindings of a queue or an exchange with it, at both ends', () => {
    const model = new Model()
    const [from, to] = [model.exchange('from', 'direct'), model.exchange('to', 'direct')]
    const queue = model.queue('q')
    model.bind(from, to, 'k')
    model.bind(to, queue, 'k')
    model.bind(from, queue, 'k')
    model.vhost.removeExchange(to)
    expect([from.outgoing.size, model.vhost.bindingsTo(queue).size]).toEqual([1, 1])
    model.vhost.removeQueue(queue)
    expect(from.outgoing.size).toBe(0)
  })

  test('removes an auto-delete exchange with its last binding, and those that lead to it alone', () => {
    const model = new Model()
    const [first, second] = [
      model.exchange('first', 'fanout', { autoDelete: true }),
      model.exchange('second', 'fanout', { autoDelete: true }),
    ]
    const kept = model.exchange('kept', 'fanout')
    model.bind(kept, first)
    model.bind(first, second)
    const unbind = model.bind(second, model.queue('q'))
    model.bind(second, model.queue('r'))()
    expect(model.vhost.exchange('second')).toBe(second)
    unbind()
    expect([model.vhost.exchange('first'), model.vhost.exchange('second'), model.vhost.exchange('kept')]).toEqual([
      undefined,
      undefined,
      kept,
    ])
    expect(kept.outgoing.size).toBe(0)
  })

  test('removes a queue once, and says how many messages were ready', () => {
    const model = new Model()
    const queue = model.queue('q')
    for (let i = 0; i < 3; i++) queue.publish(message('', 'q', 'x'))
    expect([model.vhost.removeQueue(queue), model.vhost.removeQueue(queue)]).toEqual([3, 0])
    const again = model.queue('q')
    expect(model.vhost.removeQueue(queue)).toBe(0)
    expect(model.vhost.queue('q')).toBe(again)
  })

  test('remembers no route longer than it holds', () => {
    const model = new Model()
    const exchange = model.exchange('x', 'fanout')
    const found = () => names(model.vhost.routes.route(message('x', 'k'), session()).queues)
    expect(found()).toEqual([])
    const unbind = model.bind(exchange, model.queue('a'))
    expect([found(), found()]).toEqual([['a'], ['a']])
    model.bind(exchange, model.queue('b'))
    expect(found()).toEqual(['a', 'b'])
    unbind()
    expect(found()).toEqual(['b'])
    const inner = model.exchange('inner', 'direct')
    model.bind(inner, model.queue('c'), 'k')
    model.bind(exchange, inner)
    expect(found()).toEqual(['b', 'c'])
    expect(names(model.vhost.routes.route(message('x', 'other'), session()).queues)).toEqual(['b'])
    model.vhost.removeQueue(model.vhost.requireQueue('b'))
    expect(found()).toEqual(['c'])
  })

  test('cancels and frees everything when it is closed', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink } = model.consumer(queue)
    queue.publish(message('', 'q', 'x'.repeat(50_000)))
    model.vhost.close()
    expect(sink.cancelledConsumers.length).toBe(1)
    expect(model.storage.bytesInUse).toBe(0)
    expect([model.vhost.queueCount, model.vhost.exchangeCount]).toEqual([0, 0])
  })

  test('keeps both ends of all bindings in step, whatever comes and goes', () => {
    const step = fc.tuple(
      fc.constantFrom('bind', 'bind', 'unbind', 'removeQueue', 'removeExchange'),
      fc.nat(4),
      fc.nat(7),
      fc.nat(1),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const model = new Model()
        const { vhost } = model
        for (let i = 0; i < 5; i++) model.exchange(`x${i}`, 'topic', { autoDelete: i > 2 })
        for (let i = 0; i < 3; i++) model.queue(`q${i}`)
        for (const [kind, from, to, key] of steps) {
          const source = vhost.exchange(`x${from}`)
          const destination = to < 5 ? vhost.exchange(`x${to}`) : vhost.queue(`q${to - 5}`)
          if (kind === 'removeExchange' && source !== undefined) vhost.removeExchange(source)
          else if (kind === 'removeQueue' && destination?.kind === 'queue') vhost.removeQueue(destination)
          else if (kind === 'bind' && source !== undefined && destination !== undefined)
            model.bind(source, destination, `k${key}`)
          else if (kind === 'unbind' && source !== undefined)
            vhost.removeBinding(source, [...source.outgoing.keys()][to] ?? '')
        }
        const outgoing: Binding[] = [...vhost.exchanges()].flatMap((exchange) => [...exchange.outgoing.values()])
        const destinations = [...vhost.exchanges(), ...vhost.queues()]
        const incoming = destinations.flatMap((destination) => [...vhost.bindingsTo(destination)])
        expect(new Set(outgoing)).toEqual(new Set(incoming))
        for (const { source, destination } of outgoing) {
          expect(vhost.exchange(source.name) === source).toBe(true)
          const found = destination.kind === 'queue' ? vhost.queue(destination.name) : vhost.exchange(destination.name)
          expect(found === (destination as Exchange)).toBe(true)
        }
      }),
    )
  })
})
