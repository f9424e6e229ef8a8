import { expect, test } from 'vitest'
import { SharedNames } from '../../src/broker/shared-names.ts'
import { collectGarbage } from '../../src/lib/collect-garbage.ts'

test('names are as they are, however many there are', () => {
  const names = new SharedNames()
  expect(names.of(undefined)).toBeUndefined()
  for (let round = 0; round < 2; round++) {
    for (let at = 0; at < 5000; at++) expect(names.of(`user ${at}`)).toBe(`user ${at}`)
  }
  expect(names.of('')).toBe('')
  expect(names.of(undefined)).toBeUndefined()
})

test('equal names are in memory once', () => {
  const names = new SharedNames()
  const octets = Buffer.alloc(100_000, 'name')
  const kept: (string | undefined)[] = []
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let at = 0; at < 500; at++) kept.push(names.of(octets.toString('latin1')), names.of(`other ${at}`))
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000)
  expect(kept).toHaveLength(1000)
})
