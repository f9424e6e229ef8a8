/**
 * Tells of a client that takes nothing of what it is sent. What waits for it is memory, and the messages that it was
 * delivered are in no other client's reach, so it cannot be waited for without end.
 */
import type { Outbox } from './outbox.ts'

/** A tick that comes later was held up by us: the client is not to blame for the rest. */
const TICK_MS_MAX = 1000

export class SendTimeout {
  readonly #outbox: Outbox
  readonly #timeoutMs: number
  #lastTickMs: number
  #bytesTaken = 0
  /** For how long the client has taken nothing. */
  #stuckMs = 0

  /** 0 waits without end. */
  constructor(outbox: Outbox, timeoutMs: number, nowMs: number) {
    this.#outbox = outbox
    this.#timeoutMs = timeoutMs
    this.#lastTickMs = nowMs
  }

  /** False when the client has to be given up: bytes wait for it, and it took none of them for so long. */
  tick(nowMs: number): boolean {
    const elapsedMs = Math.min(nowMs - this.#lastTickMs, TICK_MS_MAX)
    this.#lastTickMs = nowMs
    const { hasUntaken, bytesTaken } = this.#outbox
    const isStuck = hasUntaken && bytesTaken === this.#bytesTaken
    this.#bytesTaken = bytesTaken
    this.#stuckMs = isStuck ? this.#stuckMs + elapsedMs : 0
    return this.#timeoutMs === 0 || this.#stuckMs < this.#timeoutMs
  }
}
