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
import { MessageTtl } from './message-ttl.ts'
import type { QueueSettings } from './queue-arguments.ts'
import type { QueueMessages } from './queue-messages.ts'
import type { DeadLetterReason } from './settlement.ts'

const NEVER = Number.POSITIVE_INFINITY
/** With less time than this a message is delivered when it arrives, if a consumer can take it: its turn might come too late. */
const SHORT_MS = 10

/** The queue, as its upkeep knows it. */
export interface KeptQueue extends DroppingQueue, RetryingQueue {
  readonly consumers: { readonly count: number }
  /** Puts a message behind the others. */
  append(message: Message): void
  /** Delivers what consumers can take at once. */
  deliverNow(): void
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
  /** Messages may expire. */
  #isTimed = false
  /** Made when the first one comes, and what the queue allows each. */
  #ttl: MessageTtl | undefined
  #ttlMs: number | undefined
  /** Where messages that come back may have to wait, or have had to. */
  #retries: DelayedRetries | undefined
  /** How often a message may come back. */
  #returnsMax = NEVER
  /** How long the queue stays unused. */
  #leaseMs: number | undefined
  /** The time, as of the last look at the clock. */
  #nowMs = 0
  /** No message expires before this time. */
  #soonestMs = 0
  /** When the next ready message expires, or may, and when the queue ends. */
  #headAtMs = NEVER
  #endAtMs = NEVER
  /** The next ready message is being read back. */
  #awaitsHead = false

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
    this.#ttlMs = settings.messageTtlMs
    if (this.#ttl !== undefined) this.#ttl.queueMs = this.#ttlMs
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
    this.#retries?.begin(() => this.#retriesRead())
    this.#dropDue()
  }

  // --- messages that wait before they are delivered again

  /** How many wait, and bytes of their bodies. */
  get waitingCount(): number {
    return this.#retries?.count ?? 0
  }

  get waitingBytes(): number {
    return this.#retries?.bytes ?? 0
  }

  /** Bytes of the bodies of those that wait no more, since the queue was purged, and have not left it yet. */
  get leavingBytes(): number {
    return this.#retries?.leavingBytes ?? 0
  }

  /** Has a message that comes back wait, if it has to. */
  delays(segment: Segment, index: number, isFailure: boolean): boolean {
    if (this.#retries?.takes(segment, index, isFailure, this.#lookAtClock().#nowMs) !== true) return false
    this.#setTimes(this.#headAtMs, this.#endAtMs)
    return true
  }

  /** What an earlier life has left is read: the messages whose time has come meanwhile are ready before anything is delivered. */
  #retriesRead(): void {
    this.#retries?.run(this.#lookAtClock().#nowMs)
    this.#cameBack()
  }

