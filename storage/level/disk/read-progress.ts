/** Tells how far reading is, when it takes long: not before a second has passed, and not more often than every second. */
import type { RecoveryProgress } from '../../storage.ts'

const QUIET_MS = 1000

export class ReadProgress {
  readonly #report: (progress: RecoveryProgress) => void
  readonly #nowMs: () => number
  #saidAtMs: number
  #step = ''
  #readBytes = 0
  #totalBytes = 0

  constructor(report: (progress: RecoveryProgress) => void, nowMs: () => number = () => performance.now()) {
    this.#report = report
    this.#nowMs = nowMs
    this.#saidAtMs = nowMs()
  }

  begin(step: string, totalBytes: number): void {
    this.#step = step
    this.#readBytes = 0
    this.#totalBytes = totalBytes
  }

  read(bytes: number): void {
    this.#readBytes += bytes
    const nowMs = this.#nowMs()
    if (nowMs - this.#saidAtMs < QUIET_MS) return
    this.#saidAtMs = nowMs
    this.#report({ step: this.#step, readBytes: this.#readBytes, totalBytes: this.#totalBytes })
  }
}
