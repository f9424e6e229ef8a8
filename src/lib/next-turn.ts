/** Work that is due in the next turn of the event loop, once, however often it is expected until then. */
export class NextTurn {
  #isExpected = false
  readonly #nextTurn: (work: () => void) => void
  readonly #work: () => void

  constructor(nextTurn: (work: () => void) => void, work: () => void) {
    this.#nextTurn = nextTurn
    this.#work = work
  }

  expect(): void {
    if (this.#isExpected) return
    this.#isExpected = true
    this.#nextTurn(this.#begin)
  }

  readonly #begin = (): void => {
    this.#isExpected = false
    this.#work()
  }
}
