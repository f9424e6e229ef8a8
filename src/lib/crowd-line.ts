/**
 * What very many clients may cause at once, and what is of no hurry: to let a client in, or to clear up behind one. A little of it is done
 * at once. What would make the turn of the event loop long waits in order, and each turn does as much of it as its time allows, so that a
 * crowd that comes or leaves keeps all others waiting for one short turn only.
 */
import { NextTurn } from './next-turn.ts'
import { WaitingLine } from './waiting-line.ts'

const TURN_MS = 1

export class CrowdLine {
  readonly #waiting = new WaitingLine<() => void>()
  #leftMs = TURN_MS
  readonly #turn: NextTurn
  readonly #now: () => number

  constructor(nextTurn: (work: () => void) => void, now: () => number) {
    this.#turn = new NextTurn(nextTurn, () => this.#run())
    this.#now = now
  }

  /** Does the work now, or in a later turn, behind all that waits already. It must not throw. */
  add(work: () => void): void {
    if (this.#leftMs > 0 && this.#waiting.length === 0) this.#do(work, this.#now())
    else this.#waiting.add(work)
    this.#turn.expect()
  }

  #run(): void {
    this.#leftMs = TURN_MS
    let nowMs = this.#now()
    while (this.#leftMs > 0) {
      const work = this.#waiting.takeFirst()
      if (work === undefined) break
      nowMs = this.#do(work, nowMs)
    }
    // The next turn has its own time, also if nothing waits now.
    if (this.#leftMs < TURN_MS || this.#waiting.length > 0) this.#turn.expect()
  }

  /** Returns the time. */
  #do(work: () => void, startedMs: number): number {
    work()
    const nowMs = this.#now()
    this.#leftMs -= nowMs - startedMs
    return nowMs
  }
}
