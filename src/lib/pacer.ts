/** For work over very much that must not hold others up: stops after so much time, and goes on in the next turn of the event loop. */
const WORK_MS = 2
/** Steps between two looks at the clock. */
const STEPS = 32

export class Pacer {
  #steps = 0
  #startedAtMs = performance.now()

  /** To be asked at each step: whether it is time to rest. */
  get isDue(): boolean {
    if (++this.#steps % STEPS !== 0) return false
    return this.isLate
  }

  /** The same without counting: for steps that may take long. */
  get isLate(): boolean {
    return performance.now() - this.#startedAtMs >= WORK_MS
  }

  /** What others want comes first. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
    this.#startedAtMs = performance.now()
  }
}
