import { expect, test } from 'vitest'
import { createBinding, type Destination } from '../../../../src/broker/exchanges/binding.ts'
import { DirectTable } from '../../../../src/broker/exchanges/types/direct.ts'
import { FanoutTable } from '../../../../src/broker/exchanges/types/fanout.ts'
import type { RoutingTable } from '../../../../src/broker/exchanges/types/routing-table.ts'
import { Model } from '../../model.ts'

const model = new Model()
const exchange = model.exchange('x', 'direct')
const [a, b] = [model.queue('a'), model.queue('b')]

function found(table: RoutingTable<Destination>, routingKey: string): string[] {
  const names: string[] = []
  table.route(routingKey, {}, ({ name }) => names.push(name))
  return names.sort()
}

test('a direct exchange leads where the routing key is equal, whatever it contains', () => {
  const table = new DirectTable<Destination>()
  const keys = ['', 'k', 'K', 'k.#', '__proto__', '*']
  for (const key of keys) table.add(createBinding(exchange, a, key, new Map()))
  const second = createBinding(exchange, b, 'k', new Map())
  table.add(second)
  expect(keys.map((key) => found(table, key))).toEqual([['a'], ['a', 'b'], ['a'], ['a'], ['a'], ['a']])
  expect(['k.', 'x', 'k.a', 'constructor'].map((key) => found(table, key))).toEqual([[], [], [], []])
  table.remove(second)
  expect(found(table, 'k')).toEqual(['a'])
  table.remove(second)
  expect(found(table, 'k')).toEqual(['a'])
})

test('a fanout exchange leads everywhere', () => {
  const table = new FanoutTable<Destination>()
  const bindings = [createBinding(exchange, a, '1', new Map()), createBinding(exchange, b, '2', new Map())]
  for (const binding of bindings) table.add(binding)
  expect(found(table, 'any')).toEqual(['a', 'b'])
  for (const binding of bindings) table.remove(binding)
  expect(found(table, 'any')).toEqual([])
})
