/**
 * Watches how late the event loop is: a timer that comes late shows for how long everything else had to wait. While it is late again
 * and again, publishers are held back, and consumers and administration have what there is. One long turn is no reason, however
 * long it was: the process may have been stopped.
 */
import { CLEAR_SHARE, type WatchedAlarm } from './watched-alarm.ts'

const SAMPLE_MS = 500
/** So many samples in a row begin the alarm, or end it. */
const SAMPLES = 3

export class LoadWatch {
  readonly #parts: WatchedAlarm
  #timer: NodeJS.Timeout | undefined
  #lastMs = 0
  #recentMs: number[] = []

  constructor(parts: WatchedAlarm) {
    this.#parts = parts
  }

  /** How late the event loop was lately, at most. */
  get delayMs(): number {
    return Math.round(Math.max(0, ...this.#recentMs))
  }

  start(): void {
    this.#lastMs = this.#parts.now()
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { alarm, logger, now } = this.#parts
    const limitMs = this.#parts.limitMs()
    const nowMs = now()
    this.#recentMs.push(Math.max(0, nowMs - this.#lastMs - SAMPLE_MS))
    this.#recentMs = this.#recentMs.slice(-SAMPLES)
    this.#lastMs = nowMs
    if (limitMs === 0) alarm.set(false)
    if (limitMs === 0 || this.#recentMs.length < SAMPLES) return
    const [leastMs, mostMs] = [Math.min(...this.#recentMs), Math.max(...this.#recentMs)]
    const fields = { delayMs: Math.round(mostMs), limitMs }
    if (!alarm.isActive && leastMs > limitMs) {
      logger.warn(fields, 'the event loop is late: publishers wait, consumers go on')
      alarm.set(true)
    } else if (alarm.isActive && mostMs < limitMs * CLEAR_SHARE) {
      logger.info(fields, 'the event loop is in time again: publishers go on')
      alarm.set(false)
    }
  }
}
