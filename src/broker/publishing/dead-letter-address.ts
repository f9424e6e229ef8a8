/** Where the dead letters of one queue go, and those that wait to go there. */
import {
  decodeExtension,
  hasOnlyExpiry,
  type RecordExtension,
  readExtension,
} from '../../../storage/record-extension.ts'
import type { Segment } from '../../../storage/segment.ts'
import { type DeadLetterTarget, deadLetterTarget } from '../dead-letters/dead-letter-target.ts'
import { DeathCause, type DeathReason } from '../dead-letters/death-cause.ts'
import { Message } from '../messages/message.ts'
import type { Queue } from '../queues/queue.ts'
import type { DeadLetterReason, DeadLetters } from '../queues/settlement.ts'
import type { DeadLetterOffice } from './dead-letter-office.ts'

/** With more than this many waiting, what need not die now should not. */
const BEHIND_COUNT = 256
/** So many that went are forgotten together. */
const FORGET_COUNT = 1024

const NOTHING_KNOWN: RecordExtension = {}

/** A message in the queue … */
interface Dying {
  readonly segment: Segment
  readonly index: number
  readonly reason: DeadLetterReason
}

/** … or a copy of one that the queue did not take. */
type Waiting = Dying | Message

export class DeadLetterAddress implements DeadLetters {
  readonly target: DeadLetterTarget
  readonly #queue: Queue
  readonly #office: DeadLetterOffice
  readonly #causes: DeathCause[] = []
  #waiting: Waiting[] = []
  /** Those in front have gone. */
  #first = 0
  /** The one that waited longest has its turn. */
  #isNext = false
  /** One is on its way to so many queues that it takes several turns; what becomes of it then. */
  #whenFannedOut: (() => void) | undefined

  private constructor(queue: Queue, target: DeadLetterTarget, office: DeadLetterOffice) {
    this.target = target
    this.#queue = queue
    this.#office = office
  }

  /** Undefined when the settings of the queue name no exchange, or one that cannot be. */
  static of(queue: Queue, office: DeadLetterOffice): DeadLetterAddress | undefined {
    const { deadLetterExchange, deadLetterRoutingKey } = queue.settings
    const target =
      deadLetterExchange === undefined ? undefined : deadLetterTarget(deadLetterExchange, deadLetterRoutingKey)
    return target === undefined ? undefined : new DeadLetterAddress(queue, target, office)
  }

  get isBehind(): boolean {
    return this.#waitingCount > BEHIND_COUNT
  }

  take(segment: Segment, index: number, reason: DeadLetterReason): boolean {
    if (!this.#mayGo()) {
      this.#wait({ segment, index, reason })
      return false
    }
    const { dying } = this.#office
    dying.setStored(segment, index)
    const known = hasOnlyExpiry(segment, index) ? NOTHING_KNOWN : (readExtension(segment, index) ?? NOTHING_KNOWN)
    const isDone = this.#office.post(this, dying, known, this.#cause(reason))
    dying.release()
    if (isDone) this.#office.sendWaiting()
    else this.#whenFannedOut = () => this.#queue.settle(segment, index, 'ack')
    return isDone
  }

  takeRefused(refused: Message): void {
    if (this.#mayGo()) {
      const known = refused.extension === undefined ? NOTHING_KNOWN : decodeExtension(Buffer.from(refused.extension))
      if (this.#office.post(this, refused, known, this.#cause('maxlen'))) this.#office.sendWaiting()
      else this.#whenFannedOut = () => {}
    }
    // Its publisher is told that it was refused: there is no promise to keep copies without end.
    else if (!this.isBehind) this.#wait(refused.copy())
  }

  /** The last of its queues has the dead letter that takes several turns. */
  fanOutEnded(): void {
    const settle = this.#whenFannedOut
    this.#whenFannedOut = undefined
    settle?.()
    if (this.#waitingCount > 0) this.#office.expect(this)
  }

  /** Sends the one that waited longest. Whether the next one may go then. */
  sendNext(): boolean {
    const next = this.#waiting[this.#first++]
    if (next === undefined) this.#first--
    else {
      this.#isNext = true
      if (next instanceof Message) {
        this.takeRefused(next)
        next.release()
      } else this.#queue.settle(next.segment, next.index, next.reason)
      this.#isNext = false
    }
    if (this.#first >= FORGET_COUNT || this.#waitingCount === 0) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    return this.#waitingCount > 0 && this.#whenFannedOut === undefined
  }

  get #waitingCount(): number {
    return this.#waiting.length - this.#first
  }

  /** Those that wait go first. */
  #mayGo(): boolean {
    const isNext = this.#isNext
    this.#isNext = false
    if (this.#office.isPosting || this.#whenFannedOut !== undefined) return false
    return isNext || this.#waitingCount === 0
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting)
    if (this.#whenFannedOut === undefined) this.#office.expect(this)
  }

  /** What a message dies of here, in bytes: made once for each reason. */
  #cause(reason: DeadLetterReason): DeathCause {
    const name = deathReason(reason)
    let cause = this.#causes.find((known) => known.reason === name)
    if (cause === undefined) {
      cause = new DeathCause(this.#queue.name, name)
      this.#causes.push(cause)
    }
    return cause
  }
}

function deathReason(reason: DeadLetterReason): DeathReason {
  if (reason === 'reject') return 'rejected'
  return reason === 'delivery-limit' ? 'delivery_limit' : reason
}
