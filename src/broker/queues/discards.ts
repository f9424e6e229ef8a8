/**
 * Messages of one queue that have died and could not go where its dead letters go, which has to take them: they wait in a log of their
 * own, made for the first of them. So they are dead after a restart, too, may leave memory, and count for the limits of the queue.
 */
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { RecordSource } from '../../../storage/record.ts'
import type { QueueLogs } from './queue-logs.ts'
import type { DeadLetters } from './settlement.ts'

export class Discards {
  readonly #logs: QueueLogs
  #log: QueueLog | undefined

  constructor(logs: QueueLogs) {
    this.#logs = logs
    if (logs.beside.discards !== undefined) this.#log = logs.makeBeside('discards')
  }

  /** Undefined as long as there was none. */
  get log(): QueueLog | undefined {
    return this.#log
  }

  get count(): number {
    return this.#log?.readyCount ?? 0
  }

  /** Bytes of their bodies. */
  get bytes(): number {
    return this.#log?.readyBytes ?? 0
  }

  add(message: RecordSource): void {
    this.#log ??= this.#logs.makeBeside('discards')
    this.#log.append(message)
  }

  /** They go by these settings from now on; without, there is nowhere to go. */
  goOn(deadLetters: DeadLetters | undefined): void {
    if (this.count === 0) return
    if (deadLetters === undefined) this.purge()
    else deadLetters.goOn()
  }

  /** Drops all of them; how many there were. */
  purge(): number {
    return this.#log?.purge() ?? 0
  }

  /** The queue is gone. */
  clear(): void {
    this.#log?.clear()
  }
}
