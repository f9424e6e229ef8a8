import { expect, test } from 'vitest'
import type { Field, FieldTable } from '../../../protocol/field-table.ts'
import { SharedArguments } from '../../../src/broker/queues/shared-arguments.ts'

function maxLength(type: 'I' | 'i', value: number): FieldTable {
  return new Map<string, Field>([['x-max-length', { type, value }]])
}

test('equal arguments are shared, and others are not', () => {
  const shared = new SharedArguments()
  const first = shared.of(maxLength('I', 5))
  expect(first).toEqual(maxLength('I', 5))
  expect(shared.of(maxLength('I', 5))).toBe(first)
  expect(shared.of(maxLength('I', 6))).toEqual(maxLength('I', 6))
  // The same number of another type is another argument: a queue tells which one it was declared with.
  expect(shared.of(maxLength('i', 5))).toEqual(maxLength('i', 5))
  expect(shared.of(new Map()).size).toBe(0)
})

test('only some small tables are remembered', () => {
  const shared = new SharedArguments()
  const large = (): FieldTable => new Map<string, Field>([['x', { type: 'S', value: 'y'.repeat(2000) }]])
  expect(shared.of(large())).not.toBe(shared.of(large()))
  const first = shared.of(maxLength('I', 0))
  for (let value = 1; value <= 64; value++) shared.of(maxLength('I', value))
  const again = shared.of(maxLength('I', 0))
  expect(again).toEqual(first)
  expect(again).not.toBe(first)
})

test('settings are shared, too, for each policy', () => {
  const shared = new SharedArguments()
  const [low, high] = [{ fields: maxLength('I', 1) }, { fields: new Map() }]
  const policy = { fields: new Map<string, Field>([['max-length', { type: 'I', value: 3 }]]) }
  const first = shared.settings(maxLength('I', 5), policy)
  expect(first.maxLength).toBe(3)
  expect(shared.settings(maxLength('I', 5), policy)).toBe(first)
  expect(shared.settings(maxLength('I', 5), high).maxLength).toBe(5)
  expect(shared.settings(maxLength('I', 2), policy).maxLength).toBe(2)
  expect(shared.settings(new Map(), low)).toEqual(shared.settings(new Map(), high)) // no key of policies
  // Many policies and many tables later it is made anew, and is the same.
  for (let count = 0; count < 64; count++) shared.settings(maxLength('I', 5), { fields: new Map() })
  const again = shared.settings(maxLength('I', 5), policy)
  expect(again).toEqual(first)
  expect(again).not.toBe(first)
  for (let value = 100; value < 200; value++) shared.settings(maxLength('I', value), policy)
  expect(shared.settings(maxLength('I', 5), policy)).toEqual(first)
})
