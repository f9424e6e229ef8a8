/**
 * What a queue does by its settings, or by its messages, beyond keeping and delivering these: it keeps to a length, drops what has
 * expired or came back too often, and ends when it is not used. Queues that do nothing of that, as most, have no upkeep. All that
 * has to be done at a time is done by one timer.
 */
import { expiresAtOf } from '../../../storage/record-extension.ts'
import { deliveriesBefore, type Segment } from '../../../storage/segment.ts'
import type { AgeClock } from '../../lib/age-clock.ts'
import { Deadline } from '../../lib/deadline.ts'
import type { HeldMemory } from '../memory/memory-alarm.ts'
import type { Message } from '../messages/message.ts'
import type { LongWork } from '../scheduling/long-work.ts'
import { DelayedRetries, type RetryingQueue, retryRules } from './delayed-retries.ts'
import { type DroppingQueue, type DropRules, HeadDrops } from './head-drops.ts'
import { LengthLimit } from './length-limit.ts'
import { type ExpiringQueue, MessageExpiry } from './message-expiry.ts'
import type { QueueSettings } from './queue-arguments.ts'
import type { QueueMessages } from './queue-messages.ts'
import type { DeadLetterReason } from './settlement.ts'

const NEVER = Number.POSITIVE_INFINITY

/** The queue, as its upkeep knows it. */
export interface KeptQueue extends DroppingQueue, RetryingQueue, ExpiringQueue {
  readonly consumers: { readonly count: number }
  wake(): void
  /** The queue is not needed any more. */
  end(): void
}

/** What upkeep needs of the broker. */
export interface UpkeepTools {
  readonly longWork: LongWork
  readonly memory: HeldMemory
  /** The time by which messages grow old. */
  readonly ages: AgeClock
  /** Not all there was before the restart is there again: nothing must be dropped yet. */
  readonly isRestoring: boolean
}

export function needsUpkeep(settings: QueueSettings): boolean {
  const { messageTtlMs, expiresMs, deliveryLimit } = settings
  const isTimed = messageTtlMs !== undefined || expiresMs !== undefined
  if (isTimed || deliveryLimit !== undefined) return true
  return LengthLimit.of(settings) !== undefined || retryRules(settings) !== undefined
}

export class QueueUpkeep implements DropRules {
  readonly #queue: KeptQueue
  readonly #messages: QueueMessages
  readonly #tools: UpkeepTools
  readonly #deadline: Deadline
  /** Made when there are messages of which some may have to go. */
  #drops: HeadDrops | undefined
  #limit: LengthLimit | undefined
  /** Where messages may expire. */
  #expiry: MessageExpiry | undefined
  /** Where messages that come back may have to wait, or have had to. */
  #retries: DelayedRetries | undefined
  /** How often a message may come back. */
  #returnsMax = NEVER
  /** How long the queue stays unused. */
  #leaseMs: number | undefined
  /** When it ends. */
  #endAtMs = NEVER

  constructor(queue: KeptQueue, messages: QueueMessages, tools: UpkeepTools) {
    this.#queue = queue
    this.#messages = messages
    this.#tools = tools
    this.#deadline = new Deadline(tools.ages.timer, this)
  }

