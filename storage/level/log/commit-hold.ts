/** Keeps the next commit from beginning while a change is being staged that has to be in one commit. */
export class CommitHold {
  #isHeld = false
  #onFree: () => void = () => {}

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Returns what ends it; undefined when it is held already. */
  hold(): (() => void) | undefined {
    if (this.#isHeld) return undefined
    this.#isHeld = true
    return () => {
      this.#isHeld = false
      this.#onFree()
    }
  }

  whenFree(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFree = resolve
    })
  }
}
