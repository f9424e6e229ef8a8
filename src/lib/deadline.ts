import type { Clock } from './clock.ts'

/** The longest time that a timer of Node.js takes: it does what is later at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** What has something to do at a time. */
export interface DueWork {
  due(): void
}

/**
 * Has something done at a time that may be moved as often as need be, with one timer at most. Very many may wait for a time that never comes,
 * so that each is small. A later time, or none, leaves a timer as it
 * is: it looks what the time is when it goes off, so that moving the time costs next to nothing.
 */
export class Deadline {
  readonly #clock: Clock
  readonly #work: DueWork
  #atMs = Number.POSITIVE_INFINITY
  /** Of the timer, if there is one: when it goes off. */
  #timerAtMs = Number.POSITIVE_INFINITY
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock, work: DueWork) {
    this.#clock = clock
    this.#work = work
  }

  /** The time on the clock when the work is to be done, never before; infinite for none. */
  set atMs(atMs: number) {
    this.#atMs = atMs
    if (atMs === Number.POSITIVE_INFINITY || this.#timerAtMs <= atMs) return
    this.#cancelTimer?.()
    this.#arm()
  }

  get atMs(): number {
    return this.#atMs
  }

  /** Leaves no timer behind. */
  stop(): void {
    this.#atMs = Number.POSITIVE_INFINITY
    this.#cancelTimer?.()
    this.#forgetTimer()
  }

  #arm(): void {
    const nowMs = this.#clock.monotonicMs()
    // Timers count whole milliseconds.
    const waitMs = Math.min(Math.max(0, Math.ceil(this.#atMs - nowMs)), TIMER_MS_MAX)
    this.#timerAtMs = nowMs + waitMs
    this.#cancelTimer = this.#clock.after(waitMs, () => this.#goOff())
  }

  #forgetTimer(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY
    this.#cancelTimer = undefined
  }

  #goOff(): void {
    this.#forgetTimer()
    if (this.#atMs === Number.POSITIVE_INFINITY) return
    if (this.#clock.monotonicMs() < this.#atMs) {
      this.#arm()
      return
    }
    this.#atMs = Number.POSITIVE_INFINITY
    this.#work.due()
  }
}
