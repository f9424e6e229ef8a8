import type { SharedTimer, Timed } from './shared-timer.ts'

const NEVER = Number.POSITIVE_INFINITY

/** What has something to do at a time. */
export interface DueWork {
  due(): void
}

/**
 * Has something done at a time that may be moved as often as need be. A later time, or none, leaves its place in the timer as it is:
 * it looks what the time is when that goes off, so that moving the time costs next to nothing.
 */
export class Deadline implements Timed {
  readonly #timer: SharedTimer
  readonly #work: DueWork
  #atMs = NEVER
  /** Its place in the timer, and when that goes off; for the timer alone. */
  dueAtMs = NEVER
  place = -1

  constructor(timer: SharedTimer, work: DueWork) {
    this.#timer = timer
    this.#work = work
  }

  /** The time on the clock when the work is to be done, never before; infinite for none. */
  set atMs(atMs: number) {
    this.#atMs = atMs
    if (atMs === NEVER || (this.place >= 0 && this.dueAtMs <= atMs)) return
    this.#timer.set(this, atMs)
  }

  get atMs(): number {
    return this.#atMs
  }

  /** Leaves nothing behind in the timer. */
  stop(): void {
    this.#atMs = NEVER
    this.#timer.remove(this)
  }

  /** For the timer: this is the time that it was set to. */
  goOff(nowMs: number): void {
    if (this.#atMs === NEVER) return
    if (nowMs < this.#atMs) {
      this.#timer.set(this, this.#atMs)
      return
    }
    this.#atMs = NEVER
    this.#work.due()
  }
}
