/**
 * Transactions of code in this process. Operations gather by channel, a number that the caller chooses; commit makes
 * sure that all of them can be carried out before the first one is, so that either all of them happen or none.
 */
import { refuse } from '../broker/errors.ts'
import type { Message } from '../broker/messages/message.ts'
import { type TransactionOperation as Step, Transaction } from '../broker/publishing/transaction.ts'
import type { Settlement } from '../broker/queues/settlement.ts'
import { aFunction, wholeNumber } from '../lib/checks.ts'
import type { Deliveries, Delivery } from './deliveries.ts'
import type { EmbeddedPublisher } from './embedded-publisher.ts'
import { encodeMessage } from './outgoing-message.ts'
import { checkOperation, type SettleOperation, type TransactionOperation } from './transaction-operations.ts'

export type TransactionState = 'none' | 'active' | 'pending'

export interface TransactionStatistics {
  readonly totalCommits: number
  readonly totalRollbacks: number
  /** Channels that are transactional now. */
  readonly activeTransactions: number
  /** Operations that wait for commit, on all channels. */
  readonly pendingOperations: number
  /** Operations that were committed, by kind. */
  readonly operationCounts: Readonly<Record<TransactionOperation['kind'], number>>
}

export interface TransactionsContext {
  /** Throws BrokerError when the virtual host is gone. */
  readonly publisher: () => EmbeddedPublisher
  readonly deliveries: Deliveries
  readonly whenDurable: () => Promise<void>
  /** Throws Error when the server has stopped. */
  readonly requireRunning: () => void
}

interface Entry {
  readonly operation: TransactionOperation
  /** The message of a publish, encoded when the operation was added. */
  readonly message: Message | undefined
}

const channelNumber = wholeNumber(0, Number.MAX_SAFE_INTEGER)

export class Transactions {
  readonly #context: TransactionsContext
  readonly #deliveries: Deliveries
  readonly #channels = new Map<number, Entry[]>()
  readonly #counts: Record<TransactionOperation['kind'], number> = { publish: 0, ack: 0, nack: 0, reject: 0 }
  #totalCommits = 0
  #totalRollbacks = 0

  /** Servers make it: see `Server.transactions`. */
  constructor(context: TransactionsContext) {
    this.#context = context
    this.#deliveries = context.deliveries
  }

