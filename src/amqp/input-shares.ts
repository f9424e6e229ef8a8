/**
 * How long the input of a connection may take in one turn of the event loop, before the others come. A connection that was
 * the only one to send something for a while keeps nothing waiting: it has more time, since each turn that ends in the middle
 * of its input costs something. The first thing that another one sends waits for one such turn, what follows does not.
 */
const SHARE_MS = 0.25
const SHARE_ALONE_MS = 2
/** For so long, no other connection has sent anything. */
const ALONE_MS = 100

export class InputShares {
  #sender: object | undefined
  #onlySinceMs = 0

  /** The share of the connection that has just sent something, in this turn. */
  shareMs(sender: object, nowMs: number): number {
    if (sender !== this.#sender) {
      this.#sender = sender
      this.#onlySinceMs = nowMs
    }
    return nowMs - this.#onlySinceMs < ALONE_MS ? SHARE_MS : SHARE_ALONE_MS
  }

  /** The connection is gone. */
  forget(sender: object): void {
    if (sender === this.#sender) this.#sender = undefined
  }
}
