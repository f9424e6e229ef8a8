/** Looks at the memory of the process now and then, more often while the alarm is on, and logs the alarm. */
import type { MemoryAlarm } from './broker/memory-alarm.ts'
import { guarded } from './lib/guarded.ts'
import type { Logger } from './lib/logger.ts'
import type { RareLines } from './lib/rare-lines.ts'

const SAMPLE_MS = 1000
/** While publishers wait, memory is looked at more often, so that they go on as soon as they can. */
const ALARM_SAMPLE_MS = 50

export class MemoryWatch {
  readonly #memory: MemoryAlarm
  readonly #logger: Logger
  readonly #rareLines: RareLines
  readonly #relieve: () => void
  #timer: NodeJS.Timeout | undefined
  #alarmTimer: NodeJS.Timeout | undefined

  /** `relieve` frees what only this process can free; called while the alarm is on. */
  constructor(memory: MemoryAlarm, logger: Logger, rareLines: RareLines, relieve: () => void) {
    this.#memory = memory
    this.#logger = logger
    this.#rareLines = rareLines
    this.#relieve = relieve
    memory.onChange((isActive) => this.#alarmChanged(isActive))
  }

  start(): void {
    this.#timer = setInterval(
      this.#guarded(() => this.#memory.sample()),
      SAMPLE_MS,
    )
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
    const look = (): void => {
      this.#memory.sample()
      this.#relieve()
    }
    this.#alarmTimer = setInterval(this.#guarded(look), ALARM_SAMPLE_MS)
    this.#alarmTimer.unref()
  }

  /** The system needs a descriptor to say how much memory there is, and may have none left: what it said last stays true. */
  #guarded(look: () => void): () => void {
    return guarded(look, (error) => this.#rareLines.log('error', { err: error }, 'memory could not be looked at'))
  }
}
