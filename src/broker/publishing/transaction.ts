/** Publishes and settlements that wait for commit, in the order they were made. */
import { refuse } from '../errors.ts'
import type { Queue } from '../queues/queue.ts'
import type { PublishOutcome } from './outcome.ts'

export interface TransactionOperation {
  readonly kind: 'publish' | 'ack' | 'nack' | 'reject'
  /** Its effect is to survive a restart. */
  readonly isDurable?: boolean
  /** How many queues take a message, or settle one, when it is committed; 1 when left out. */
  readonly units?: number
  /** The queue to which a message goes back that it was to settle. */
  readonly queue?: Queue
  /** What became of it, of a publish. */
  commit(): PublishOutcome | undefined
  rollback(): void
}

export class Transaction {
  #operations: TransactionOperation[] = []
  /** How many of them a commit that is under way has carried out. */
  #carriedOut = 0
  /** A queue has refused a message of the commit that is under way, or done. */
  #isRefused = false
  /** All units of the operations that wait. */
  units = 0
  /** Whether anything of it is to survive a restart. */
  isDurable = false

  get pendingCount(): number {
    return this.#operations.length
  }

  /** Publishes among those that wait. Walks over them. */
  get publishCount(): number {
    return this.#operations.filter(({ kind }) => kind === 'publish').length
  }

  /** A commit has begun, and goes on whatever happens. */
  get isCommitting(): boolean {
    return this.#carriedOut > 0
  }

  add(operation: TransactionOperation): void {
    this.#operations.push(operation)
    this.units += operation.units ?? 1
    if (operation.isDurable) this.isDurable = true
  }

  /** The queues to which messages go back when it is rolled back and its channel ends. */
  queues(): Set<Queue> {
    const queues = new Set<Queue>()
    for (const { queue } of this.#operations) if (queue !== undefined) queues.add(queue)
    return queues
  }

  /** Carries out everything; the transaction is empty and usable again. Throws as `requireAccepted` does. */
  commit(): void {
    this.commitSome(Number.POSITIVE_INFINITY)
    this.requireAccepted()
  }

  /**
   * To be asked when a commit is done. Throws BrokerError when a queue refused one of its messages: everything else is
   * carried out, as with RabbitMQ.
   */
  requireAccepted(): void {
    const isRefused = this.#isRefused
    this.#isRefused = false
    if (isRefused) throw refuse.partialTransaction()
  }

  /** Carries out operations of about so many units more; whether those were all. */
  commitSome(units: number): boolean {
    let left = units
    try {
      while (left > 0 && this.#carriedOut < this.#operations.length) {
        const operation = this.#operations[this.#carriedOut++] as TransactionOperation
        if (operation.commit() === 'refused') this.#isRefused = true
        left -= operation.units ?? 1
      }
    } catch (error) {
      this.#operations.splice(0, this.#carriedOut)
      this.#carriedOut = 0
      throw error
    }
    if (this.#carriedOut < this.#operations.length) return false
    this.#clear()
    return true
  }

  /** Gives everything up, the latest first. */
  rollback(): void {
    this.rollbackSome(Number.POSITIVE_INFINITY)
  }

  /** Gives up so many operations more; whether those were all. */
  rollbackSome(count: number): boolean {
    for (let left = count; left > 0; left--) {
      const operation = this.#operations.pop()
      if (operation === undefined) break
      operation.rollback()
    }
    if (this.#operations.length > 0) return false
    this.#clear()
    return true
  }

  #clear(): void {
    this.#operations = []
    this.#carriedOut = this.units = 0
    this.isDurable = false
  }
}
