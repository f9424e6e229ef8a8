/**
 * What becomes of the deliveries of a channel: acks, nacks and rejects, basic.recover, and the end of the channel. In a
 * transaction it happens when that is committed. Many deliveries are settled in several turns.
 */
import { BASIC_ACK, BASIC_NACK, BASIC_REJECT, readDeliveryTag, readSettleBits } from '../../protocol/basic-fast-path.ts'
import type { Segment } from '../../storage/segment.ts'
import { refuse } from '../broker/errors.ts'
import type { Transaction } from '../broker/publishing/transaction.ts'
import { ackTimeoutMs, DeliveryAge } from '../broker/queues/delivery-age.ts'
import { startLastReturns } from '../broker/queues/returns.ts'
import { isReturn, type Return, type Settlement } from '../broker/queues/settlement.ts'
import type { Block } from '../lib/block.ts'
import { Unacked, type UnackedOwner } from './unacked.ts'
import { AT_ONCE_MAX, goOnInTurns, type WorkingChannel } from './work-in-turns.ts'

const MULTIPLE = 1
const REQUEUE = 2

/** What the objects of a settlement take that waits for tx.commit. */
const SETTLEMENT_BYTES = 512

/** The channel, as far as its deliveries are concerned. */
export interface SettlingChannel extends WorkingChannel {
  readonly id: number
  readonly transaction: Transaction | undefined
  readonly consumers: { countSettled(): void }
  readonly connection: WorkingChannel['connection'] & { readonly intake: { hold(bytes: number): void } }
}

export class Settling {
  readonly unacked = new Unacked()
  ackedCount = 0
  /** Once there was a delivery that has a time. */
  #age: DeliveryAge | undefined
  readonly #channel: SettlingChannel
  /** What the end of the channel means for its messages: RabbitMQ 4.3 counts no time-out of a consumer as its failure. */
  #atEnd: Return = 'requeue-failed'
  /** What is being settled in several turns: everything up to a tag. */
  #underWay: { readonly last: number; readonly settlement: Settlement } | undefined

  constructor(channel: SettlingChannel) {
    this.#channel = channel
  }

  /** Deliveries that the end of the channel gives back. */
  get openCount(): number {
    const { transaction } = this.#channel
    return this.unacked.count + (transaction === undefined ? 0 : transaction.pendingCount)
  }

  /** basic.ack, basic.nack and basic.reject, at their class id in the block. */
  settle(methodId: number, block: Block, payload: number): void {
    const tag = readDeliveryTag(block, payload)
    const bits = readSettleBits(block, payload)
    const isMultiple = methodId !== BASIC_REJECT && (bits & MULTIPLE) !== 0
    let settlement: Settlement = 'ack'
    if (methodId === BASIC_NACK) settlement = (bits & REQUEUE) !== 0 ? 'requeue' : 'reject'
    // RabbitMQ 4.3: who rejects a message has failed, who gives it back has not.
    else if (methodId !== BASIC_ACK) settlement = (bits & 1) !== 0 ? 'requeue-failed' : 'reject'
    // AMQP 0-9-1: tag 0 with the multiple bit stands for all of them.
    if (isMultiple && tag === 0) this.#settleUpTo(this.unacked.newest, settlement)
    else if (isMultiple && this.unacked.isOpen(tag)) this.#settleUpTo(tag, settlement)
    else if (!isMultiple && this.unacked.take(tag)) {
      if (isReturn(settlement)) this.unacked.owner?.queue.catchUp()
      this.#settleTaken(tag, settlement)
    } else throw refuse.unknownDeliveryTag(block.view.getBigUint64(payload + 4))
  }

