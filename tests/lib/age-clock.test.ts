import { describe, expect, test } from 'vitest'
import { AgeClock, type AgeClockState } from '../../src/lib/age-clock.ts'
import { HandClock } from '../support/hand-clock.ts'

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR
const TODAY = 1_800_000_000_000

function clockAt(wallMs: number): HandClock {
  const clock = new HandClock()
  clock.wallBeginMs = wallMs
  return clock
}

function resumed(system: HandClock, state: AgeClockState): AgeClock {
  const clock = new AgeClock(system)
  clock.resume(state)
  return clock
}

describe('the clock of ages', () => {
  test('begins with the time of the system', () => {
    const system = clockAt(TODAY)
    const clock = new AgeClock(system)
    system.turn(5)
    expect(clock.monotonicMs()).toBe(TODAY + 5)
    expect(clock.state).toEqual({ nowMs: TODAY + 5, offsetMs: 0 })
  })

  test.each([-YEAR, -HOUR, HOUR, YEAR])('goes on when the clock of the system jumps by %i ms', (jumpMs) => {
    const system = clockAt(TODAY)
    const clock = new AgeClock(system)
    system.wallBeginMs += jumpMs
    system.turn(10)
    expect(clock.monotonicMs()).toBe(TODAY + 10)
    expect(clock.state).toEqual({ nowMs: TODAY + 10, offsetMs: -jumpMs })
    expect(clock.wallMs()).toBe(TODAY + jumpMs + 10)
  })

  test.each([-YEAR, 0, YEAR])(
    'counts the time that it was down, though the system’s had jumped by %i ms before',
    (jumpMs) => {
      const system = clockAt(TODAY)
      const before = new AgeClock(system)
      system.wallBeginMs += jumpMs
      const { state } = before
      const after = resumed(clockAt(TODAY + jumpMs + HOUR), state)
      expect(after.monotonicMs()).toBe(TODAY + HOUR)
    },
  )

  test('never goes back: it begins where it was when the system’s clock was set back while it was down', () => {
    const { state } = new AgeClock(clockAt(TODAY))
    const system = clockAt(TODAY - YEAR)
    const clock = resumed(system, state)
    system.turn(HOUR)
    expect(clock.monotonicMs()).toBe(TODAY + HOUR)
    expect(resumed(clockAt(TODAY - YEAR + 3 * HOUR), clock.state).monotonicMs()).toBe(TODAY + 3 * HOUR)
  })

  test('gives a turn one time, unless it is to look anew, and waits for the end of the turn once', () => {
    const system = clockAt(TODAY)
    const ends: (() => void)[] = []
    const clock = new AgeClock(system, (work) => ends.push(work))
    const times = [clock.turnMs()]
    system.turn(400)
    times.push(clock.turnMs())
    clock.lookAnew()
    times.push(clock.turnMs())
    system.turn(5)
    times.push(clock.turnMs())
    expect(times).toEqual([TODAY, TODAY, TODAY + 400, TODAY + 400])
    expect(ends.length).toBe(1)
    ends[0]?.()
    expect(clock.turnMs()).toBe(TODAY + 405)
    expect(ends.length).toBe(2)
  })

  test('numbers what it tells, and has no number when it would look anew', () => {
    const ends: (() => void)[] = []
    const clock = new AgeClock(clockAt(TODAY), (work) => ends.push(work))
    const turns = [clock.turn]
    const look = (): void => {
      clock.turnMs()
      turns.push(clock.turn)
    }
    look()
    look()
    clock.lookAnew()
    turns.push(clock.turn)
    look()
    ends[0]?.()
    turns.push(clock.turn)
    look()
    expect(turns).toEqual([0, 1, 1, 0, 2, 0, 3])
    const withoutTurns = new AgeClock(clockAt(TODAY))
    withoutTurns.turnMs()
    expect(withoutTurns.turn).toBe(0)
  })

  test('has the timers of the system', () => {
    const system = clockAt(TODAY)
    const done: number[] = []
    const clock = new AgeClock(system)
    clock.after(10, () => done.push(clock.monotonicMs()))
    clock.after(10, () => done.push(0))()
    system.turn(10)
    expect(done).toEqual([TODAY + 10])
  })
})
