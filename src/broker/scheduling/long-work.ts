/** Work that is too much for one turn of the event loop: it is done step by step, behind all other work that is due. */
import { Turn } from '../../lib/turn.ts'

const TURN_MS = 0.3

/** Does a step of the work, so many units of it; whether that was the last one. */
export type Step = (units: number) => boolean

export class LongWork {
  readonly #pending = new Set<() => void>()
  readonly #turn: Turn
  readonly #nextTurn: (work: () => void) => void
  readonly #onDefect: (error: unknown) => void

  constructor(nextTurn: (work: () => void) => void, now: () => number, onDefect: (error: unknown) => void) {
    this.#nextTurn = nextTurn
    this.#turn = new Turn(now)
    this.#onDefect = onDefect
  }

  /**
   * Does the work from the next turn on, and looks at the clock after every step of so many units. A step that throws is the
   * last one. `onEnd` is told whether all is done. Returns what does the rest at once.
   */
  start(units: number, step: Step, onEnd: (isDone: boolean) => void): () => void {
    const act = (count: number): void => {
      let isDone = true
      try {
        if (!step(count)) return
      } catch (error) {
        isDone = false
        this.#onDefect(error)
      }
      this.#pending.delete(finish)
      onEnd(isDone)
    }
    const finish = (): void => {
      if (this.#pending.has(finish)) act(Number.POSITIVE_INFINITY)
    }
    const work = (): void => {
      this.#turn.begin(TURN_MS)
      while (this.#pending.has(finish)) {
        act(units)
        if (!this.#turn.spend(units)) continue
        if (this.#pending.has(finish)) this.#nextTurn(work)
        return
      }
    }
    this.#pending.add(finish)
    this.#nextTurn(work)
    return finish
  }

  /** Does at once all that is left. */
  finish(): void {
    for (const finish of [...this.#pending]) finish()
  }
}
