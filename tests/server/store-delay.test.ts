import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Alarm } from '../../src/lib/alarm.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { StoreDelay } from '../../src/server/store-delay.ts'

let nowMs: number
let alarm: Alarm
/** What waits for the store. */
let waiting: (() => void)[]
let isIdle: boolean
const journal = {
  whenDurable: (callback: () => void): void => {
    if (isIdle) callback()
    else waiting.push(callback)
  },
}

beforeEach(() => {
  vi.useFakeTimers()
  nowMs = 0
  alarm = new Alarm()
  waiting = []
  isIdle = false
})

afterEach(() => {
  vi.useRealTimers()
})

function watch(limitMs: number): StoreDelay {
  const delay = new StoreDelay({ alarm, limitMs: () => limitMs, now: () => nowMs, logger: silentLogger })
  delay.start(journal)
  return delay
}

function pass(seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    nowMs += 1000
    vi.advanceTimersByTime(1000)
  }
}

function commit(): void {
  for (const callback of waiting.splice(0)) callback()
}

test('a store that has nothing to do, or is quick, is not behind', () => {
  isIdle = true
  const delay = watch(5000)
  pass(20)
  isIdle = false
  for (let i = 0; i < 20; i++) {
    pass(4)
    commit()
  }
  expect(alarm.isActive).toBe(false)
  delay.stop()
})

test('one that takes too long is, until it is quick again', () => {
  const delay = watch(5000)
  pass(6)
  expect(alarm.isActive).toBe(false)
  pass(1)
  expect(alarm.isActive).toBe(true)
  commit() // what took too long got through at last
  expect(alarm.isActive).toBe(true)
  pass(4)
  commit() // within the limit, but not by much
  expect(alarm.isActive).toBe(true)
  pass(2)
  commit()
  expect(alarm.isActive).toBe(false)
  delay.stop()
})

test('without a limit it is not asked', () => {
  const delay = watch(0)
  pass(100)
  expect([alarm.isActive, waiting.length]).toEqual([false, 0])
  delay.stop()
})
