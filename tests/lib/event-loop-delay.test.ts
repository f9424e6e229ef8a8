import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { EventLoopDelay } from '../../src/lib/event-loop-delay.ts'

const delay = new EventLoopDelay(() => performance.now(), 100)

afterEach(() => {
  delay.stop()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

function block(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

test('takes no samples while the loop has nothing to do, and that time counts as no delay', async () => {
  delay.start()
  delay.measure()
  expect(delay.isMeasuring).toBe(true)
  await vi.waitFor(() => expect(delay.isMeasuring).toBe(false), { timeout: 20_000, interval: 500 })
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const work = setInterval(() => block(20), 30)
  await vi.waitFor(() => expect(delay.isMeasuring).toBe(true), { timeout: 20_000, interval: 10 })
  await new Promise((resolve) => setTimeout(resolve, 300)) // some samples
  expect(delay.figures.maxSec).toBeGreaterThan(0)
  clearInterval(work)
  expect(delay.figures.maxSec).toBeLessThan(2.5)
})

test('tells of what ends a time in which the loop had nothing to do', async () => {
  delay.start()
  delay.measure()
  await vi.waitFor(() => expect(delay.isMeasuring).toBe(false), { timeout: 20_000, interval: 500 })
  const before = delay.figures.maxSec
  block(1000)
  await vi.waitFor(() => expect(delay.isMeasuring).toBe(true), { timeout: 20_000, interval: 10 })
  expect(before).toBeLessThan(0.85)
  expect(delay.figures.maxSec).toBeGreaterThan(0.85)
})

test('forgets after two minutes, however often the loop has nothing to do', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const load = { active: 0, idle: 0, utilization: 0 }
  vi.spyOn(performance, 'eventLoopUtilization').mockImplementation(() => load)
  let nowMs = 0
  const watched = new EventLoopDelay(() => nowMs, 500)
  onTestFinished(() => watched.stop())
  const look = (utilization: number, lateMs = 0): void => {
    nowMs += 500 + lateMs
    load.utilization = utilization
    vi.advanceTimersByTime(500)
  }
  const quiet = (): void => {
    for (let count = 0; count < 10; count++) look(0)
    expect(watched.isMeasuring).toBe(false)
  }
  watched.start()
  watched.measure()
  quiet()
  look(1, 100_000)
  for (let round = 0; round < 8; round++) {
    expect(watched.figures.maxSec).toBe(100)
    quiet()
    look(1)
  }
  for (let round = 0; round < 20; round++) {
    quiet()
    look(1)
  }
  expect(watched.figures.maxSec).toBeLessThan(100)
})
