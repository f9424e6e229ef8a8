import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../../src/lib/histogram.ts'

test('a histogram counts for each bound the values that are at most as large', () => {
  const bounds = [1, 5, 10]
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 12 })), (values) => {
      const histogram = new Histogram(bounds)
      for (const value of values) histogram.add(value)
      const atMost = (bound: number): number => values.filter((value) => value <= bound).length
      expect(histogram.cumulative()).toEqual([...bounds.map(atMost), values.length])
      expect(histogram.count).toBe(values.length)
      expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0))
    }),
  )
})
