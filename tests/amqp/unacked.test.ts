import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Unacked, type UnackedOwner } from '../../src/amqp/unacked.ts'
import type { Queue } from '../../src/broker/queues/queue.ts'
import { Segment } from '../../storage/segment.ts'

const SEGMENT = new Segment()

function owner(): UnackedOwner {
  return { queue: {} as Queue, isConsumer: true, timeoutMs: undefined, returnCredit: () => {} } // neither is looked at here
}

const OWNERS = [owner(), owner()] as const

/** An Unacked beside a map from tag to index. */
class Pair {
  readonly unacked = new Unacked()
  readonly open = new Map<number, number>()
  readonly #taken: [tag: number, index: number][] = []
  #next = 1

  add(): void {
    const index = (this.#next * 7) % 65_536
    expect(this.unacked.add(OWNERS[this.#next % 2] as UnackedOwner, SEGMENT, index)).toBe(this.#next)
    this.open.set(this.#next++, index)
  }

  skip(): void {
    expect(this.unacked.skip()).toBe(this.#next++)
  }

  take(tag: number): void {
    const index = this.open.get(tag)
    if (this.unacked.isOpen(tag) !== (index !== undefined)) throw new Error(`tag ${tag} is open for one only`)
    if (this.unacked.take(tag) !== (index !== undefined)) throw new Error(`tag ${tag} was taken from one only`)
    if (index === undefined) return
    const { owner: taken, segment, index: at } = this.unacked
    if (taken !== OWNERS[tag % 2] || segment !== SEGMENT || at !== index) throw new Error(`tag ${tag} led elsewhere`)
    this.open.delete(tag)
    this.#taken.push([tag, index])
  }

  takeSome(place: number): void {
    const tags = [...this.open.keys()]
    this.take(tags[place % tags.length] ?? 0)
  }

  takeUpTo(tag: number): void {
    this.unacked.takeUpTo(tag, (lowest) => {
      expect(lowest).toBe(Math.min(...this.open.keys()))
      const { owner, segment, index } = this.unacked
      expect([owner, segment, index]).toEqual([OWNERS[lowest % 2], SEGMENT, this.open.get(lowest)])
      this.#taken.push([lowest, index])
      this.open.delete(lowest)
    })
    expect([...this.open.keys()].filter((one) => one <= tag)).toEqual([])
  }

  /** Gives back the latest that were taken, the last first, as a rollback does. */
  restore(count: number): void {
    for (const [tag, index] of this.#taken.splice(-count, count).reverse()) {
      this.unacked.restore(tag, OWNERS[tag % 2] as UnackedOwner, SEGMENT, index, 0)
      this.open.set(tag, index)
    }
  }

  check(): void {
    expect(this.unacked.count).toBe(this.open.size)
  }

  get next(): number {
    return this.#next
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fc.constant('add' as const), fc.integer({ min: 1, max: 40 }), fc.constant(0)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('skip' as const), fc.integer({ min: 1, max: 30 }), fc.constant(0)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant('takeSome' as const), fc.integer({ min: 1, max: 30 }), fc.nat()) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('take' as const), fc.constant(1), fc.nat(400)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('takeUpTo' as const), fc.constant(1), fc.nat(400)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('restore' as const), fc.constant(1), fc.nat(20)) },
)

describe('Unacked', () => {
  test('behaves like a map of tags', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pair = new Pair()
        for (const [kind, times, detail] of steps) {
          for (let i = 0; i < times; i++) pair[kind](detail)
          pair.check()
        }
        pair.takeUpTo(pair.next)
        pair.check()
      }),
      { numRuns: 200 },
    )
  })

  test('behaves so while old tags stay open and thousands of newer ones come and go', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 0, max: 4 }),
        fc.nat(30),
        (every, skips, restored) => {
          const pair = new Pair()
          for (let i = 0; i < 12_000; i++) {
            if (i % 5 < skips) pair.skip()
            else pair.add()
            if (pair.next % every !== 0) pair.take(pair.next - 1)
          }
          pair.restore(restored)
          pair.check()
          for (let i = 0; i < 500; i++) pair.takeSome(i * 31)
          pair.restore(300)
          pair.check()
          pair.takeUpTo(9000)
          pair.check()
          pair.takeUpTo(pair.next)
          pair.check()
        },
      ),
      { numRuns: 8 },
    )
  })

  test.each([0, -1, 3, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])(
    'knows no tag %d that was not given out',
    (tag) => {
      const unacked = new Unacked()
      unacked.add(OWNERS[0], SEGMENT, 0)
      unacked.skip()
      expect(unacked.isOpen(tag)).toBe(false)
      expect(unacked.take(tag)).toBe(false)
      expect(unacked.count).toBe(1)
    },
  )

  test('knows no tag that needs no acknowledgement', () => {
    const unacked = new Unacked()
    for (let i = 0; i < 20; i++) unacked.skip()
    unacked.add(OWNERS[0], SEGMENT, 0)
    unacked.skip()
    expect([unacked.take(20), unacked.take(22), unacked.take(21)]).toEqual([false, false, true])
    expect(unacked.count).toBe(0)
  })

  test('reopens thousands of tags, the last first, in linear time', () => {
    const unacked = new Unacked()
    const count = 5000
    for (let i = 0; i < count; i++) unacked.add(OWNERS[0], SEGMENT, i)
    for (let tag = 1; tag <= count; tag++) unacked.take(tag)
    const startedAt = performance.now()
    for (let tag = count; tag >= 1; tag--) unacked.restore(tag, OWNERS[0], SEGMENT, tag, 0)
    unacked.takeUpTo(Number.POSITIVE_INFINITY, () => {})
    expect(unacked.count).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(500) // quadratic work takes seconds
  })
})

test('no more tags are taken than asked for, the lowest first, stragglers or not', () => {
  const unacked = new Unacked()
  for (let i = 0; i < 20_000; i++) unacked.add(OWNERS[0], SEGMENT, i % 65_536)
  for (let tag = 11; tag <= 19_990; tag++) unacked.take(tag)
  for (let i = 0; i < 20_000; i++) unacked.take(unacked.add(OWNERS[1], SEGMENT, 0))
  const taken: number[] = []
  unacked.takeUpTo(Number.POSITIVE_INFINITY, (tag) => taken.push(tag), 7)
  expect(taken).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(unacked.count).toBe(13)
  unacked.takeUpTo(Number.POSITIVE_INFINITY, (tag) => taken.push(tag), 6)
  expect(taken.slice(7)).toEqual([8, 9, 10, 19_991, 19_992, 19_993])
})

test('the queues of all open tags are known, each once', () => {
  const unacked = new Unacked()
  const owners = Array.from({ length: 3 }, owner)
  for (let i = 0; i < 30; i++) unacked.add(owners[i % 3] as UnackedOwner, SEGMENT, i)
  for (let tag = 1; tag <= 30; tag += 3) unacked.take(tag)
  expect(unacked.queues(30)).toEqual(new Set([owners[1]?.queue, owners[2]?.queue]))
})
