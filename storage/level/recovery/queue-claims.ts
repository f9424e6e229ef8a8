/** Which of the queues that a store has messages of have got their logs. */
import type { RecoveredQueue } from '../log/recovered-queue.ts'

export class QueueClaims {
  readonly #recovered: Map<number, RecoveredQueue>
  /** Queues that have their logs, until all have. */
  readonly #claimed = new Set<number>()
  #isOver = false

  constructor(recovered: Map<number, RecoveredQueue>) {
    this.#recovered = recovered
  }

  /** Every queue has its log, or the rest was taken away. */
  get areAllClaimed(): boolean {
    return this.#recovered.size === 0
  }

  /** What there is of this queue. Throws Error when another queue has the same number: the first of them has the messages. */
  claim(queueId: number): RecoveredQueue | undefined {
    if (this.#claimed.has(queueId)) throw new Error(`another queue has its number ${queueId} too`)
    if (!this.#isOver) this.#claimed.add(queueId)
    const recovered = this.#recovered.get(queueId)
    this.#recovered.delete(queueId)
    return recovered
  }

  /** The queues that no log was made for. New ones have new numbers from now on. */
  takeUnclaimed(): (readonly [queueId: number, recovered: RecoveredQueue])[] {
    const unclaimed = [...this.#recovered]
    this.#isOver = true
    this.#claimed.clear()
    this.#recovered.clear()
    return unclaimed
  }
}