  /**
   * Throws BrokerError when the oldest open delivery has waited too long for its acknowledgement: longer than its consumer, its
   * queue or the broker allows, the first of these that says something. 0 allows any time.
   */
  checkAge(nowMs: number, defaultMs: number): void {
    const { unacked } = this
    const owner = unacked.count === 0 ? undefined : unacked.ownerOf(unacked.oldest)
    const timeoutMs = owner === undefined ? 0 : ackTimeoutMs(owner, defaultMs)
    if (timeoutMs === 0) {
      this.#age?.forget()
      return
    }
    this.#age ??= new DeliveryAge()
    if (this.#age.look(nowMs, unacked) <= timeoutMs) return
    this.#atEnd = 'requeue'
    throw refuse.deliveryTimeout(this.#channel.id, timeoutMs)
  }

  /** Gives everything unacked back to its queues, the oldest first. `onEnd` is called when it is back. */
  requeueAll(onEnd?: () => void): void {
    this.#settleUpTo(this.unacked.newest, 'requeue', true, onEnd)
  }

  /**
   * The channel ends: gives up the transaction, and gives everything unacked back; in several turns when that is much, or
   * much together with what other channels give back now.
   */
  close(isMuchInAll: boolean): void {
    const { transaction } = this.#channel
    // A commit that has begun is carried out to its end.
    const given = transaction?.isCommitting ? undefined : transaction
    const giveBack = (messages: number): boolean =>
      given?.rollbackSome(messages) === false ? false : this.#giveBack(messages)
    let isDone = false
    try {
      isDone = !isMuchInAll && this.openCount <= AT_ONCE_MAX && giveBack(Number.POSITIVE_INFINITY)
    } finally {
      if (!isDone) {
        const queues = new Set([...this.unacked.queues(this.unacked.newest), ...(given?.queues() ?? [])])
        startLastReturns(this.#channel.vhost.longWork, queues, giveBack)
      }
    }
  }

  #giveBack(messages: number): boolean {
    return this.unacked.takeUpTo(
      Number.POSITIVE_INFINITY,
      (tag) => this.#settleTaken(tag, this.#fate(tag), true),
      messages,
    )
  }

  /** What the client has said of a delivery before the channel ended, if it was not carried out yet. */
  #fate(tag: number): Settlement {
    const underWay = this.#channel.transaction === undefined ? this.#underWay : undefined
    return underWay !== undefined && tag <= underWay.last ? underWay.settlement : this.#atEnd
  }

  /** Settles everything up to this tag, or lets the transaction do it later. */
  #settleUpTo(
    last: number,
    settlement: Settlement,
    isImmediate = this.#channel.transaction === undefined,
    onEnd?: () => void,
  ): void {
    const returnsTo = isReturn(settlement) && isImmediate ? this.unacked.queues(last) : []
    for (const queue of returnsTo) queue.catchUp()
    const settle = (tag: number): void => this.#settleTaken(tag, settlement, isImmediate)
    if (this.unacked.takeUpTo(last, settle, AT_ONCE_MAX)) {
      onEnd?.()
      return
    }
    this.#underWay = { last, settlement }
    // The end of the channel settles what is left.
    const step = (messages: number): boolean => this.#channel.isClosing || this.unacked.takeUpTo(last, settle, messages)
    const end = (isDone: boolean): void => {
      if (!isDone) return
      this.#underWay = undefined
      onEnd?.()
    }
    goOnInTurns(this.#channel, step, end, returnsTo)
  }

  /** Settles what `unacked.take` has just taken, or lets the transaction do it later. */
  #settleTaken(tag: number, settlement: Settlement, isImmediate = this.#channel.transaction === undefined): void {
    const owner = this.unacked.owner as UnackedOwner // take has set both
    const segment = this.unacked.segment as Segment
    const { index, bytes } = this.unacked
    if (isImmediate) {
      this.#finish(owner, segment, index, settlement, bytes)
      return
    }
    const { intake } = this.#channel.connection
    intake.hold(SETTLEMENT_BYTES)
    this.#channel.transaction?.add({
      kind: settlement === 'ack' ? 'ack' : 'reject',
      isDurable: !isReturn(settlement) && owner.queue.durable && !owner.queue.isDeleted && segment.belongsOnDisk(index),
      queue: owner.queue,
      commit: () => {
        intake.hold(-SETTLEMENT_BYTES)
        this.#finish(owner, segment, index, settlement, bytes)
      },
      rollback: () => {
        intake.hold(-SETTLEMENT_BYTES)
        this.unacked.restore(tag, owner, segment, index, bytes)
      },
    })
  }

  #finish(owner: UnackedOwner, segment: Segment, index: number, settlement: Settlement, bytes: number): void {
    if (bytes > 0) this.unacked.counted?.remove(bytes)
    owner.queue.settle(segment, index, settlement)
    if (settlement === 'ack') {
      this.ackedCount++
      owner.queue.ackedCount++
    }
    owner.returnCredit()
    if (owner.isConsumer) this.#channel.consumers.countSettled()
  }
}
