/** Lets so many in at a time. Further ones wait for their turn, so many of these at most. */
export class Line {
  readonly #atOnce: number
  readonly #waitingMax: number
  #inside = 0
  readonly #waiting: (() => void)[] = []

  constructor(atOnce: number, waitingMax: number) {
    this.#atOnce = atOnce
    this.#waitingMax = waitingMax
  }

  /** Resolves when it is one's turn, with what is to be called at its end; undefined when too many wait. */
  enter(): Promise<() => void> | undefined {
    if (this.#inside < this.#atOnce) {
      this.#inside++
      return Promise.resolve(this.#leave())
    }
    if (this.#waiting.length >= this.#waitingMax) return undefined
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(this.#leave()))
    })
  }

  #leave(): () => void {
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const next = this.#waiting.shift()
      if (next === undefined) this.#inside--
      else next()
    }
  }
}
