import { afterEach, expect, test, vi } from 'vitest'
import { EventLoopDelay } from '../../src/lib/event-loop-delay.ts'

const delay = new EventLoopDelay(() => performance.now(), 100)

afterEach(() => delay.stop())

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
