/**
 * Watches how long it takes until what was given to the store is safe. Once it takes too long, because the disk hangs or is much
 * too slow, the clients that gave it more are told to wait. It ends when the store is quick again, not when one thing got through.
 */
import type { Journal } from '../../storage/journal.ts'
import { CLEAR_SHARE, type WatchedAlarm } from './watched-alarm.ts'

const SAMPLE_MS = 1000

export class StoreDelay {
  readonly #parts: WatchedAlarm
  #journal: Pick<Journal, 'whenDurable'> | undefined
  #timer: NodeJS.Timeout | undefined
  /** When the journal was asked to tell that all that it had is safe, if it has not done so. */
  #askedAtMs: number | undefined

  constructor(parts: WatchedAlarm) {
    this.#parts = parts
  }

  start(journal: Pick<Journal, 'whenDurable'>): void {
    this.#journal = journal
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#journal = undefined
  }

  #look(): void {
    const { alarm, logger, now } = this.#parts
    const limitMs = this.#parts.limitMs()
    if (limitMs === 0) {
      alarm.set(false)
      return
    }
    if (this.#askedAtMs === undefined) this.#ask()
    if (this.#askedAtMs === undefined || alarm.isActive) return
    const delayMs = Math.round(now() - this.#askedAtMs)
    if (delayMs <= limitMs) return
    logger.warn({ delayMs, limitMs }, 'the store is behind: publishers of durable messages wait, consumers go on')
    alarm.set(true)
  }

  #ask(): void {
    const { now } = this.#parts
    const askedAtMs = now()
    this.#askedAtMs = askedAtMs
    this.#journal?.whenDurable(
      () => this.#answered(now() - askedAtMs),
      () => this.stop(),
    )
  }

  #answered(delayMs: number): void {
    const { alarm, logger } = this.#parts
    const limitMs = this.#parts.limitMs()
    this.#askedAtMs = undefined
    if (!alarm.isActive || delayMs >= limitMs * CLEAR_SHARE) return
    logger.info({ delayMs: Math.round(delayMs), limitMs }, 'the store keeps up again: publishers go on')
    alarm.set(false)
  }
}
