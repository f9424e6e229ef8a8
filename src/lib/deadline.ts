import type { Clock } from './clock.ts'

/** The longest time that a timer of Node.js takes: it does what is later at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * Does its work at a time that may be moved as often as need be, with one timer at most. A later time, or none, leaves a timer as it
 * is: it looks what the time is when it goes off, so that moving the time costs next to nothing.
 */
export class Deadline {
  readonly #clock: Clock
  readonly #work: () => void
  #atMs = Number.POSITIVE_INFINITY
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined

  constructor(clock: Clock, work: () => void) {
    this.#clock = clock
    this.#work = work
  }

  /** The time on the clock when the work is to be done, never before; infinite for none. */
  set atMs(atMs: number) {
    this.#atMs = atMs
    if (atMs === Number.POSITIVE_INFINITY || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return
    this.#timer?.cancel()
    this.#arm()
  }

  get atMs(): number {
    return this.#atMs
  }

  /** Leaves no timer behind. */
  stop(): void {
    this.#atMs = Number.POSITIVE_INFINITY
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(): void {
    const nowMs = this.#clock.monotonicMs()
    // Timers count whole milliseconds.
    const waitMs = Math.min(Math.max(0, Math.ceil(this.#atMs - nowMs)), TIMER_MS_MAX)
    this.#timer = { atMs: nowMs + waitMs, cancel: this.#clock.after(waitMs, this.#goOff) }
  }

  readonly #goOff = (): void => {
    this.#timer = undefined
    if (this.#atMs === Number.POSITIVE_INFINITY) return
    if (this.#clock.monotonicMs() < this.#atMs) {
      this.#arm()
      return
    }
    this.#atMs = Number.POSITIVE_INFINITY
    this.#work()
  }
}
