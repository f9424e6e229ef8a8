/**
 * With how many commits the log looks whether the file that it writes to is where its name leads: with every one, unless they come
 * without end. Then a hundred in a row look, and from there on one in so many milliseconds.
 */
const LOOKS_IN_A_ROW = 100
const LOOK_MS = 5

export class PlaceLooks {
  #left = LOOKS_IN_A_ROW
  #lastCommitMs = 0

  /** Asked with every commit. */
  isDue(): boolean {
    const now = performance.now()
    this.#left = Math.min(LOOKS_IN_A_ROW, this.#left + (now - this.#lastCommitMs) / LOOK_MS)
    this.#lastCommitMs = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
