/** How often each alarm was raised, and for how long in all publishers had to wait for it. */
import type { Clock } from '../../lib/clock.ts'
import type { EventLog } from './event-log.ts'

/** What publishers may have to wait for. */
export type AlarmResource = 'memory' | 'disk' | 'event-loop' | 'store'

export interface AlarmTime {
  readonly resource: AlarmResource
  readonly isActive: boolean
  readonly raisedCount: number
  /** All times together. */
  readonly activeMs: number
}

interface AlarmSource {
  readonly isActive: boolean
  onChange(listener: (isActive: boolean) => void): () => void
}

interface Watched {
  readonly resource: AlarmResource
  raisedCount: number
  pastMs: number
  /** Since when it is active. */
  sinceMs: number | undefined
}

export class AlarmTimes {
  readonly #clock: Clock
  readonly #events: EventLog
  readonly #watched: Watched[] = []

  constructor(clock: Clock, events: EventLog) {
    this.#clock = clock
    this.#events = events
  }

  watch(resource: AlarmResource, alarm: AlarmSource): void {
    const watched: Watched = { resource, raisedCount: 0, pastMs: 0, sinceMs: undefined }
    this.#watched.push(watched)
    const changed = (isActive: boolean): void => {
      const nowMs = this.#clock.monotonicMs()
      if (isActive) watched.raisedCount++
      else watched.pastMs += nowMs - (watched.sinceMs ?? nowMs)
      watched.sinceMs = isActive ? nowMs : undefined
      this.#events.add(isActive ? 'alarm.set' : 'alarm.cleared', { resource })
    }
    if (alarm.isActive) changed(true)
    alarm.onChange(changed)
  }

  all(): AlarmTime[] {
    const nowMs = this.#clock.monotonicMs()
    return this.#watched.map(({ resource, raisedCount, pastMs, sinceMs }) => ({
      resource,
      isActive: sinceMs !== undefined,
      raisedCount,
      activeMs: Math.round(pastMs + nowMs - (sinceMs ?? nowMs)),
    }))
  }
}
