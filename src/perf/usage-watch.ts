import { type ProcessUsage, processUsage } from './process-usage.ts'

export interface MeasuredUsage {
  readonly cpuSeconds: number
  readonly seconds: number
  readonly rssBytes: number
}

interface Sample extends ProcessUsage {
  readonly atMs: number
}

/** What the broker's process uses while messages are counted. Without a process it watches nothing. */
export class UsageWatch {
  readonly #pid: number | undefined
  readonly #timers: NodeJS.Timeout[] = []
  #from: Sample | undefined
  #until: Sample | undefined

  /** Throws a `PerfError` when there is no such process. */
  constructor(pid: number | undefined) {
    this.#pid = pid
    this.#sample()
  }

  get measured(): MeasuredUsage | undefined {
    if (this.#from === undefined || this.#until === undefined) return undefined
    return {
      cpuSeconds: this.#until.cpuSeconds - this.#from.cpuSeconds,
      seconds: (this.#until.atMs - this.#from.atMs) / 1000,
      rssBytes: this.#until.rssBytes,
    }
  }

  start(): void {
    this.#from = this.#sample()
  }

  startIn(delayMs: number, lengthMs: number): void {
    this.#timers.push(setTimeout(() => this.start(), delayMs))
    this.#timers.push(setTimeout(() => this.stop(), delayMs + lengthMs))
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#until ??= this.#sample()
  }

  #sample(): Sample | undefined {
    if (this.#pid === undefined) return undefined
    return { ...processUsage(this.#pid), atMs: performance.now() }
  }
}
