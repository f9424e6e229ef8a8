/**
 * Heartbeats of one connection, by a clock that ticks about twice a second. We send one when nothing was sent for half
 * an interval; we give up on a client from which nothing came for two.
 */
import { FRAME_END, FRAME_HEARTBEAT } from '../../protocol/constants.ts'
import type { Transport } from './transport.ts'

const HEARTBEAT_FRAME = Uint8Array.of(FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END)

/** A tick that comes this much early is still the one that was meant. */
const TICK_TOLERANCE_MS = 100

export class Heartbeat {
  /** 0 turns heartbeats off. */
  intervalMs = 0
  readonly #transport: Transport
  #bytesRead = 0
  #bytesTaken = 0
  #readAtMs: number
  #bytesWritten = 0
  #writtenAtMs: number

  constructor(transport: Transport, nowMs: number) {
    this.#transport = transport
    this.#readAtMs = nowMs
    this.#writtenAtMs = nowMs
  }

  /**
   * False when the client has to be given up. `isInputHeld`: we have stopped reading from it, so that its silence means
   * nothing. A client that takes what the system could not send at once is alive as well.
   */
  tick(nowMs: number, isInputHeld: boolean): boolean {
    const { outbox, bytesRead } = this.#transport
    const isTaking = outbox.isBlocked && outbox.bytesTaken !== this.#bytesTaken
    this.#bytesTaken = outbox.bytesTaken
    if (bytesRead !== this.#bytesRead || isTaking || isInputHeld || this.intervalMs === 0) {
      this.#bytesRead = bytesRead
      this.#readAtMs = nowMs
    }
    if (outbox.bytesWritten !== this.#bytesWritten) {
      this.#bytesWritten = outbox.bytesWritten
      this.#writtenAtMs = nowMs
    }
    if (this.intervalMs === 0) return true
    if (nowMs - this.#writtenAtMs >= this.intervalMs / 2 - TICK_TOLERANCE_MS && outbox.pendingBytes === 0) {
      outbox.write(HEARTBEAT_FRAME)
      this.#bytesWritten += HEARTBEAT_FRAME.length
      this.#writtenAtMs = nowMs
    }
    return nowMs - this.#readAtMs <= this.intervalMs * 2
  }
}
