/**
 * TLS handshakes in order: each takes about a millisecond of the processor, in one piece. A few begin in a turn of the event loop, so
 * that a thousand clients that come at once hold up the others only a little; and only so many are under way, since each
 * takes memory.
 */
import { NextTurn } from '../lib/next-turn.ts'

const STARTS_PER_TURN = 4
const UNDER_WAY_MAX = 2000

export class HandshakeStarts {
  #underWay = 0
  readonly #waiting = new Set<() => void>()
  readonly #nextTurn = new NextTurn(setImmediate, () => this.#beginSome())

  /** Calls `start` when it is its turn. Returns what takes it out of the line, or ends it once it has begun; to be called once. */
  add(start: () => void): () => void {
    let hasBegun = false
    const begin = (): void => {
      hasBegun = true
      this.#underWay++
      start()
    }
    this.#waiting.add(begin)
    this.#arm()
    return () => {
      if (!hasBegun) this.#waiting.delete(begin)
      else {
        this.#underWay--
        this.#arm()
      }
    }
  }

  #arm(): void {
    if (this.#waiting.size > 0 && this.#underWay < UNDER_WAY_MAX) this.#nextTurn.expect()
  }

  #beginSome(): void {
    let left = STARTS_PER_TURN
    for (const begin of this.#waiting) {
      if (left-- === 0 || this.#underWay >= UNDER_WAY_MAX) break
      this.#waiting.delete(begin)
      begin()
    }
    this.#arm()
  }
}
