/**
 * The logs of one queue. A log has a place, which says what it is for: the first is there from the beginning, the others
 * are made when they are used first. The record of a durable queue tells which there are, so that a restart finds them.
 */
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { VhostStorage } from '../../../storage/storage.ts'

/** In a list of numbers: there is no log in this place. */
const NO_LOG = 0

/** The queue, as its logs know it. */
export interface LogsOwner {
  /** Another log was made than the first. */
  logMade(): void
}

export class QueueLogs {
  owner: LogsOwner | undefined
  readonly #storage: VhostStorage
  readonly #isDurable: boolean
  readonly #ids: number[]
  readonly #keptAs: readonly number[]
  #discardsId: number

  /**
   * `keptAs`: the numbers under which the storage kept the messages of this queue, by the places of its logs, and its discards, if
   * it has kept any.
   */
  constructor(
    storage: VhostStorage,
    isDurable: boolean,
    keptAs: readonly number[] = [],
    discardsKeptAs: number | undefined = NO_LOG,
  ) {
    this.#storage = storage
    this.#isDurable = isDurable
    this.#keptAs = keptAs
    this.#ids = [...keptAs]
    this.#discardsId = discardsKeptAs
  }

  /** The numbers under which the storage keeps the messages, by the places of their logs. */
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

  /** The number under which the storage keeps the discards; undefined when there is no log of them. */
  get discardsId(): number | undefined {
    return this.#discardsId === NO_LOG ? undefined : this.#discardsId
  }

  /** The log of the discards, with what the storage kept of them. Called once. */
  makeDiscards(): QueueLog {
    if (this.#discardsId !== NO_LOG) return this.#storage.createQueueLog(this.#discardsId)
    const id = this.#isDurable ? this.#storage.newQueueId() : undefined
    this.#discardsId = id ?? NO_LOG
    const log = this.#storage.createQueueLog(id)
    this.owner?.logMade()
    return log
  }

  #create(place: number): QueueLog {
    if (!this.#isDurable) return this.#storage.createQueueLog()
    const kept = this.#keptAs[place] ?? NO_LOG
    const id = kept === NO_LOG ? this.#storage.newQueueId() : kept
    if (id === undefined) return this.#storage.createQueueLog()
    while (this.#ids.length < place) this.#ids.push(NO_LOG)
    this.#ids[place] = id
    return this.#storage.createQueueLog(id)
  }
}