  /** Goes on by these settings, with what is in the queue already. */
  apply(settings: QueueSettings): void {
    this.#limit = LengthLimit.of(settings)
    if (settings.messageTtlMs !== undefined) this.expectExpirations()
    if (this.#expiry !== undefined) this.#expiry.queueMs = settings.messageTtlMs
    const { deliveryLimit = -1 } = settings
    // RabbitMQ: a negative limit is none.
    this.#returnsMax = deliveryLimit < 0 ? NEVER : deliveryLimit
    this.#leaseMs = settings.expiresMs
    this.#applyRetries(settings)
    this.begin()
  }

  #applyRetries(settings: QueueSettings): void {
    const rules = retryRules(settings)
    if (rules !== undefined || this.#queue.logs.beside.retries !== undefined)
      this.#retries ??= new DelayedRetries(this.#queue, this.#messages, this.#tools, () => this.#cameBack())
    if (this.#retries !== undefined) this.#retries.rules = rules
  }

  /** Does what is due by now, once everything is there again after a restart. As with RabbitMQ, other settings give the queue its whole time again. */
  begin(): void {
    if (this.#tools.isRestoring) return
    this.renewLease()
    this.#retries?.begin(
      () => this.#tools.ages.turnMs(),
      () => this.#cameBack(),
    )
    this.dropWhatIsDue()
  }

  // --- messages that wait before they are delivered again

  get retries(): DelayedRetries | undefined {
    return this.#retries
  }

  /** Has a message that comes back wait, if it has to. */
  delays(segment: Segment, index: number, isFailure: boolean): boolean {
    if (this.#retries?.takes(segment, index, isFailure, this.#tools.ages.turnMs()) !== true) return false
    this.timesChanged()
    return true
  }

  #cameBack(): void {
    this.returned()
    this.timesChanged()
    this.#queue.wake()
  }

  /** Messages may have times of their own. */
  expectExpirations(): void {
    this.#expiry ??= new MessageExpiry(this.#queue, this.#messages, this.#tools, this)
  }

  // --- what is dropped

  /** Messages are being dropped that must not be delivered, or it is not known yet which have to wait. */
  get isDropping(): boolean {
    return this.#drops?.isUnderWay === true || this.#retries?.isReading === true
  }

  /** Calls back when that is over. */
  whenDropped(work: () => void): void {
    if (this.#retries?.isReading === true) this.#retries.whenRead(work)
    else if (this.#drops?.isUnderWay === true) this.#drops.whenDone(work)
    else work()
  }

  isOver(): boolean {
    return this.#limit?.isOver(this.#messages) === true
  }

  get looksAtHead(): boolean {
    return this.#expiry !== undefined || this.#returnsMax !== NEVER
  }

  headReason(): DeadLetterReason | undefined {
    const reason = this.#reasonNow()
    if (reason !== undefined || this.#expiry === undefined) return reason
    this.#expiry.lookAtClock()
    return this.#reasonNow()
  }

  #reasonNow(): DeadLetterReason | undefined {
    const messages = this.#messages
    if (!messages.peek()) return undefined
    const segment = messages.segment as Segment // peek has set it
    const { index } = messages
    if (this.#expiry !== undefined && expiresAtOf(segment, index) <= this.#expiry.nowMs) return 'expired'
    return deliveriesBefore(segment, index) > this.#returnsMax ? 'delivery-limit' : undefined
  }

  /** The queue begins to deliver. */
  beginDelivery(): void {
    this.#expiry?.lookAtClock()
  }

  /** Whether the next ready message, which is in memory, must not be delivered. */
  get isHeadDue(): boolean {
    const mayBeDue = this.#expiry?.mayBeDue === true || this.#returnsMax !== NEVER
    return mayBeDue && this.#reasonNow() !== undefined
  }

  /** Drops what is due; false when that takes longer. */
  dropDue(): boolean {
    if (this.#retries?.isReading === true) return false
    if (this.#drops === undefined && this.#messages.readyCount === 0) return true
    this.#drops ??= this.#newDrops()
    return this.#drops.run()
  }

  #newDrops(): HeadDrops {
    return new HeadDrops(this.#queue, this.#messages, this.#tools.longWork, this, () => {
      this.headChanged()
      this.#queue.wake()
    })
  }

  get isDroppingHead(): boolean {
    return this.#drops?.isUnderWay === true
  }

  dropWhatIsDue(): void {
    if (this.dropDue() || this.#retries?.isReading !== true) this.headChanged()
  }

  // --- what happens to messages

  /** Puts a message behind the others; false when the queue refuses it. */
  publish(message: Message): boolean {
    if (this.#limit?.isExceededBy(this.#messages, message.bodyBytes) === true) return this.#publishOverLimit(message)
    this.#append(message)
    this.#drops?.keepUp()
    return true
  }

  #append(message: Message): void {
    if (this.#expiry === undefined) this.#queue.append(message)
    else this.#expiry.append(message)
  }

  #publishOverLimit(message: Message): boolean {
    if (this.refuses(message.bodyBytes)) {
      if (this.#limit?.overflow === 'reject-publish-dlx') this.#queue.deadLetters?.takeRefused(message)
      return false
    }
    this.#append(message)
    if (this.isOver()) {
      this.#queue.deliverNow()
      this.dropWhatIsDue()
    }
    this.#drops?.keepUp()
    return true
  }

  /** Whether its limits refuse a message with so many bytes now. */
  refuses(bodyBytes: number): boolean {
    if (!this.#isFull(bodyBytes)) return false
    // What consumers can take does not count.
    this.#queue.deliverNow()
    return this.#isFull(bodyBytes)
  }

  #isFull(bodyBytes: number): boolean {
    return this.#limit?.refuses(this.#messages, bodyBytes) === true
  }

  /** Whether a message that would come back now would have come back too often. */
  hasReturnedEnough(segment: Segment, index: number): boolean {
    return deliveriesBefore(segment, index) >= this.#returnsMax
  }

  /** A message has come back. */
  returned(): void {
    this.#expiry?.returned()
    this.dropWhatIsDue()
  }

  /** Another message is the next one. */
  headChanged(): void {
    this.#expiry?.headChanged()
  }

  // --- what is due at a time

  /** The queue is used. */
  renewLease(): void {
    const isUsed = this.#leaseMs === undefined || this.#queue.consumers.count > 0
    const endAtMs = isUsed ? NEVER : this.#tools.ages.monotonicMs() + (this.#leaseMs ?? 0)
    if (endAtMs === this.#endAtMs) return
    this.#endAtMs = endAtMs
    this.timesChanged()
  }

  /** Something is due at another time than before. */
  timesChanged(): void {
    this.#deadline.atMs = Math.min(this.#expiry?.headAtMs ?? NEVER, this.#endAtMs, this.#retries?.nextAtMs ?? NEVER)
  }

  /** The time has come for something. */
  due(): void {
    const { ages } = this.#tools
    ages.lookAnew()
    if (ages.turnMs() >= this.#endAtMs) {
      this.#queue.end()
      return
    }
    this.#retries?.run(ages.turnMs())
    this.dropWhatIsDue()
    this.timesChanged()
  }

  /** The queue is gone: what it waits for may still call back, and finds nothing that is due. */
  stop(): void {
    this.#leaseMs = undefined
    this.#endAtMs = NEVER
    if (this.#expiry !== undefined) this.#expiry.headAtMs = NEVER
    this.#deadline.stop()
    this.#retries?.clear()
  }
}
