/**
 * One piece of work, bounded by time. Work is counted as it is done, in units of about a plain publish, and the clock is
 * looked at every so many units: once the time is up, `spend` says so, and the one who works leaves the rest for later.
 */

const UNITS_PER_LOOK = 32

/** What takes longer than a look at the clock. */
export const LONG_WORK = UNITS_PER_LOOK

export class Turn {
  readonly #now: () => number
  #endMs = 0
  #units = 0
  /** The work has taken the whole time. */
  isOver = false
  /** Others have waited long already: only what is short is begun. */
  isLate = false
  hasPutOff = false

  constructor(now: () => number) {
    this.#now = now
  }

  begin(lengthMs: number, isLate = false): void {
    this.isLate = isLate
    this.hasPutOff = false
    this.#endMs = this.#now() + lengthMs
    this.#units = 0
    this.isOver = false
  }

  /** So much work was done. Returns whether the time is up. */
  spend(units: number): boolean {
    this.#units += units
    if (this.#units >= UNITS_PER_LOOK) {
      this.#units = 0
      if (this.#now() >= this.#endMs) this.isOver = true
    }
    return this.isOver
  }

  /** What comes next takes too long to be begun late in a turn: it waits for a later one. */
  putOff(): void {
    this.isOver = true
    this.hasPutOff = true
  }

  /** The time that is left, 0 or less when it is up. */
  leftMs(): number {
    return this.#endMs - this.#now()
  }
}
