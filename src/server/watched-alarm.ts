import type { Alarm } from '../lib/alarm.ts'
import type { Logger } from '../lib/logger.ts'

/** An alarm, and what a watch needs that raises it when something takes too long. */
export interface WatchedAlarm {
  readonly alarm: Alarm
  /** It may take so long; 0 for any time. */
  readonly limitMs: () => number
  readonly now: () => number
  readonly logger: Logger
}

/** The alarm ends when what takes the time is below this share of the limit, so that it does not come and go. */
export const CLEAR_SHARE = 0.5
