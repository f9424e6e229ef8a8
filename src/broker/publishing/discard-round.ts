/**
 * Tries again what a queue had to discard and could not send yet: from the oldest on, so many in a round, and the next round goes on
 * behind them. What cannot go still stays where it is.
 */
import type { LookAhead } from '../../../storage/look-ahead.ts'
import type { Segment } from '../../../storage/segment.ts'
import type { Discards } from '../queues/discards.ts'

const ROUND_COUNT = 1024

/** What became of one: it may leave, or stays; undefined while it is on its way, and `leave` is called later. */
type Sent = boolean | undefined

export class DiscardRound {
  readonly #discards: Discards
  #look: LookAhead | undefined
  /** So many of this round are left. */
  #left = 0
  #hasStayed = false

  constructor(discards: Discards) {
    this.#discards = discards
  }

  get isUnderWay(): boolean {
    return this.#left > 0
  }

  /** There is more to try, and none of the last round had to stay. */
  get isPromising(): boolean {
    return !this.#hasStayed && this.#discards.count > 0
  }

  /** There is more to try, if only later. */
  get isNeeded(): boolean {
    return this.#discards.count > 0
  }

  begin(): void {
    this.#left = ROUND_COUNT
    this.#hasStayed = false
  }

  /** Tries the next one. False when it is being read back first: the caller is called then. */
  tryNext(send: (segment: Segment, index: number, leave: () => void) => Sent, whenReadable: () => void): boolean {
    const { log } = this.#discards
    if (log === undefined) {
      this.#left = 0
      return true
    }
    this.#look ??= log.lookAhead()
    const look = this.#look
    look.refresh()
    const state = look.next(whenReadable)
    if (state === 'unread') return false
    if (state === 'end') {
      this.stop()
      return true
    }
    const { segment, index } = look
    const sent = send(segment, index, () => log.settle(segment, index))
    if (sent === false) this.#hasStayed = true
    else {
      log.takeAt(segment, index)
      if (sent === true) log.settle(segment, index)
    }
    if (--this.#left === 0) look.end()
    return true
  }

  /** Ends the round; the next one begins with the oldest. */
  stop(): void {
    this.#look?.end()
    this.#look = undefined
    this.#left = 0
  }
}
