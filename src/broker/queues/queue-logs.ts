/**
 * The logs of one queue. A log of messages has a place, which says what it is for: the first is there from the beginning, the others
 * are made when they are used first. Beside these are logs for other purposes, which few queues have. The record of a durable queue
 * tells which there are, so that a restart finds them.
 */
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { VhostStorage } from '../../../storage/storage.ts'

/** What else a queue may need a log for: dead messages that wait to go, and marks of messages that wait to be delivered again. */
export const LOGS_BESIDE = ['discards', 'retries'] as const
export type LogBeside = (typeof LOGS_BESIDE)[number]

/** The numbers under which the storage keeps them. */
export type LogsBeside = Readonly<Partial<Record<LogBeside, number>>>

/** In a list of numbers: there is no log in this place. */
const NO_LOG = 0
const NONE_BESIDE: LogsBeside = {}

/** The queue, as its logs know it. */
export interface LogsOwner {
  /** Another log was made than the first. */
  logMade(): void
}

export class QueueLogs {
  owner: LogsOwner | undefined
  /** How many were made. */
  count = 0
  /** The numbers of those beside the others. */
  beside: LogsBeside
  readonly #storage: VhostStorage
  readonly #isDurable: boolean
  readonly #ids: number[]
  readonly #keptAs: readonly number[]

  /** `keptAs`: the numbers under which the storage kept the messages of this queue, by the places of its logs; `beside`, the others. */
  constructor(storage: VhostStorage, isDurable: boolean, keptAs: readonly number[] = [], beside = NONE_BESIDE) {
    this.#storage = storage
    this.#isDurable = isDurable
    this.#keptAs = keptAs
    this.#ids = [...keptAs]
    this.beside = beside
  }

  /** The numbers under which the storage keeps the messages, by the places of their logs; none when no message survives a restart. */
  get ids(): readonly number[] {
    return this.#ids
  }

  /** The places of the logs that there were before the restart, but for the first. */
  keptPlaces(): number[] {
    return this.#keptAs.flatMap((id, place) => (place === 0 || id === NO_LOG ? [] : [place]))
  }

  /** The log in the first place. Called once. */
  first(): QueueLog {
    return this.#create(0)
  }

  /** The log in a place that has none yet, but for what the storage kept. */
  make(place: number): QueueLog {
    const log = this.#create(place)
    this.owner?.logMade()
    return log
  }

  /** The log for this purpose, with what the storage kept. Called once. */
  makeBeside(purpose: LogBeside): QueueLog {
    const kept = this.beside[purpose]
    const id = kept ?? this.#newId()
    const log = this.#createLog(id)
    if (kept !== undefined) return log
    if (id !== undefined) this.beside = { ...this.beside, [purpose]: id }
    this.owner?.logMade()
    return log
  }

  #create(place: number): QueueLog {
    const kept = this.#keptAs[place] ?? NO_LOG
    const id = kept === NO_LOG ? this.#newId() : kept
    if (id !== undefined) {
      while (this.#ids.length < place) this.#ids.push(NO_LOG)
      this.#ids[place] = id
    }
    return this.#createLog(id)
  }

  #newId(): number | undefined {
    return this.#isDurable ? this.#storage.newQueueId() : undefined
  }

  #createLog(id: number | undefined): QueueLog {
    this.count++
    return this.#storage.createQueueLog(id)
  }
}
