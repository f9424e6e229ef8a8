import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadline } from '../../src/lib/deadline.ts'
import { SharedTimer } from '../../src/lib/shared-timer.ts'
import { HandClock } from '../support/hand-clock.ts'

const NEVER = Number.POSITIVE_INFINITY

test('many deadlines, moved and stopped at random, each do their work at their time, with one timer of the system at most', () => {
  const which = fc.nat(7)
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ which, inMs: fc.oneof(fc.nat(60), fc.constant(NEVER)) }) },
    { weight: 1, arbitrary: fc.record({ stop: which }) },
    { weight: 2, arbitrary: fc.record({ turnMs: fc.nat(30) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const clock = new HandClock()
      const timer = new SharedTimer(clock)
      const done: string[] = []
      const times: number[] = Array.from({ length: 8 }, () => NEVER)
      const deadlines = times.map(
        (_, number) => new Deadline(timer, { due: () => done.push(`${number} ${clock.nowMs}`) }),
      )
      for (const one of steps) {
        if ('turnMs' in one) {
          const endMs = clock.nowMs + one.turnMs
          const due = times.map((atMs, number) => ({ atMs, number })).filter(({ atMs }) => atMs <= endMs)
          const expected = due.map(({ atMs, number }) => `${number} ${atMs}`)
          for (const { number } of due) times[number] = NEVER
          clock.turn(one.turnMs)
          expect(done.splice(0).sort()).toEqual(expected.sort())
        } else if ('stop' in one) {
          times[one.stop] = NEVER
          deadlines[one.stop]?.stop()
        } else {
          times[one.which] = clock.nowMs + one.inMs
          const deadline = deadlines[one.which]
          if (deadline !== undefined) deadline.atMs = clock.nowMs + one.inMs
        }
        expect(clock.timers.size).toBeLessThanOrEqual(1)
      }
      for (const deadline of deadlines) deadline.stop()
      expect(clock.timers.size).toBe(0)
    }),
  )
})

test('one that throws holds up no other one', () => {
  const clock = new HandClock()
  const timer = new SharedTimer(clock)
  let done = 0
  const failing = new Deadline(timer, {
    due: () => {
      throw new Error('a defect')
    },
  })
  const other = new Deadline(timer, { due: () => done++ })
  failing.atMs = 10
  other.atMs = 11
  expect(() => clock.turn(20)).toThrow('a defect')
  clock.turn(20)
  expect(done).toBe(1)
})

test('one that is due again at once leaves room for others, and very many that are due do', () => {
  const clock = new HandClock()
  const timer = new SharedTimer(clock)
  let goes = 0
  const again: Deadline = new Deadline(timer, {
    due: () => {
      if (++goes < 5) again.atMs = clock.nowMs
    },
  })
  again.atMs = 1
  clock.nowMs = 1
  const goOff = (): void => {
    const [next] = clock.timers
    if (next === undefined) throw new Error('there is no timer')
    clock.timers.delete(next)
    next.work()
  }
  for (let turn = 1; turn <= 5; turn++) {
    goOff()
    expect(goes).toBe(turn)
  }
  expect(clock.timers.size).toBe(0)

  let done = 0
  for (let count = 0; count < 100; count++) {
    new Deadline(timer, {
      due: () => {
        done++
        clock.nowMs++
      },
    }).atMs = 2
  }
  clock.nowMs = 2
  goOff()
  expect(done).toBeLessThan(10)
  while (done < 100) goOff()
})
