import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import type { Exchange } from '../../../src/broker/exchanges/exchange.ts'
import { Routing } from '../../../src/broker/routing/router.ts'
import { Model } from '../model.ts'

function routed(model: Model, exchange: Exchange, routingKey: string): string[] {
  const routing = new Routing(model.vhost)
  routing.follow(exchange, [routingKey], {})
  return [...routing.queues].map(({ name }) => name).sort()
}

describe('Routing', () => {
  test('reaches a queue once, over however many paths', () => {
    const model = new Model()
    const [top, left, right] = [
      model.exchange('top', 'fanout'),
      model.exchange('left', 'fanout'),
      model.exchange('right', 'topic'),
    ]
    const queue = model.queue('q')
    for (const exchange of [left, right]) model.bind(top, exchange)
    model.bind(left, queue)
    model.bind(right, queue, '#')
    model.bind(right, queue, 'k.*')
    model.bind(top, queue)
    expect(routed(model, top, 'k.x')).toEqual(['q'])
  })

  test('comes to an end where exchanges lead in a circle', () => {
    const model = new Model()
    const exchanges = ['a', 'b', 'c'].map((name) =>
      model.exchange(name, 'fanout', { arguments: fieldTable({ 'alternate-exchange': 'a' }) }),
    )
    for (const [i, exchange] of exchanges.entries()) model.bind(exchange, exchanges[(i + 1) % 3] as Exchange)
    model.bind(exchanges[0] as Exchange, exchanges[0] as Exchange)
    expect(routed(model, exchanges[1] as Exchange, 'k')).toEqual([])
    model.bind(exchanges[2] as Exchange, model.queue('q'))
    expect(routed(model, exchanges[0] as Exchange, 'k')).toEqual(['q'])
  })

  test('goes to the alternate exchange of the exchange that leads nowhere, and on from there', () => {
    const model = new Model()
    const spec = (alternate: string) => ({ arguments: fieldTable({ 'alternate-exchange': alternate }) })
    const first = model.exchange('first', 'direct', spec('second'))
    const second = model.exchange('second', 'direct', spec('third'))
    const third = model.exchange('third', 'fanout')
    model.bind(first, model.queue('one'), 'k1')
    model.bind(second, model.queue('two'), 'k2')
    model.bind(third, model.queue('three'))
    expect(['k1', 'k2', 'k3'].map((key) => routed(model, first, key))).toEqual([['one'], ['two'], ['three']])
  })

  test('drops what leads to an alternate exchange that is not there', () => {
    const model = new Model()
    const lost = model.exchange('lost', 'fanout', { arguments: fieldTable({ 'alternate-exchange': 'nowhere' }) })
    expect(routed(model, lost, 'k')).toEqual([])
  })

  test('sees an exchange as a way out, even when it leads nowhere itself', () => {
    const model = new Model()
    const first = model.exchange('first', 'fanout', { arguments: fieldTable({ 'alternate-exchange': 'other' }) })
    model.bind(first, model.exchange('dead end', 'fanout'))
    model.bind(model.exchange('other', 'fanout'), model.queue('q'))
    expect(routed(model, first, 'k')).toEqual([])
  })

  test('reaches every queue through the default exchange by its name alone', () => {
    const model = new Model()
    model.queue('q')
    const unnamed = model.vhost.requireExchange('')
    expect(routed(model, unnamed, 'q')).toEqual(['q'])
    expect(routed(model, unnamed, 'other')).toEqual([])
  })

  test('reaches what a plain walk over the bindings reaches', () => {
    const nodes = 6
    const edge = fc.tuple(fc.nat(nodes - 1), fc.nat(nodes * 2 - 1), fc.constantFrom('k', 'other'))
    fc.assert(
      fc.property(fc.array(edge, { maxLength: 20 }), fc.nat(nodes - 1), (edges, start) => {
        const model = new Model()
        const exchanges = Array.from({ length: nodes }, (_, i) => model.exchange(`x${i}`, 'direct'))
        const queues = Array.from({ length: nodes }, (_, i) => model.queue(`q${i}`))
        for (const [from, to, key] of edges) {
          const destination = to < nodes ? exchanges[to] : queues[to - nodes]
          model.bind(exchanges[from] as Exchange, destination as Exchange, key)
        }
        const reached = new Set([start])
        for (const at of reached) for (const [from, to, key] of edges) if (from === at && key === 'k') reached.add(to)
        const expected = [...reached].filter((node) => node >= nodes).map((node) => `q${node - nodes}`)
        expect(routed(model, exchanges[start] as Exchange, 'k')).toEqual(expected.sort())
      }),
    )
  })
})
