import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FirstRows } from '../../src/http/lists/first-rows.ts'
import { ListTurns } from '../../src/http/lists/list-turns.ts'
import { Pacer } from '../../src/lib/pacer.ts'

test('the first rows are those of the whole list in order, however many were let go', async () => {
  const rows = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 4000 })
  await fc.assert(
    fc.asyncProperty(rows, fc.integer({ min: 1, max: 700 }), async (all, count) => {
      const first = new FirstRows<number>(count, (a, b) => a - b, new Pacer())
      for (const row of all) if (first.add(row)) await first.cut()
      const sorted = [...all].sort((a, b) => a - b)
      expect((await first.sorted()).slice(0, count)).toEqual(sorted.slice(0, count))
    }),
    { numRuns: 30 },
  )
})

test('of very many rows, few are kept', async () => {
  const first = new FirstRows<number>(100, (a, b) => a - b, new Pacer())
  for (let row = 0; row < 100_000; row++) if (first.add((row * 7919) % 100_003)) await first.cut()
  expect(first.gathered.length).toBeLessThan(1024)
})

test('eight lists are looked through at a time, the others in their order', async () => {
  const turns = new ListTurns()
  const begun: number[] = []
  const ends: (() => void)[] = []
  const all = Array.from({ length: 20 }, (_, at) =>
    turns.take(async () => {
      begun.push(at)
      await new Promise<void>((resolve) => ends.push(resolve))
    }),
  )
  await new Promise(setImmediate)
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  for (let at = 0; at < 20; at++) {
    await expect.poll(() => ends.length).toBeGreaterThan(at)
    ends[at]?.()
  }
  await Promise.all(all)
  expect(begun).toEqual(Array.from({ length: 20 }, (_, at) => at))
})

test('a list that fails gives its turn back, and so many long lists may be under way', async () => {
  const turns = new ListTurns()
  for (let at = 0; at < 20; at++) await expect(turns.take(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  const ends = Array.from({ length: 64 }, () => turns.sending(5000))
  expect(() => turns.sending(5000)).toThrow('Too many long lists')
  turns.sending(500)()
  ends[0]?.()
  ends[0]?.()
  ends.push(turns.sending(5000))
  expect(() => turns.sending(5000)).toThrow('Too many long lists')
})
