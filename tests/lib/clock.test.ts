import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SystemClock } from '../../src/lib/clock.ts'
import { IdleTimer } from '../../src/lib/idle-timer.ts'
import { HandClock } from '../support/hand-clock.ts'

describe('SystemClock', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('tells of an error in the work of a timer, and of nothing else', () => {
    const defects: unknown[] = []
    const clock = new SystemClock((error) => defects.push(error))
    const done: string[] = []
    clock.after(10, () => {
      throw new Error('broken inside')
    })
    clock.after(20, () => done.push('later'))
    clock.after(20, () => done.push('never'))()
    vi.advanceTimersByTime(15)
    expect([defects, done]).toEqual([[new Error('broken inside')], []])
    vi.advanceTimersByTime(15)
    expect(done).toEqual(['later'])
  })

  test('goes forward when the clock of the system is set back, which shows in the time of day alone', () => {
    const clock = new SystemClock(() => {})
    vi.setSystemTime(2_000_000)
    const beforeMs = clock.monotonicMs()
    expect(clock.wallMs()).toBe(2_000_000)
    vi.setSystemTime(1_000_000)
    vi.advanceTimersByTime(5)
    expect([clock.wallMs(), clock.monotonicMs() - beforeMs]).toEqual([1_000_005, 5])
  })
})

describe('IdleTimer', () => {
  test('does its work once for each time that it was armed, and is armed once', () => {
    const clock = new HandClock()
    let count = 0
    const timer = new IdleTimer(clock, 100, () => count++)
    timer.arm()
    clock.turn(60)
    timer.arm()
    clock.turn(60)
    expect([count, clock.timers.size]).toEqual([1, 0])
    timer.arm()
    clock.turn(100)
    expect(count).toBe(2)
  })

  test('can be armed by its own work', () => {
    const clock = new HandClock()
    let count = 0
    const timer = new IdleTimer(clock, 100, () => {
      if (++count < 3) timer.arm()
    })
    timer.arm()
    for (let i = 0; i < 5; i++) clock.turn(100)
    expect(count).toBe(3)
  })

  test('does nothing any more once it was stopped', () => {
    const clock = new HandClock()
    const timer = new IdleTimer(clock, 100, () => expect.fail('it was stopped'))
    timer.arm()
    timer.stop()
    timer.arm()
    clock.turn(1000)
    expect(clock.timers.size).toBe(0)
  })
})
