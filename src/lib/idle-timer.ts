import type { Clock } from './clock.ts'

/** Does its work once, some time after it was armed. The work may arm it again, until it is stopped for good. */
export class IdleTimer {
  readonly #clock: Clock
  readonly #delayMs: number
  readonly #work: () => void
  #cancel: (() => void) | undefined
  #isStopped = false

  constructor(clock: Clock, delayMs: number, work: () => void) {
    this.#clock = clock
    this.#delayMs = delayMs
    this.#work = work
  }

  /** When it is armed already, it stays so. */
  arm(): void {
    if (!this.#isStopped) this.#cancel ??= this.#clock.after(this.#delayMs, this.#run)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  readonly #run = (): void => {
    this.#cancel = undefined
    this.#work()
  }
}
