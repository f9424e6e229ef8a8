import { expect, test } from 'vitest'
import { Confirms } from '../../src/amqp/confirms.ts'

test('confirms are told once, together, by the number of the latest', () => {
  const confirms = new Confirms()
  const told: [number, boolean][] = []
  const tell = () => confirms.tell((sequence, isMultiple) => told.push([sequence, isMultiple]))
  tell()
  expect(confirms.hasNews).toBe(false)
  confirms.add()
  expect(confirms.hasNews).toBe(true)
  tell()
  tell()
  for (let i = 0; i < 3; i++) confirms.add()
  tell()
  expect(confirms.hasNews).toBe(false)
  expect(told).toEqual([
    [1, false],
    [4, true],
  ])
})
