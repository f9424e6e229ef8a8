import { expect, test } from 'vitest'
import type { Call } from '../../src/http/call.ts'
import { type ListSource, list } from '../../src/http/lists/list.ts'
import { ListTurns } from '../../src/http/lists/list-turns.ts'
import type { NamedOrder } from '../../src/http/lists/named-order.ts'
import { collectGarbage } from '../../src/lib/collect-garbage.ts'

const COUNT = 3000
const nameOf = (at: number): string => `row ${String(at).padStart(4, '0')}`

function* rows(whenFirst: (row: object) => void): Iterable<{ readonly name: string }> {
  for (let at = 0; at < COUNT; at++) {
    const row = { name: nameOf(at) }
    if (at === 0) whenFirst(row)
    yield row
  }
}

/** Asks for the last page of a long list and does not read it; what must not be held for it. */
async function lastPage(isNamed: boolean): Promise<{ readonly held: () => unknown; readonly answer: Response }> {
  let held = new WeakRef<object>({})
  const watch = (object: object): void => {
    held = new WeakRef(object)
  }
  const object = (name: string): object => ({ name })
  const source: ListSource<{ readonly name: string }> = {
    rows: () => rows(watch),
    name: ({ name }) => name,
    object: ({ name }) => object(name),
    ...(isNamed ? { named: { key: '', parts: [rows(() => {})], object: (_, name) => object(name) } } : {}),
  }
  const listTurns = new ListTurns()
  // As if the time of the order were over.
  listTurns.orders.order = async (_, make): Promise<NamedOrder> => {
    const order = await make()
    watch(order.names)
    return order
  }
  const query = new URLSearchParams({ page: '30', page_size: '100' })
  const answer = await list({ query, path: '/rows', listTurns } as Call, source) // a list asks for no more
  return { held: () => held.deref(), answer }
}

test.each([
  ['rows', false],
  ['names', true],
])('a page that is not read holds no others: %s', async (_, isNamed) => {
  const { held, answer } = await lastPage(isNamed)
  // What was looked at in this turn is held until it is over.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  expect(held()).toBeUndefined()
  const { items } = (await answer.json()) as { items: object[] }
  expect(items).toEqual(Array.from({ length: 100 }, (_, at) => ({ name: nameOf(COUNT - 100 + at) })))
})
