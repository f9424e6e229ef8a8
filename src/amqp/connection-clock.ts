/** The time of one connection: until when it has to be open or closed, and how long an open one may be silent or stuck. */
import { Heartbeat } from './heartbeat.ts'
import { SendTimeout } from './send-timeout.ts'
import type { Transport } from './transport.ts'

/**
 * Which time is over: to open or close (`deadline`), of the user's credentials (`expired`), without a sign of life (`silent`),
 * without taking anything (`stuck`).
 */
export type TimeOver = 'deadline' | 'expired' | 'silent' | 'stuck'

export class ConnectionClock {
  readonly #heartbeat: Heartbeat
  readonly #sendTimeout: SendTimeout
  #deadlineMs = Number.POSITIVE_INFINITY
  #expiresAtMs = Number.POSITIVE_INFINITY
  /** The time of the last tick. */
  #nowMs: number

  constructor(transport: Transport, sendTimeoutMs: number, nowMs: number) {
    this.#heartbeat = new Heartbeat(transport, nowMs)
    this.#sendTimeout = new SendTimeout(transport.outbox, sendTimeoutMs, nowMs)
    this.#nowMs = nowMs
  }

  /** 0 turns heartbeats off. */
  set heartbeatMs(intervalMs: number) {
    this.#heartbeat.intervalMs = intervalMs
  }

  /** The credentials of its user are valid for so long from now, `Infinity` for ever. */
  expireIn(ms: number): void {
    this.#expiresAtMs = this.#nowMs + ms
  }

  /** So much time is left from now on, in place of what was left before. */
  leave(ms: number): void {
    this.#deadlineMs = this.#nowMs + ms
  }

  /**
   * What is over, if anything. `isInputHeld`: we have stopped reading, so that we cannot see its heartbeats. If we have because
   * the client does not read either, the send timeout decides, as with RabbitMQ, which goes on reading heartbeats then.
   */
  tick(nowMs: number, isOpen: boolean, isInputHeld: boolean): TimeOver | undefined {
    this.#nowMs = nowMs
    if (nowMs >= this.#deadlineMs) return 'deadline'
    if (!isOpen) return undefined
    if (nowMs >= this.#expiresAtMs) return 'expired'
    if (!this.#sendTimeout.tick(nowMs)) return 'stuck'
    return this.#heartbeat.tick(nowMs, isInputHeld) ? undefined : 'silent'
  }
}
