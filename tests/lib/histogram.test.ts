import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../../src/lib/histogram.ts'

test('a histogram counts for each bound the values that are at most as large', () => {
  const bounds = [1, 5, 10]
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 12 })), (values) => {
      const histogram = new Histogram(bounds)
      for (const [i, value] of values.entries()) {
        if (values[i - 1] === value) continue
        const end = values.findIndex((other, at) => at > i && other !== value)
        histogram.add(value, (end < 0 ? values.length : end) - i)
      }
      const atMost = (bound: number): number => values.filter((value) => value <= bound).length
      expect(histogram.cumulative()).toEqual([...bounds.map(atMost), values.length])
      expect(histogram.count).toBe(values.length)
      expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0))
    }),
  )
})
