import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadline } from '../../src/lib/deadline.ts'
import { SharedTimer } from '../../src/lib/shared-timer.ts'
import { HandClock } from '../support/hand-clock.ts'

const NEVER = Number.POSITIVE_INFINITY
const DAY = 86_400_000

function counted(clock: HandClock): { readonly deadline: Deadline; readonly done: number[] } {
  const done: number[] = []
  return { deadline: new Deadline(new SharedTimer(clock), { due: () => done.push(clock.nowMs) }), done }
}

test('a deadline does its work once, when it is time, and never before', () => {
  const clock = new HandClock()
  const { deadline, done } = counted(clock)
  deadline.atMs = 100.5
  clock.turn(100)
  expect([done, deadline.atMs]).toEqual([[], 100.5])
  clock.turn(1)
  expect([done, deadline.atMs, clock.timers.size]).toEqual([[101], NEVER, 0])
})

test('a deadline that is over is met by the next timer', () => {
  const clock = new HandClock()
  clock.turn(50)
  const { deadline, done } = counted(clock)
  deadline.atMs = 20
  expect(done).toEqual([])
  clock.turn(0)
  expect(done).toEqual([50])
})

test('an earlier deadline takes the place of the timer, a later one leaves it', () => {
  const clock = new HandClock()
  const { deadline, done } = counted(clock)
  deadline.atMs = 100
  const [first] = clock.timers
  deadline.atMs = 200
  deadline.atMs = NEVER
  deadline.atMs = 150
  expect([...clock.timers]).toEqual([first])
  deadline.atMs = 50
  expect(Array.from(clock.timers, ({ atMs }) => atMs)).toEqual([50])
  deadline.atMs = 150
  clock.turn(50)
  expect([done, clock.timers.size]).toEqual([[], 1])
  clock.turn(100)
  expect([done, clock.timers.size]).toEqual([[150], 0])
})

test('without a deadline there is no timer any more once it has gone off, and none at all after a stop', () => {
  const clock = new HandClock()
  const { deadline, done } = counted(clock)
  deadline.atMs = 100
  deadline.atMs = NEVER
  clock.turn(100)
  deadline.atMs = 300
  deadline.stop()
  expect([done, clock.timers.size]).toEqual([[], 0])
})

test.each([2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 33 + 5])('a deadline in %i ms is met then, not at once', (waitMs) => {
  const clock = new HandClock()
  const { deadline, done } = counted(clock)
  deadline.atMs = waitMs
  for (let turned = 0; turned < waitMs - 1; turned += DAY) clock.turn(Math.min(DAY, waitMs - 1 - turned))
  expect(done).toEqual([])
  clock.turn(1)
  expect(done).toEqual([waitMs])
  expect(clock.timersSet).toBeLessThanOrEqual(1 + Math.ceil(waitMs / (2 ** 31 - 1)))
})

test('the work may set the next deadline', () => {
  const clock = new HandClock()
  const done: number[] = []
  const deadline: Deadline = new Deadline(new SharedTimer(clock), {
    due: () => {
      done.push(clock.nowMs)
      if (done.length < 3) deadline.atMs = clock.nowMs + 10
    },
  })
  deadline.atMs = 10
  for (let i = 0; i < 50; i++) clock.turn(1)
  expect(done).toEqual([10, 20, 30])
})

test('however a deadline is moved, it has one timer at most, and its work is done when it is over', () => {
  const move = fc.oneof(
    fc.record({ atMs: fc.oneof(fc.nat(300), fc.constant(NEVER)) }),
    fc.record({ turnMs: fc.nat(40) }),
  )
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
      const clock = new HandClock()
      const { deadline, done } = counted(clock)
      for (const one of moves) {
        if ('atMs' in one) deadline.atMs = one.atMs
        else {
          const dueMs = deadline.atMs
          const before = done.length
          for (let i = 0; i < one.turnMs; i++) clock.turn(1)
          expect(done.length - before).toBe(one.turnMs > 0 && dueMs <= clock.nowMs ? 1 : 0)
        }
        expect(clock.timers.size).toBeLessThanOrEqual(1)
      }
    }),
  )
})
