import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IndexRuns } from '../../storage/index-runs.ts'

const indexes = fc.uniqueArray(fc.nat({ max: 60 }), { maxLength: 61 })

/** What the runs say, one by one. */
function all(runs: readonly number[]): number[] {
  return runs.flatMap((first, at) =>
    at % 2 === 1 ? [] : Array.from({ length: runs[at + 1] as number }, (_, i) => first + i),
  )
}

function runsOf(added: readonly number[]): IndexRuns {
  const runs = new IndexRuns()
  for (const index of added) runs.add(index)
  return runs
}

test('neighbours make one run, in whatever order they come', () => {
  expect(runsOf([]).inOrder()).toEqual([])
  expect(runsOf([0, 1, 2, 4, 6, 7]).inOrder()).toEqual([0, 3, 4, 1, 6, 2])
  expect(runsOf([7, 5, 6, 1, 0]).inOrder()).toEqual([0, 2, 5, 3])
  fc.assert(
    fc.property(indexes, indexes, (some, more) => {
      const added = [...new Set([...some, ...more])]
      const sorted = added.toSorted((a, b) => a - b)
      const runs = runsOf(some)
      // To be asked in between changes nothing.
      runs.inOrder()
      for (const index of added.slice(some.length)) runs.add(index)
      const found = runs.inOrder()
      expect(all(found)).toEqual(sorted)
      expect(found.length / 2).toBe(sorted.filter((index, at) => sorted[at - 1] !== index - 1).length)
    }),
  )
})

test('takes the bits of its records away, and no others', () => {
  fc.assert(
    fc.property(indexes, (added) => {
      const bits = new Uint8Array(8).fill(255)
      runsOf(added).takeFrom(bits)
      const left = Array.from({ length: 64 }, (_, index) => index).filter(
        (index) => ((bits[index >>> 3] as number) & (1 << (index & 7))) !== 0,
      )
      expect(left).toEqual(Array.from({ length: 64 }, (_, index) => index).filter((index) => !added.includes(index)))
    }),
  )
})
