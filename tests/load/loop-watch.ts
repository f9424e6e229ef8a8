/**
 * Loaded into the broker's process before the broker: how late its event loop is. What a bystander sees also has in it what the load
 * takes of the processors; this has only what the broker does itself. Loaded by the one who starts the broker, it asks.
 */
import { Histogram, type Percentiles } from '../../src/perf/histogram.ts'

const INTERVAL_MS = 2

/** What the process answers when it is sent anything, of the time since it was asked last. */
export interface LoopReport {
  readonly delayUs: Percentiles | undefined
}

/** Notes how late the loop is. A standstill counts for each of the moments in it, not once. */
function watchLoop(): () => LoopReport {
  const delays = new Histogram()
  let dueMs = performance.now() + INTERVAL_MS
  setInterval(() => {
    const nowMs = performance.now()
    for (; dueMs <= nowMs; dueMs += INTERVAL_MS) delays.add((nowMs - dueMs) * 1000)
  }, INTERVAL_MS).unref()
  return () => {
    const report = { delayUs: delays.percentiles() }
    delays.clear()
    return report
  }
}

if (process.env.LEVERET_LOAD_WATCH !== undefined) {
  const report = watchLoop()
  process.on('message', () => process.send?.(report()))
  process.channel?.unref()
}
