/**
 * The clock by which messages grow old, in milliseconds since 1970. Where the system's clock is set while the broker runs, this one
 * goes on as before: what it is apart from the system's clock is its offset. So a clock that jumps ahead expires nothing, and one
 * that jumps back keeps nothing.
 *
 * Across a restart the system's clock tells how much time has passed, with the offset there was, so that messages grow old while the
 * broker is down. Had the system's clock been set back meanwhile, time would go backward: then it begins where it was. Had it been
 * set ahead, that looks like a longer time of being down, and counts.
 */
import type { Clock } from './clock.ts'
import { SharedTimer } from './shared-timer.ts'

/** What a later life has to know. */
export interface AgeClockState {
  /** The time of this clock. */
  readonly nowMs: number
  /** What had to be added to the time of the system's clock. */
  readonly offsetMs: number
}

export class AgeClock implements Clock {
  /** For all that has to be done at a time of this clock. */
  readonly timer: SharedTimer = new SharedTimer(this)
  readonly #clock: Clock
  /** What has to be added to the time of the monotonic clock. */
  #beginMs = 0
  readonly #atTurnEnd: ((work: () => void) => void) | undefined
  /** The time when this turn asked for it first; not a number before it did. */
  #turnMs = Number.NaN
  #awaitsTurnEnd = false
  /** The number of what `turnMs` tells now, as long as it tells the same; 0 when it would look anew. */
  turn = 0
  #turnCount = 0
  /** Whether it was ever asked for the time. */
  isUsed = false

  /** `atTurnEnd` calls back when the code that runs now is through. */
  constructor(clock: Clock, atTurnEnd?: (work: () => void) => void) {
    this.#clock = clock
    this.#atTurnEnd = atTurnEnd
    this.resume({ nowMs: 0, offsetMs: 0 })
  }

  /** Goes on from the state that was saved last in an earlier life. */
  resume(last: AgeClockState): void {
    this.#beginMs = Math.max(this.#clock.wallMs() + last.offsetMs, last.nowMs) - this.#clock.monotonicMs()
  }

  /** The time: it only goes forward. */
  monotonicMs(): number {
    this.isUsed = true
    return this.#beginMs + this.#clock.monotonicMs()
  }

  /** The time for everything that is done in this turn: to ask the system for each message would take long. */
  turnMs(): number {
    return this.#turnMs > 0 ? this.#turnMs : this.#lookForTurn()
  }

  #lookForTurn(): number {
    const nowMs = this.monotonicMs()
    if (this.#atTurnEnd === undefined) return nowMs
    this.#turnMs = nowMs
    this.turn = ++this.#turnCount
    if (!this.#awaitsTurnEnd) {
      this.#awaitsTurnEnd = true
      this.#atTurnEnd(this.#endTurn)
    }
    return nowMs
  }

  readonly #endTurn = (): void => {
    this.#awaitsTurnEnd = false
    this.lookAnew()
  }

  /** This turn may have taken long already: the next one to ask for its time gets the time that it is then. */
  lookAnew(): void {
    this.#turnMs = Number.NaN
    this.turn = 0
  }

  wallMs(): number {
    return this.#clock.wallMs()
  }

  after(ms: number, work: () => void): () => void {
    return this.#clock.after(ms, work)
  }

  /** To be saved now and then. */
  get state(): AgeClockState {
    const nowMs = this.#beginMs + this.#clock.monotonicMs()
    return { nowMs, offsetMs: nowMs - this.#clock.wallMs() }
  }
}
