/** Publishes and settlements that wait for commit, in the order they were made. */

export interface TransactionOperation {
  readonly kind: 'publish' | 'ack' | 'nack' | 'reject'
  /** Its effect is to survive a restart. */
  readonly isDurable?: boolean
  commit(): void
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

  /** Carries out everything; the transaction is empty and usable again. Whether any of it is to survive a restart. */
  commit(): boolean {
    const operations = this.#operations
    this.#operations = []
    for (const operation of operations) operation.commit()
    return operations.some(({ isDurable }) => isDurable)
  }

  /** Gives everything up, the latest first. */
  rollback(): void {
    const operations = this.#operations
    this.#operations = []
    for (const operation of operations.reverse()) operation.rollback()
  }
}
