/**
 * Messages that a channel leaves behind when it ends and that are too many to give back in one turn. Until the last of
 * them is back, their queues deliver nothing, so that the order stays what it was; whoever looks at such a queue or changes
 * it has them given back first.
 */
import { Turn } from '../lib/turn.ts'
import type { Queue } from './queue.ts'

const TURN_MS = 0.3
/** Messages between two looks at the clock. */
const STEP_MESSAGES = 256

/** Gives back up to so many messages, the oldest first; whether that were all. */
export type GiveBack = (messages: number) => boolean

export class Returns {
  readonly #pending = new Set<() => void>()
  readonly #turn: Turn
  readonly #nextTurn: (work: () => void) => void
  readonly #onDefect: (error: unknown) => void

  constructor(nextTurn: (work: () => void) => void, now: () => number, onDefect: (error: unknown) => void) {
    this.#nextTurn = nextTurn
    this.#turn = new Turn(now)
    this.#onDefect = onDefect
  }

  /** Gives back messages of these queues, turn by turn. */
  start(queues: readonly Queue[], giveBack: GiveBack): void {
    const step = (messages: number): boolean => {
      try {
        if (!giveBack(messages)) return false
      } catch (error) {
        this.#onDefect(error)
      }
      this.#pending.delete(finish)
      for (const queue of queues) queue.returned(finish)
      return true
    }
    const finish = (): void => void step(Number.POSITIVE_INFINITY)
    const work = (): void => {
      this.#turn.begin(TURN_MS)
      while (this.#pending.has(finish) && !step(STEP_MESSAGES)) {
        if (!this.#turn.spend(STEP_MESSAGES)) continue
        this.#nextTurn(work)
        return
      }
    }
    this.#pending.add(finish)
    for (const queue of queues) queue.expectReturns(finish)
    this.#nextTurn(work)
  }

  /** Gives back at once all that is left. */
  finish(): void {
    for (const finish of [...this.#pending]) finish()
  }
}
