/** Looks at the memory of the process now and then, more often while the alarm is on, and logs the alarm. */
import type { MemoryAlarm } from './broker/memory-alarm.ts'
import type { Logger } from './lib/logger.ts'

const SAMPLE_MS = 1000
/** While publishers wait, memory is looked at more often, so that they go on as soon as they can. */
const ALARM_SAMPLE_MS = 50

export class MemoryWatch {
  readonly #memory: MemoryAlarm
  readonly #logger: Logger
  readonly #relieve: () => void
  #timer: NodeJS.Timeout | undefined
  #alarmTimer: NodeJS.Timeout | undefined

  /** `relieve` frees what only this process can free; called while the alarm is on. */
  constructor(memory: MemoryAlarm, logger: Logger, relieve: () => void) {
    this.#memory = memory
    this.#logger = logger
    this.#relieve = relieve
    memory.onChange((isActive) => this.#alarmChanged(isActive))
  }

  start(): void {
    this.#timer = setInterval(() => this.#memory.sample(), SAMPLE_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    clearInterval(this.#alarmTimer)
  }

  #alarmChanged(isActive: boolean): void {
    const { usedBytes, limitBytes } = this.#memory
    clearInterval(this.#alarmTimer)
    if (!isActive) {
      this.#logger.info({ usedBytes, limitBytes }, 'memory is below its limit again: publishers go on')
      return
    }
    this.#logger.warn({ usedBytes, limitBytes }, 'memory is over its limit: publishers wait, consumers go on')
    this.#alarmTimer = setInterval(() => {
      this.#memory.sample()
      this.#relieve()
    }, ALARM_SAMPLE_MS)
    this.#alarmTimer.unref()
  }
}
