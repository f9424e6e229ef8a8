/**
 * How long the input of a connection may take in one turn of the event loop, before the others come. A connection that was
 * the only one to send something for a while keeps nothing waiting: it has more time, since each turn that ends in the middle
 * of its input costs something. The first thing that another one sends waits for one such turn, what follows does not.
 *
 * What is read late in a turn that was long already has little time: enough for a client that sends little, and what a busy one
 * has sent joins the `InputLine`, as does a client that does anything but publish or settle: thousands may do so in the same turn.
 */
const SHARE_MS = 0.25
const SHARE_ALONE_MS = 2
const SHARE_LATE_MS = 0.02
/** From then on, a turn is long. */
const TURN_MS = 2
/** For so long, no other connection has sent anything. */
const ALONE_MS = 100

export class InputShares {
  #sender: object | undefined
  #onlySinceMs = 0
  #turn = 0
  #turnBeganMs = 0
  /** The turn is long already. */
  isLate = false

  /** The share of the connection that has just sent something, in the turn with this number. */
  shareMs(sender: object, turn: number, nowMs: number): number {
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#turnBeganMs = nowMs
    }
    this.isLate = nowMs - this.#turnBeganMs >= TURN_MS
    if (sender !== this.#sender) {
      this.#sender = sender
      this.#onlySinceMs = nowMs
    }
    if (nowMs - this.#onlySinceMs >= ALONE_MS) return SHARE_ALONE_MS
    return this.isLate ? SHARE_LATE_MS : SHARE_MS
  }

  /** The connection is gone. */
  forget(sender: object): void {
    if (sender === this.#sender) this.#sender = undefined
  }
}
