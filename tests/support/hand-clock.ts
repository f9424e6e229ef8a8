import type { Clock } from '../../src/lib/clock.ts'

const TIMER_MS_MAX = 2 ** 31 - 1

/** Stands still until it is turned. */
export class HandClock implements Clock {
  nowMs = 0
  /** The time of day when the clock began. */
  wallBeginMs = 0
  /** How many timers were ever set. */
  timersSet = 0
  readonly timers = new Set<{ readonly atMs: number; readonly work: () => void }>()

  monotonicMs(): number {
    return this.nowMs
  }

  wallMs(): number {
    return this.wallBeginMs + this.nowMs
  }

  /** Like a timer of Node.js: what is too late for it is done at once. */
  after(ms: number, work: () => void): () => void {
    const timer = { atMs: this.nowMs + (ms > TIMER_MS_MAX ? 1 : ms), work }
    this.timers.add(timer)
    this.timersSet++
    return () => this.timers.delete(timer)
  }

  /** Timers that are due meanwhile do their work at their time, and what they set may be due as well. */
  turn(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const [next] = [...this.timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.timers.delete(next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.work()
    }
    this.nowMs = endMs
  }
}
