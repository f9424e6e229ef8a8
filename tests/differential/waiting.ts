// Waiting for what brokers answer, and for them to fall silent.

export class Waiting {
  readonly #checks = new Set<() => void>()
  #changedAtMs = 0

  /** Something came. */
  changed(): void {
    this.#changedAtMs = performance.now()
    for (const check of this.#checks) check()
  }

  /** Resolves with true as soon as it is so, with false when it is not in time. */
  until(isSo: () => boolean, waitMs: number): Promise<boolean> {
    if (isSo()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = (value: boolean): void => {
        clearTimeout(timer)
        this.#checks.delete(check)
        resolve(value)
      }
      const check = (): void => {
        if (isSo()) end(true)
      }
      const timer = setTimeout(end, waitMs, false)
      this.#checks.add(check)
    })
  }

  /** Resolves when nothing has come for so long. */
  async quiet(quietMs: number): Promise<void> {
    const fromMs = performance.now()
    for (;;) {
      const leftMs = Math.max(fromMs, this.#changedAtMs) + quietMs - performance.now()
      if (leftMs <= 0) return
      await new Promise((resolve) => setTimeout(resolve, leftMs))
    }
  }
}
