/** Which of the queues that a store has messages of have got their logs. */
import type { RecoveredQueue } from '../log/recovered-queue.ts'

export class QueueClaims {
  readonly #recovered: Map<number, RecoveredQueue>
  /** How many of these have no log yet. */
  #unclaimedCount: number
  /** Of the other queues those that have their logs, until all have. */
  readonly #others = new Set<number>()
  #isOver = false

  constructor(recovered: Map<number, RecoveredQueue>) {
    this.#recovered = recovered
    this.#unclaimedCount = recovered.size
  }

  /** Every queue has its log, or the rest was taken away. */
  get areAllClaimed(): boolean {
    return this.#unclaimedCount === 0
  }

  /** What there is of this queue. Throws Error when another queue has the same number: the first of them has the messages. */
  claim(queueId: number): RecoveredQueue | undefined {
    if (this.#isOver) return undefined
    const recovered = this.#recovered.get(queueId)
    if (recovered?.isClaimed ?? this.#others.has(queueId)) {
      throw new Error(`another queue has its number ${queueId} too`)
    }
    if (recovered === undefined) this.#others.add(queueId)
    else {
      recovered.isClaimed = true
      this.#unclaimedCount--
    }
    return recovered
  }

  /** The queues that no log was made for. New ones have new numbers from now on. */
  takeUnclaimed(): (readonly [queueId: number, recovered: RecoveredQueue])[] {
    const unclaimed: [queueId: number, recovered: RecoveredQueue][] = []
    for (const entry of this.#recovered) if (!entry[1].isClaimed) unclaimed.push(entry)
    this.#isOver = true
    this.#others.clear()
    this.#recovered.clear()
    this.#unclaimedCount = 0
    return unclaimed
  }
}
