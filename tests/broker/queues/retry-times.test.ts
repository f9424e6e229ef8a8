import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RetryTimes } from '../../../src/broker/queues/retry-times.ts'
import { Segment } from '../../../storage/segment.ts'

test('the first one is the one that is due first, and of two with the same time the one that came first', () => {
  const [segment, marks] = [new Segment(), new Segment()]
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.record({ atMs: fc.nat(6), isMarked: fc.boolean() }) },
    { weight: 2, arbitrary: fc.constant('shift' as const) },
  )
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const memory = { heldBytes: 7 }
      const times = new RetryTimes(memory)
      const model: { readonly atMs: number; readonly index: number; readonly isMarked: boolean }[] = []
      for (const [index, one] of operations.entries()) {
        if (one !== 'shift') {
          times.add(one.atMs, segment, index, one.isMarked ? { segment: marks, index: index + 1 } : undefined)
          model.push({ ...one, index })
          model.sort((a, b) => a.atMs - b.atMs || a.index - b.index)
        } else {
          const first = model.shift()
          expect(times.shift()).toBe(first !== undefined)
          if (first === undefined) continue
          expect([times.segment, times.index]).toEqual([segment, first.index])
          expect(times.markSegment).toBe(first.isMarked ? marks : undefined)
          if (first.isMarked) expect(times.markIndex).toBe(first.index + 1)
        }
        expect([times.count, times.firstAtMs]).toEqual([model.length, model[0]?.atMs ?? Number.POSITIVE_INFINITY])
        // What it holds is counted, and nothing stays of it.
        if (model.length === 0) expect(memory.heldBytes).toBe(7)
        else expect(memory.heldBytes).toBeGreaterThanOrEqual(7 + 64 * model.length)
      }
      const left = new Set(model.map(({ index }) => index))
      for (; times.pop(); left.delete(times.index)) expect(left).toContain(times.index)
      expect([left.size, memory.heldBytes]).toEqual([0, 7])
    }),
  )
})