  #cameBack(): void {
    this.returned()
    this.#setTimes(this.#headAtMs, this.#endAtMs)
    this.#queue.wake()
  }

  /** Drops those that wait; how many did. */
  purgeWaiting(): number {
    return this.#retries?.purge() ?? 0
  }

  /** Messages may have times of their own. */
  expectExpirations(): void {
    this.#isTimed = true
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
    return this.#isTimed || this.#returnsMax !== NEVER
  }

  headReason(): DeadLetterReason | undefined {
    return this.#reasonNow() ?? (this.#isTimed ? this.#lookAtClock().#reasonNow() : undefined)
  }

  #reasonNow(): DeadLetterReason | undefined {
    const messages = this.#messages
    if (!messages.peek()) return undefined
    const segment = messages.segment as Segment // peek has set it
    const { index } = messages
    if (expiresAtOf(segment, index) <= this.#nowMs) return 'expired'
    return deliveriesBefore(segment, index) > this.#returnsMax ? 'delivery-limit' : undefined
  }

  #lookAtClock(): this {
    this.#nowMs = this.#tools.ages.turnMs()
    return this
  }

  /** The queue begins to deliver. */
  beginDelivery(): void {
    if (this.#isTimed) this.#lookAtClock()
  }

  /** Whether the next ready message, which is in memory, must not be delivered. */
  get isHeadDue(): boolean {
    const mayBeDue = this.#nowMs >= this.#soonestMs || this.#returnsMax !== NEVER
    return mayBeDue && this.looksAtHead && this.#reasonNow() !== undefined
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

  #dropDue(): void {
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
    if (this.#isTimed) this.#appendTimed(message, this.#ttl ?? this.#newTtl())
    else this.#queue.append(message)
  }

  #newTtl(): MessageTtl {
    this.#ttl = new MessageTtl()
    this.#ttl.queueMs = this.#ttlMs
    return this.#ttl
  }

  #publishOverLimit(message: Message): boolean {
    if (this.refuses(message.bodyBytes)) {
      if (this.#limit?.overflow === 'reject-publish-dlx') this.#queue.deadLetters?.takeRefused(message)
      return false
    }
    this.#append(message)
    if (this.isOver()) {
      this.#queue.deliverNow()
      this.#dropDue()
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

  #appendTimed(message: Message, ttl: MessageTtl): void {
    const { extension } = message
    const nowMs = this.#tools.ages.turnMs()
    this.#nowMs = nowMs
    const expiresAtMs = ttl.stamp(message, nowMs)
    this.#queue.append(message)
    message.extension = extension
    // Of those that expire later than the next one, and not soon, nothing has to be known yet.
    if (expiresAtMs < this.#headAtMs || expiresAtMs - nowMs < SHORT_MS) this.#expectExpiry(expiresAtMs, nowMs)
  }

  #expectExpiry(expiresAtMs: number, nowMs: number): void {
    if (expiresAtMs < this.#soonestMs) this.#soonestMs = expiresAtMs
    if (expiresAtMs - nowMs < SHORT_MS) {
      // As if it were delivered just before its time is over.
      this.#nowMs = Math.min(nowMs, expiresAtMs - 1)
      this.#queue.deliverNow()
      this.#nowMs = nowMs
      if (expiresAtMs <= nowMs) this.#dropDue()
    }
    if (this.#messages.readyCount > 0 && expiresAtMs < this.#headAtMs) this.#setTimes(expiresAtMs, this.#endAtMs)
  }

  /** Whether a message that would come back now would have come back too often. */
  hasReturnedEnough(segment: Segment, index: number): boolean {
    return deliveriesBefore(segment, index) >= this.#returnsMax
  }

  /** A message has come back. */
  returned(): void {
    // It may be due at any time: it is looked at when it is the next one.
    this.#soonestMs = 0
    this.#dropDue()
  }

  /** Another message is the next one. */
  headChanged(): void {
    if (!this.#isTimed || this.#tools.isRestoring) return
    const messages = this.#messages
    if (messages.readyCount === 0) this.#soonestMs = NEVER
    // What is being dropped, or read back for that, is looked at when that is done.
    const isThere = this.#drops?.isUnderWay !== true && this.#isHeadThere()
    this.#setTimes(isThere ? expiresAtOf(messages.segment as Segment, messages.index) : NEVER, this.#endAtMs)
  }

  /** Whether the next ready message is in memory. If not, it is read back: its time may come before the queue is used again. */
  #isHeadThere(): boolean {
    const messages = this.#messages
    if (messages.peek()) return true
    if (messages.readyCount > 0 && !this.#awaitsHead) this.#awaitsHead = !messages.isReadable(() => this.#headRead())
    return false
  }

  #headRead(): void {
    this.#awaitsHead = false
    this.headChanged()
  }

  // --- what is due at a time

  /** The queue is used. */
  renewLease(): void {
    const isUsed = this.#leaseMs === undefined || this.#queue.consumers.count > 0
    const endAtMs = isUsed ? NEVER : this.#tools.ages.monotonicMs() + (this.#leaseMs ?? 0)
    if (endAtMs !== this.#endAtMs) this.#setTimes(this.#headAtMs, endAtMs)
  }

  #setTimes(headAtMs: number, endAtMs: number): void {
    this.#headAtMs = headAtMs
    this.#endAtMs = endAtMs
    this.#deadline.atMs = Math.min(headAtMs, endAtMs, this.#retries?.nextAtMs ?? NEVER)
  }

  /** The time has come for something. */
  due(): void {
    this.#tools.ages.lookAnew()
    if (this.#lookAtClock().#nowMs >= this.#endAtMs) this.#queue.end()
    else {
      this.#retries?.run(this.#nowMs)
      this.#dropDue()
      this.#setTimes(this.#headAtMs, this.#endAtMs)
    }
  }

  /** The queue is gone: what it waits for may still call back, and finds nothing that is due. */
  stop(): void {
    this.#leaseMs = undefined
    this.#setTimes(NEVER, NEVER)
    this.#deadline.stop()
    this.#retries?.clear()
  }
}
