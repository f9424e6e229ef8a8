import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Alarm } from '../../src/lib/alarm.ts'
import { EventLoopDelay } from '../../src/lib/event-loop-delay.ts'
import type { Logger } from '../../src/lib/logger.ts'
import { LoadWatch } from '../../src/server/load-watch.ts'

const LOOK_MS = 500

let nowMs: number
let alarm: Alarm
let logged: string[]

beforeEach(() => {
  vi.useFakeTimers()
  nowMs = 1000
  alarm = new Alarm()
  logged = []
})

afterEach(() => {
  vi.useRealTimers()
})

function watch(limitMs: number): LoadWatch {
  const note = (_: object, message: string) => void logged.push(message)
  const logger: Logger = { debug: note, info: note, warn: note, error: note }
  const eventLoop = new EventLoopDelay(() => nowMs)
  const load = new LoadWatch(eventLoop, { alarm, limitMs: () => limitMs, logger })
  eventLoop.start()
  return load
}

/** The timer comes so much too late, each time. */
function late(...delaysMs: number[]): void {
  for (const delayMs of delaysMs) {
    nowMs += LOOK_MS + delayMs
    vi.advanceTimersByTime(LOOK_MS)
  }
}

describe('an event loop that is late', () => {
  test('again and again raises the alarm, which ends when it is well in time again and again', () => {
    const load = watch(1000)
    late(1100, 1200)
    expect(alarm.isActive).toBe(false)
    late(1300)
    expect([alarm.isActive, load.delayMs]).toEqual([true, 1300])
    late(900, 600, 0, 0, 600, 400, 400)
    expect(alarm.isActive).toBe(true)
    late(400)
    expect(alarm.isActive).toBe(false)
    expect(logged).toEqual([
      'the event loop is late: publishers wait, consumers go on',
      'the event loop is in time again: publishers go on',
    ])
  })

  test('once is none, however long that was', () => {
    watch(1000)
    late(0, 3_600_000, 0, 0, 30_000, 0)
    expect(alarm.isActive).toBe(false)
  })

  test('is only told of when there is no limit', () => {
    const load = watch(0)
    late(5000, 5000, 5000, 5000)
    expect([alarm.isActive, load.delayMs]).toEqual([false, 5000])
  })
})
