import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SmallMap } from '../../src/lib/small-map.ts'
import { SmallSet } from '../../src/lib/small-set.ts'

const STEPS = fc.array(fc.tuple(fc.constantFrom('add', 'delete', 'clear'), fc.nat(3)), { maxLength: 40 })

test('a small set has what a set has, in the same order', () => {
  fc.assert(
    fc.property(STEPS, (steps) => {
      const [small, set] = [new SmallSet<number>(), new Set<number>()]
      for (const [step, value] of steps) {
        if (step === 'add') {
          small.add(value)
          set.add(value)
        } else if (step === 'delete') expect(small.delete(value)).toBe(set.delete(value))
        else {
          small.clear()
          set.clear()
        }
        expect([...small]).toEqual([...set])
        expect(small.size).toBe(set.size)
        for (const one of [0, 1, 2, 3]) expect(small.has(one)).toBe(set.has(one))
      }
    }),
  )
})

test('a small map has what a map has, in the same order', () => {
  fc.assert(
    fc.property(STEPS, (steps) => {
      const [small, map] = [new SmallMap<number, number>(), new Map<number, number>()]
      for (const [at, [step, key]] of steps.entries()) {
        if (step === 'add') {
          small.set(key, at)
          map.set(key, at)
        } else expect(small.delete(key)).toBe(map.delete(key))
        expect([...small.keys()]).toEqual([...map.keys()])
        expect([...small.values()]).toEqual([...map.values()])
        expect(small.size).toBe(map.size)
        for (const one of [0, 1, 2, 3]) expect([small.has(one), small.get(one)]).toEqual([map.has(one), map.get(one)])
      }
    }),
  )
})
