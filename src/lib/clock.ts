/** The time, for those who do not ask the system for it: so a test can turn it by hand. */
import { guarded } from './guarded.ts'

export interface Clock {
  /** Milliseconds of a clock that only goes forward. */
  monotonicMs(): number
  /** Milliseconds since 1970, as the system has them: they jump when its clock is set. */
  wallMs(): number
  /** Does the work once, so much later. The timer keeps no process running. Returns what cancels it. */
  after(ms: number, work: () => void): () => void
}

export class SystemClock implements Clock {
  readonly #onDefect: (error: unknown) => void

  /** `onDefect` is told what the work of a timer throws. */
  constructor(onDefect: (error: unknown) => void) {
    this.#onDefect = onDefect
  }

  monotonicMs(): number {
    return performance.now()
  }

  wallMs(): number {
    return Date.now()
  }

  after(ms: number, work: () => void): () => void {
    const timer = setTimeout(guarded(work, this.#onDefect), ms)
    timer.unref()
    return () => clearTimeout(timer)
  }
}

/** For what has no server around it: an error in the work of a timer ends the process. */
export const SYSTEM_CLOCK: Clock = new SystemClock((error) => {
  throw error
})
