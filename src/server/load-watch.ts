/**
 * Watches how late the event loop is. While it is late again and again, publishers are held back, and consumers and administration
 * have what there is. One long turn is no reason, however long it was: the process may have been stopped.
 */
import type { EventLoopDelay } from '../lib/event-loop-delay.ts'
import { CLEAR_SHARE, type WatchedAlarm } from './watched-alarm.ts'

/** So many looks in a row begin the alarm, or end it. */
const LOOKS = 3

type LoadAlarm = Omit<WatchedAlarm, 'now'>

export class LoadWatch {
  readonly #parts: LoadAlarm
  #recentMs: number[] = []

  constructor(eventLoop: EventLoopDelay, parts: LoadAlarm) {
    this.#parts = parts
    eventLoop.onLook = (lateMs) => this.#looked(lateMs)
  }

  /** How late the event loop was lately, at most. */
  get delayMs(): number {
    return Math.round(Math.max(0, ...this.#recentMs))
  }

  #looked(lateMs: number): void {
    const { alarm, logger } = this.#parts
    const limitMs = this.#parts.limitMs()
    this.#recentMs.push(lateMs)
    this.#recentMs = this.#recentMs.slice(-LOOKS)
    if (limitMs === 0) alarm.set(false)
    if (limitMs === 0 || this.#recentMs.length < LOOKS) return
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
