import type { Fleet } from './fleet.ts'
import { thousands } from './numbers.ts'
import { emptyTally, tallyDifference } from './tally.ts'

const EVERY_MS = 1000

/** Tells what the last second brought, if asked to, and in any case that the broker blocks publishers. */
export class ProgressLines {
  readonly #fleet: Fleet
  readonly #isVerbose: boolean
  readonly #tell: (line: string) => void
  #timer: NodeJS.Timeout | undefined
  #last = emptyTally()
  #lastAtMs = 0
  #startedAtMs = 0
  #hasToldBlocked = false

  constructor(fleet: Fleet, isVerbose: boolean, tell: (line: string) => void) {
    this.#fleet = fleet
    this.#isVerbose = isVerbose
    this.#tell = tell
  }

  start(): void {
    this.#startedAtMs = performance.now()
    this.#lastAtMs = this.#startedAtMs
    this.#timer = setInterval(() => this.#tick(), EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const { blockedReason } = this.#fleet
    if (blockedReason !== undefined && !this.#hasToldBlocked) {
      this.#hasToldBlocked = true
      this.#tell(`the broker blocks publishers: ${blockedReason}`)
    }
    if (this.#isVerbose) this.#tellRates()
  }

  #tellRates(): void {
    const nowMs = performance.now()
    const seconds = (nowMs - this.#lastAtMs) / 1000
    const tally = this.#fleet.tally
    const since = tallyDifference(tally, this.#last)
    this.#last = tally
    this.#lastAtMs = nowMs
    const rates = [
      `published ${thousands(since.published / seconds)}/s`,
      since.confirmed > 0 ? `confirmed ${thousands(since.confirmed / seconds)}/s` : '',
      `consumed ${thousands(since.consumed / seconds)}/s`,
    ]
    const at = ((nowMs - this.#startedAtMs) / 1000).toFixed(0)
    this.#tell(`${at.padStart(4)} s  ${rates.filter((rate) => rate !== '').join('  ')}`)
  }
}
