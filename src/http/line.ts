/** Lets so many in at a time. Further ones wait for their turn, so many of these at most. */
export class Line {
  readonly #atOnce: number
  readonly #waitingMax: number
  #inside = 0
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>()

  constructor(atOnce: number, waitingMax: number) {
    this.#atOnce = atOnce
    this.#waitingMax = waitingMax
  }

  /**
   * Resolves when it is one's turn, with what is to be called at its end. Undefined when too many wait, or for who has gone, as `gone`
   * says, while waiting.
   */
  enter(gone?: AbortSignal): Promise<(() => void) | undefined> | undefined {
    if (this.#inside < this.#atOnce) {
      this.#inside++
      return Promise.resolve(this.#leave())
    }
    if (gone?.aborted || this.#waiting.size >= this.#waitingMax) return undefined
    return new Promise((resolve) => {
      const giveUp = (): void => {
        this.#waiting.delete(letIn)
        resolve(undefined)
      }
      const letIn = (): void => {
        gone?.removeEventListener('abort', giveUp)
        resolve(this.#leave())
      }
      this.#waiting.add(letIn)
      gone?.addEventListener('abort', giveUp, { once: true })
    })
  }

  #leave(): () => void {
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const [next] = this.#waiting
      if (next === undefined) this.#inside--
      else {
        this.#waiting.delete(next)
        next()
      }
    }
  }
}