  /** Makes a channel transactional; one that is already stays as it is. */
  select(channelId: number): void {
    this.#context.requireRunning()
    channelNumber(channelId, 'the channel')
    if (!this.#channels.has(channelId)) this.#channels.set(channelId, [])
  }

  /**
   * Adds an operation for the next commit. Throws BrokerError `precondition-failed` when the channel is not
   * transactional; RangeError or TypeError for a message that AMQP cannot carry.
   */
  addOperation(channelId: number, operation: TransactionOperation): void {
    this.#require(channelId).push(entryOf(operation))
  }

  /**
   * Carries out what is pending, in the order it was added. Throws BrokerError, with nothing changed and everything
   * still pending, when one of the operations is refused: an unknown exchange or delivery tag, a mandatory message that no
   * queue takes (`no-route`), a message that is too large, a server short of memory. A queue that refuses a message is found out
   * too late for that: everything else is carried out then, and this throws BrokerError `precondition-failed`, as with RabbitMQ.
   * The channel stays transactional either way.
   */
  commit(channelId: number): void {
    const entries = this.#require(channelId)
    const transaction = this.#prepareAll(entries)
    this.#channels.set(channelId, [])
    this.#carryOut(transaction, entries)
  }

  /** Forgets what is pending; the channel stays transactional. Throws BrokerError when it is not transactional. */
  rollback(channelId: number): void {
    this.#require(channelId).length = 0
    this.#totalRollbacks++
  }

  /** Ends the transactional mode of a channel; what is pending is forgotten, which counts as a rollback. */
  close(channelId: number): void {
    this.#context.requireRunning()
    const entries = this.#channels.get(channelId)
    if (entries === undefined) return
    this.#channels.delete(channelId)
    if (entries.length > 0) this.#totalRollbacks++
  }

  /**
   * Commits what the function adds, or nothing when it throws or rejects; passes on what it returns once it is durable.
   * Needs no channel. Throws like `commit`.
   */
  async executeAtomic<T>(work: (add: (operation: TransactionOperation) => void) => T | Promise<T>): Promise<T> {
    this.#context.requireRunning()
    aFunction(work, 'what executeAtomic is given')
    const entries: Entry[] = []
    let result: T
    let transaction: Transaction
    try {
      result = await work((operation) => entries.push(entryOf(operation)))
      transaction = this.#prepareAll(entries)
    } catch (error) {
      this.#totalRollbacks++
      throw error
    }
    this.#carryOut(transaction, entries)
    await this.#context.whenDurable()
    return result
  }

  isTransactional(channelId: number): boolean {
    this.#context.requireRunning()
    return this.#channels.has(channelId)
  }

  /** `none` when it is not transactional, `pending` when operations wait for commit, else `active`. */
  state(channelId: number): TransactionState {
    this.#context.requireRunning()
    const entries = this.#channels.get(channelId)
    if (entries === undefined) return 'none'
    return entries.length === 0 ? 'active' : 'pending'
  }

  /** What waits for commit, in order. */
  pendingOperations(channelId: number): TransactionOperation[] {
    this.#context.requireRunning()
    return this.#channels.get(channelId)?.map(({ operation }) => operation) ?? []
  }

  statistics(): TransactionStatistics {
    this.#context.requireRunning()
    let pendingOperations = 0
    for (const entries of this.#channels.values()) pendingOperations += entries.length
    return {
      totalCommits: this.#totalCommits,
      totalRollbacks: this.#totalRollbacks,
      activeTransactions: this.#channels.size,
      pendingOperations,
      operationCounts: { ...this.#counts },
    }
  }

  #require(channelId: number): Entry[] {
    this.#context.requireRunning()
    const entries = this.#channels.get(channelId)
    if (entries === undefined) throw refuse.notTransactional()
    return entries
  }

  /** Everything that can be refused is refused here, but for messages that a queue does not take. */
  #prepareAll(entries: readonly Entry[]): Transaction {
    this.#context.requireRunning()
    const transaction = new Transaction()
    const settled = new Set<Delivery>()
    for (const entry of entries) {
      for (const step of this.#prepare(entry, settled)) transaction.add(step)
    }
    return transaction
  }

  #carryOut(transaction: Transaction, entries: readonly Entry[]): void {
    this.#totalCommits++
    for (const { operation } of entries) this.#counts[operation.kind]++
    transaction.commit()
  }

  /** `settled` is what earlier operations of the transaction settle. */
  #prepare({ operation, message }: Entry, settled: Set<Delivery>): Step[] {
    if (operation.kind !== 'publish') return this.#prepareSettle(operation, settled)
    const publisher = this.#context.publisher()
    const publication = publisher.prepare(message as Message) // entryOf made one for every publish
    const isRouted = publication.queues.length > 0 || publication.replyConsumer !== undefined
    if (operation.mandatory && !isRouted) throw refuse.unroutable(operation.exchange, operation.routingKey)
    return [{ kind: 'publish', commit: () => publisher.publishPrepared(publication), rollback: () => {} }]
  }

  #prepareSettle(operation: SettleOperation, settled: Set<Delivery>): Step[] {
    const { kind, queue, deliveryTag } = operation
    const isMultiple = kind !== 'reject' && operation.multiple
    const settlement = settlementOf(operation)
    const selected = this.#deliveries.select(deliveryTag, isMultiple, queue)
    if (selected.some((delivery) => delivery.tag === deliveryTag && settled.has(delivery))) {
      throw refuse.unknownDeliveryTag(deliveryTag)
    }
    const fresh = selected.filter((delivery) => !settled.has(delivery))
    for (const delivery of fresh) settled.add(delivery)
    return fresh.map((delivery) => ({
      kind,
      commit: () => {
        this.#deliveries.settle(delivery, settlement)
        return undefined
      },
      rollback: () => {},
    }))
  }
}

function settlementOf(operation: SettleOperation): Settlement {
  if (operation.kind === 'ack') return 'ack'
  if (!operation.requeue) return 'reject'
  return operation.kind === 'reject' ? 'requeue-failed' : 'requeue'
}

/** Throws TypeError or RangeError for what is no operation. */
function entryOf(operation: TransactionOperation): Entry {
  checkOperation(operation)
  if (operation.kind !== 'publish') return { operation, message: undefined }
  const { exchange, routingKey, message } = operation
  return { operation, message: encodeMessage(exchange, routingKey, message) }
}
