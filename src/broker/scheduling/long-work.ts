/** Work that is too much for one turn of the event loop: it is done step by step, behind all other work that is due. */
import { NextTurn } from '../../lib/next-turn.ts'
import { Turn } from '../../lib/turn.ts'

const TURN_MS = 0.3

/** Does a step of the work, so many units of it; whether that was the last one. */
export type Step = (units: number) => boolean

interface Work {
  readonly units: number
  /** Does so many units of it. */
  act(units: number): void
}

export class LongWork {
  /** The one whose turn it is in front. */
  readonly #pending = new Set<Work>()
  readonly #turn: Turn
  readonly #nextTurn: NextTurn
  readonly #onDefect: (error: unknown) => void

  constructor(nextTurn: (work: () => void) => void, now: () => number, onDefect: (error: unknown) => void) {
    this.#nextTurn = new NextTurn(nextTurn, () => this.#run())
    this.#turn = new Turn(now)
    this.#onDefect = onDefect
  }

  /**
   * Does the work from the next turn on, step by step, in turn with all other such work. A step that throws is the last one.
   * `onEnd` is told whether all is done. Returns what does the rest at once.
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
      // What it did may have had the rest done at once.
      if (!this.#pending.delete(work)) return
      try {
        onEnd(isDone)
      } catch (error) {
        this.#onDefect(error)
      }
    }
    const work = { units, act }
    this.#pending.add(work)
    this.#nextTurn.expect()
    return () => {
      if (this.#pending.has(work)) act(Number.POSITIVE_INFINITY)
    }
  }

  /** The same for work that nobody else would do: a step that throws has done some of it, and further ones do the rest. */
  startSure(units: number, step: Step, onEnd: () => void): () => void {
    const sureStep = (count: number): boolean => {
      for (;;) {
        try {
          return step(count)
        } catch (error) {
          this.#onDefect(error)
          if (count !== Number.POSITIVE_INFINITY) return false
        }
      }
    }
    return this.start(units, sureStep, onEnd)
  }

  /** Does at once all that is left, and what that leads to. */
  finish(): void {
    for (const { act } of this.#pending) act(Number.POSITIVE_INFINITY)
  }

  /** All of it together has one turn, and looks at the clock after every so many units. */
  #run(): void {
    this.#turn.begin(TURN_MS)
    for (const work of this.#pending) {
      this.#pending.delete(work)
      this.#pending.add(work)
      work.act(work.units)
      if (this.#turn.spend(work.units)) break
    }
    if (this.#pending.size > 0) this.#nextTurn.expect()
  }
}
