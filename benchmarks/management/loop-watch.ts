/**
 * How late an event loop is, and how much processor time of its process went by meanwhile: the system may give the processor to others
 * for longer than all that the broker does in a turn. That of V8's threads is in it, so the turn itself took no more.
 */

/** Milliseconds. */
export interface LoopDelay {
  readonly p99: number
  readonly max: number
  /** The most processor time between two looks. */
  readonly cpuMax: number
}

const LOOK_MS = 1

export class LoopWatch {
  #late: number[] = []
  #cpuMaxMs = 0
  #lastMs = performance.now()
  #lastCpuMs = cpuMs()

  constructor() {
    setInterval(() => this.#look(), LOOK_MS)
  }

  reset(): void {
    this.#late = []
    this.#cpuMaxMs = 0
  }

  get delay(): LoopDelay {
    this.#late.sort((a, b) => a - b)
    const at = (share: number): number => this.#late[Math.ceil(this.#late.length * share) - 1] ?? 0
    return { p99: at(0.99), max: at(1), cpuMax: this.#cpuMaxMs }
  }

  #look(): void {
    const [nowMs, nowCpuMs] = [performance.now(), cpuMs()]
    this.#late.push(Math.max(0, nowMs - this.#lastMs - LOOK_MS))
    this.#cpuMaxMs = Math.max(this.#cpuMaxMs, nowCpuMs - this.#lastCpuMs)
    this.#lastMs = nowMs
    this.#lastCpuMs = nowCpuMs
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
