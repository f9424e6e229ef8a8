/**
 * Work that takes long, a few pieces at a time. What waits is bounded, in all and for each key, and the keys take turns: one
 * that asks for much waits for itself.
 */
export interface FairQueueLimits {
  readonly atOnce: number
  readonly waitingMax: number
  readonly waitingPerKeyMax: number
}

export class FairQueue {
  readonly #limits: FairQueueLimits
  /** By key, the one whose turn it is first. */
  readonly #waiting = new Map<string, (() => void)[]>()
  #waitingCount = 0
  #underWay = 0

  constructor(limits: FairQueueLimits) {
    this.#limits = limits
  }

  /** Undefined when there is no room for more. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> | undefined {
    const { atOnce, waitingMax, waitingPerKeyMax } = this.#limits
    if (this.#underWay < atOnce) return this.#start(work)
    const ofKey = this.#waiting.get(key) ?? []
    if (this.#waitingCount >= waitingMax || ofKey.length >= waitingPerKeyMax) return undefined
    if (ofKey.length === 0) this.#waiting.set(key, ofKey)
    this.#waitingCount++
    return new Promise((resolve, reject) => {
      ofKey.push(() => {
        this.#start(work).then(resolve, reject)
      })
    })
  }

  async #start<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay++
    try {
      return await work()
    } finally {
      this.#underWay--
      this.#next()
    }
  }

  #next(): void {
    const first = this.#waiting.entries().next()
    if (first.done === true) return
    const [key, ofKey] = first.value
    const start = ofKey.shift()
    // Its next piece comes after one of each other key.
    this.#waiting.delete(key)
    if (ofKey.length > 0) this.#waiting.set(key, ofKey)
    this.#waitingCount--
    start?.()
  }
}
