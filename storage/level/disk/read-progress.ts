/** Tells how far reading is, when it takes long: not before a second has passed, and not more often than every second. */
import { type Clock, SYSTEM_CLOCK } from '../../../src/lib/clock.ts'
import type { RecoveryProgress } from '../../storage.ts'

const QUIET_MS = 1000

export class ReadProgress {
  readonly #report: (progress: RecoveryProgress) => void
  readonly #clock: Clock
  #saidAtMs: number
  #step = ''
  #readBytes = 0
  #totalBytes = 0

  constructor(report: (progress: RecoveryProgress) => void, clock: Clock = SYSTEM_CLOCK) {
    this.#report = report
    this.#clock = clock
    this.#saidAtMs = clock.monotonicMs()
  }

  begin(step: string, totalBytes: number): void {
    this.#step = step
    this.#readBytes = 0
    this.#totalBytes = totalBytes
  }

  read(bytes: number): void {
    this.#readBytes += bytes
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#saidAtMs < QUIET_MS) return
    this.#saidAtMs = nowMs
    this.#report({ step: this.#step, readBytes: this.#readBytes, totalBytes: this.#totalBytes })
  }
}
