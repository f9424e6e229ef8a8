/**
 * When the messages of one queue expire. It is known of the next ready one, which is dropped when its time is over; those with very
 * little time are delivered as they come.
 */
import { expiresAtOf } from '../../../storage/record-extension.ts'
import type { Segment } from '../../../storage/segment.ts'
import type { AgeClock } from '../../lib/age-clock.ts'
import type { Message } from '../messages/message.ts'
import { MessageTtl } from './message-ttl.ts'
import type { QueueMessages } from './queue-messages.ts'

const NEVER = Number.POSITIVE_INFINITY
/** With less time than this a message is delivered when it arrives, if a consumer can take it: its turn might come too late. */
const SHORT_MS = 10
/** No turn has this number. */
const NO_TURN = -1

export interface ExpiringQueue {
  /** Puts a message behind the others. */
  append(message: Message): void
  /** Delivers what consumers can take at once. */
  deliverNow(): void
}

interface ExpiryTools {
  /** The time by which messages grow old. */
  readonly ages: AgeClock
  /** Not all there was before the restart is there again. */
  readonly isRestoring: boolean
}

/** What drops the messages that have expired. */
interface ExpiryDrops {
  /** Messages are being dropped, or read back for that. */
  readonly isDroppingHead: boolean
  dropWhatIsDue(): void
  /** `headAtMs` is another one. */
  timesChanged(): void
}

export class MessageExpiry {
  /** When the next ready message expires, if that is known. */
  headAtMs = NEVER
  /** The time, as of the last look at the clock. */
  nowMs = 0
  readonly #queue: ExpiringQueue
  readonly #messages: QueueMessages
  readonly #tools: ExpiryTools
  readonly #drops: ExpiryDrops
  /** What the queue allows each message. */
  #queueMs: number | undefined
  /** Made when the first message comes. */
  #ttl: MessageTtl | undefined
  /** No message expires before this time. */
  #soonestMs = 0
  /** The next ready message is being read back. */
  #awaitsHead = false
  /** Messages of this turn (`AgeClock.turn`) get this stamp, and there is nothing else to do about their time. */
  #stampTurn = NO_TURN
  #stamp: Uint8Array | undefined

  constructor(queue: ExpiringQueue, messages: QueueMessages, tools: ExpiryTools, drops: ExpiryDrops) {
    this.#queue = queue
    this.#messages = messages
    this.#tools = tools
    this.#drops = drops
  }

  set queueMs(ms: number | undefined) {
    this.#queueMs = ms
    this.#stampTurn = NO_TURN
    if (this.#ttl !== undefined) this.#ttl.queueMs = ms
  }

  lookAtClock(): void {
    this.nowMs = this.#tools.ages.turnMs()
  }

  /** Whether a message may have expired. */
  get mayBeDue(): boolean {
    return this.nowMs >= this.#soonestMs
  }

  /** A message has come back, which may be due at any time: it is looked at when it is the next one. */
  returned(): void {
    this.#soonestMs = 0
  }

  /** Puts a message behind the others, with its time noted beside it. */
  append(message: Message): void {
    if (message.extension !== undefined || this.#tools.ages.turn !== this.#stampTurn) {
      this.#appendAnew(message)
      return
    }
    message.extension = this.#stamp
    this.#queue.append(message)
    message.extension = undefined
  }

  #appendAnew(message: Message): void {
    const { extension } = message
    const { ages } = this.#tools
    const nowMs = ages.turnMs()
    // The memory of the stamp is written to now.
    this.#stampTurn = NO_TURN
    this.nowMs = nowMs
    const expiresAtMs = (this.#ttl ?? this.#newTtl()).stamp(message, nowMs)
    const stamp = message.extension
    this.#queue.append(message)
    message.extension = extension
    if (expiresAtMs < this.headAtMs || expiresAtMs - nowMs < SHORT_MS) this.#expect(expiresAtMs, nowMs)
    // Of those that expire later than the next one, and not soon, nothing has to be known yet.
    else if (extension === undefined && ages.turn !== 0) {
      this.#stampTurn = ages.turn
      this.#stamp = stamp
    }
  }

  #newTtl(): MessageTtl {
    this.#ttl = new MessageTtl()
    this.#ttl.queueMs = this.#queueMs
    return this.#ttl
  }

  #expect(expiresAtMs: number, nowMs: number): void {
    if (expiresAtMs < this.#soonestMs) this.#soonestMs = expiresAtMs
    if (expiresAtMs - nowMs < SHORT_MS) {
      // As if it were delivered just before its time is over.
      this.nowMs = Math.min(nowMs, expiresAtMs - 1)
      this.#queue.deliverNow()
      this.nowMs = nowMs
      if (expiresAtMs <= nowMs) this.#drops.dropWhatIsDue()
    }
    if (this.#messages.readyCount > 0 && expiresAtMs < this.headAtMs) this.#setHeadAt(expiresAtMs)
  }

  /** Another message is the next one. */
  headChanged(): void {
    if (this.#tools.isRestoring) return
    const messages = this.#messages
    if (messages.readyCount === 0) this.#soonestMs = NEVER
    // What is being dropped, or read back for that, is looked at when that is done.
    const isThere = !this.#drops.isDroppingHead && this.#isHeadThere()
    this.#setHeadAt(isThere ? expiresAtOf(messages.segment as Segment, messages.index) : NEVER)
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

  #setHeadAt(atMs: number): void {
    this.headAtMs = atMs
    this.#stampTurn = NO_TURN
    this.#drops.timesChanged()
  }
}
