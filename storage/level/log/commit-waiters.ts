/** Those who wait for a commit: each is told once that it is durable, or that it never will be. */

interface Waiter {
  readonly whenDurable: () => void
  readonly whenLost: () => void
}

export class CommitWaiters {
  /** They wait for the next commit. */
  #waiting: Waiter[] = []
  /** They wait for the commit that is on its way. */
  #committing: Waiter[] = []
  readonly #onDefect: (error: unknown) => void

  /** `onDefect` is told what one of them has thrown: the others are told all the same. */
  constructor(onDefect: (error: unknown) => void) {
    this.#onDefect = onDefect
  }

  get areWaiting(): boolean {
    return this.#waiting.length > 0
  }

  add(whenDurable: () => void, whenLost: () => void): void {
    this.#waiting.push({ whenDurable, whenLost })
  }

  /** A commit begins: all that wait are in it. */
  begin(): void {
    this.#committing = this.#waiting
    this.#waiting = []
  }

  /** The commit that was on its way is durable. */
  tellDurable(): void {
    const durable = this.#committing
    this.#committing = []
    for (const { whenDurable } of durable) this.call(whenDurable)
  }

  /** Nothing of what they wait for will be durable any more. */
  tellLost(): void {
    const lost = [...this.#committing, ...this.#waiting]
    this.#committing = []
    this.#waiting = []
    for (const { whenLost } of lost) this.call(whenLost)
  }

  call(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#onDefect(error)
    }
  }
}
