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
