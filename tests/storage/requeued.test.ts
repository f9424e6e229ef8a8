import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequeuedPositions } from '../../storage/requeued.ts'
import { Segment } from '../../storage/segment.ts'

const segments = Array.from({ length: 4 }, (_, sequence) => Object.assign(new Segment(), { sequence }))
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ segment: fc.nat(3), index: fc.constantFrom(0, 1, 2, 3, 500, 65_534, 65_535) }) },
  { weight: 2, arbitrary: fc.constant('shift' as const) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
  { weight: 1, arbitrary: fc.record({ removed: fc.nat(3), index: fc.constantFrom(0, 1, 2, 3, 500, 65_534, 65_535) }) },
)

function takeAll(requeued: RequeuedPositions): [number, number][] {
  const taken: [number, number][] = []
  while (requeued.length > 0) {
    taken.push([requeued.firstSegment().sequence, requeued.firstIndex()])
    requeued.shift()
  }
  return taken
}

describe('RequeuedPositions', () => {
  test.each([
    ['a sorted list', undefined],
    ['a queue, where the order counts', { next: 7 }],
  ])('behaves like %s', (_name, order) => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const requeued = new RequeuedPositions(order)
        let model: [number, number][] = []
        for (const one of operations) {
          if (one === 'clear') {
            requeued.clear()
            model = []
          } else if (one === 'shift') {
            const first = model.shift()
            if (first === undefined) continue
            expect([requeued.firstSegment().sequence, requeued.firstIndex()]).toEqual(first)
            requeued.shift()
          } else if ('removed' in one) {
            const at = model.findIndex(([segment, index]) => segment === one.removed && index === one.index)
            expect(requeued.remove(segments[one.removed] as Segment, one.index)).toBe(at >= 0)
            if (at >= 0) model.splice(at, 1)
          } else if (!model.some(([segment, index]) => segment === one.segment && index === one.index)) {
            requeued.insert(segments[one.segment] as Segment, one.index)
            model.push([one.segment, one.index])
            if (order === undefined) model.sort(([a, i], [b, j]) => a - b || i - j)
          }
          expect(requeued.length).toBe(model.length)
        }
        expect(takeAll(requeued.copy())).toEqual(model)
        expect(takeAll(requeued)).toEqual(model)
      }),
    )
  })

  test('tells the numbers of those that came back, of several lists with one order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(fc.nat(3), fc.nat(9)), { selector: String }), (positions) => {
        const order = { next: 0 }
        const lists = [new RequeuedPositions(order), new RequeuedPositions(order)] as const
        for (const [segment, index] of positions) {
          lists[segment % 2 === 0 ? 0 : 1].insert(segments[segment] as Segment, index)
        }
        const taken: [number, number][] = []
        for (let left = positions.length; left > 0; left--) {
          const first = lists[0].firstNumber < lists[1].firstNumber ? lists[0] : lists[1]
          expect(first.firstNumber).toBe(taken.length)
          taken.push([first.firstSegment().sequence, first.firstIndex()])
          first.shift()
        }
        expect(taken).toEqual(positions)
      }),
    )
  })

  test('gives all away at once', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(fc.nat(3), fc.nat(20)), { selector: String }), (positions) => {
        const requeued = new RequeuedPositions()
        for (const [segment, index] of positions) requeued.insert(segments[segment] as Segment, index)
        const drained: [number, number][] = []
        requeued.drain(({ sequence }, first, end) => {
          for (let index = first; index < end; index++) drained.push([sequence, index])
        })
        const sorted = (all: [number, number][]) => all.map(String).sort()
        expect(sorted(drained)).toEqual(sorted(positions))
        expect(requeued.length).toBe(0)
        requeued.insert(segments[0] as Segment, 7)
        expect(takeAll(requeued)).toEqual([[0, 7]])
      }),
    )
  })

  test('keeps its order while thousands come in from both ends and go out at the front', () => {
    const requeued = new RequeuedPositions()
    const segment = segments[1] as Segment
    for (let i = 5000; i < 10_000; i++) requeued.insert(segment, i)
    for (let i = 0; i < 3000; i++) requeued.shift()
    for (let i = 4999; i >= 3000; i--) requeued.insert(segment, i)
    const expected = [
      ...Array.from({ length: 2000 }, (_, i) => 3000 + i),
      ...Array.from({ length: 2000 }, (_, i) => 8000 + i),
    ]
    expect(takeAll(requeued)).toEqual(expected.map((index) => [1, index]))
  })
})
