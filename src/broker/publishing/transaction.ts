/** Publishes and settlements that wait for commit, in the order they were made. */
import { refuse } from '../errors.ts'
import type { PublishOutcome } from './outcome.ts'

export interface TransactionOperation {
  readonly kind: 'publish' | 'ack' | 'nack' | 'reject'
  /** Its effect is to survive a restart. */
  readonly isDurable?: boolean
  /** What became of it, of a publish. */
  commit(): PublishOutcome | undefined
  rollback(): void
}

export class Transaction {
  #operations: TransactionOperation[] = []

  get pendingCount(): number {
    return this.#operations.length
  }

  add(operation: TransactionOperation): void {
    this.#operations.push(operation)
  }

  /**
   * Carries out everything; the transaction is empty and usable again. Whether any of it is to survive a restart. Throws
   * BrokerError when a queue refused one of the messages: everything else is carried out, as with RabbitMQ.
   */
  commit(): boolean {
    const operations = this.#operations
    this.#operations = []
    let isRefused = false
    for (const operation of operations) if (operation.commit() === 'refused') isRefused = true
    if (isRefused) throw refuse.partialTransaction()
    return operations.some(({ isDurable }) => isDurable)
  }

  /** Gives everything up, the latest first. */
  rollback(): void {
    const operations = this.#operations
    this.#operations = []
    for (const operation of operations.reverse()) operation.rollback()
  }
}
