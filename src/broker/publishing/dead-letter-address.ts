/** Where the dead letters of one queue go, and those that wait to go there. */
import {
  decodeExtension,
  encodeExtension,
  hasOnlyExpiry,
  type RecordExtension,
  readExtension,
} from '../../../storage/record-extension.ts'
import type { Segment } from '../../../storage/segment.ts'
import { type DeadLetterTarget, deadLetterTarget } from '../dead-letters/dead-letter-target.ts'
import { DeathCause, type DeathReason } from '../dead-letters/death-cause.ts'
import { Message } from '../messages/message.ts'
import type { Discards } from '../queues/discards.ts'
import type { Queue } from '../queues/queue.ts'
import type { DeadLetterReason, DeadLetters } from '../queues/settlement.ts'
import type { DeathCounts } from '../statistics/traffic-figures.ts'
import type { DeadLetterOffice, Posted } from './dead-letter-office.ts'
import { DiscardRound } from './discard-round.ts'
import type { FanOut } from './fan-out.ts'

/** With more than this many waiting, what need not die now should not. */
const BEHIND_COUNT = 256
/** So many that went are forgotten together. */
const FORGET_COUNT = 1024

/** What one that waits takes, beside the copy of its message if it has one. */
const WAITING_BYTES = 64

const NOTHING_KNOWN: RecordExtension = {}
/** By the numbers under which discarded messages have them on the disk. */
const REASONS: readonly DeadLetterReason[] = ['reject', 'expired', 'maxlen', 'delivery-limit']

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
  /** Each has to arrive in all queues it goes to, and in one at least, before it leaves its own. */
  readonly isAtLeastOnce: boolean
  /** Where those that went are counted. */
  readonly deaths: DeathCounts
  readonly #queue: Queue
  readonly #office: DeadLetterOffice
  readonly #causes: DeathCause[] = []
  #waiting: Waiting[] = []
  /** Those in front have gone. */
  #first = 0
  /** The one that waited longest is being read back. */
  #isReading = false
  /** Those that could not go, of a queue that has such. */
  readonly #discards: Discards | undefined
  readonly #round: DiscardRound | undefined
  #whenCaughtUp: (() => void)[] = []
  #whenThrough: (() => void)[] = []
  /** The one that waited longest has its turn. */
  #isNext = false
  /** One is on its way to so many queues that it takes several turns, and what is done when it is there. */
  #underWay: { readonly fanOut: FanOut; readonly whenThere: () => void } | undefined

  private constructor(queue: Queue, target: DeadLetterTarget, office: DeadLetterOffice) {
    const { deadLetterStrategy, overflow } = queue.settings
    this.target = target
    this.#discards = queue.discards
    this.#round = this.#discards && new DiscardRound(this.#discards)
    // RabbitMQ: it takes reject-publish, since a queue that drops messages promises none.
    const isSafe = deadLetterStrategy === 'at-least-once' && overflow === 'reject-publish'
    this.isAtLeastOnce = isSafe && this.#discards !== undefined
    const { safeQuorumDeaths, quorumDeaths, classicDeaths } = office.figures
    this.deaths = this.isAtLeastOnce ? safeQuorumDeaths : queue.type === 'quorum' ? quorumDeaths : classicDeaths
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

  get isSpent(): boolean {
    return this.#office.isSpent
  }

  whenCaughtUp(work: () => void): void {
    this.#whenCaughtUp.push(work)
  }

  whenThrough(work: () => void): void {
    if (this.#waitingCount === 0) work()
    else this.#whenThrough.push(work)
  }

  take(segment: Segment, index: number, reason: DeadLetterReason): boolean {
    // What has no room goes as fast as its publisher is; the rest leaves time to others.
    if (reason === 'maxlen') this.#clearWay()
    if (!this.#mayGo(reason !== 'maxlen')) {
      this.#wait({ segment, index, reason })
      return false
    }
    const { dying } = this.#office
    dying.setStored(segment, index)
    const known = hasOnlyExpiry(segment, index) ? NOTHING_KNOWN : (readExtension(segment, index) ?? NOTHING_KNOWN)
    const posted = this.#office.post(this, dying, known, this.#cause(reason))
    if (posted === 'held' && !this.#queue.isDeleted) this.#discard(dying, known, reason)
    dying.release()
    if (typeof posted === 'object') {
      this.#underWay = { fanOut: posted, whenThere: () => this.#queue.settle(segment, index, 'ack') }
      return false
    }
    this.#office.sendWaiting()
    return true
  }

  /** It leaves its place in the queue, in one commit with this, and is tried again. */
  #discard(dying: Message, { deathMarks, blindKeys }: RecordExtension, reason: DeadLetterReason): void {
    dying.extension = encodeExtension({
      ...(deathMarks === undefined ? {} : { deathMarks }),
      ...(blindKeys === undefined ? {} : { blindKeys }),
      deathReason: REASONS.indexOf(reason),
    })
    this.#discards?.add(dying)
    this.#office.retryLater(this)
  }

  takeRefused(refused: Message): void {
    this.#clearWay()
    if (this.#mayGo(false)) {
      const known = refused.extension === undefined ? NOTHING_KNOWN : decodeExtension(Buffer.from(refused.extension))
      const posted = this.#office.post(this, refused, known, this.#cause('maxlen'))
      if (typeof posted === 'object') this.#underWay = { fanOut: posted, whenThere: () => {} }
      else this.#office.sendWaiting()
    }
    // Its publisher is told that it was refused: there is no promise to keep copies without end.
    else if (!this.isBehind) this.#wait(refused.copy())
  }

  /** The last of its queues has the dead letter that takes several turns. */
  fanOutEnded(): void {
    const underWay = this.#underWay
    this.#underWay = undefined
    underWay?.whenThere()
    if (this.#hasMore) this.#office.expect(this)
  }

  /** Sends the one that waited longest. Whether the next one may go then. */
  sendNext(): boolean {
    const next = this.#waiting[this.#first]
    if (this.#isReading || this.#mustBeRead(next)) return false
    if (next === undefined) return this.#tryNextDiscarded()
    this.#first++
    this.#office.memory.heldBytes -= bytesOf(next)
    this.#isNext = true
    if (next instanceof Message) {
      this.takeRefused(next)
      next.release()
    } else this.#leave(next)
    this.#isNext = false
    if (this.#first >= FORGET_COUNT || this.#waitingCount === 0) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    if (this.#whenCaughtUp.length > 0 && !this.isBehind) for (const work of this.#whenCaughtUp.splice(0)) work()
    if (this.#waitingCount === 0) for (const work of this.#whenThrough.splice(0)) work()
    return this.#hasMore
  }

  /** It is in memory: to stand in the queue's line of those that have to be read back would bring it here again. */
  #leave({ segment, index, reason }: Dying): void {
    const queue = this.#queue
    // Other settings have other addresses.
    if (queue.deadLetters !== this) queue.settle(segment, index, reason)
    else if (segment.damaged?.has(index) === true || this.take(segment, index, reason))
      queue.settle(segment, index, 'ack')
  }

  /** Whether one has to be read back first: the others keep their places behind it. */
  #mustBeRead(next: Waiting | undefined): boolean {
    if (next === undefined || next instanceof Message || next.segment.isResident) return false
    this.#isReading = true
    next.segment.log?.load(next.segment, this.#hasRead)
    return true
  }

  readonly #hasRead = (): void => {
    this.#isReading = false
    this.#office.expect(this)
  }

  goOn(): void {
    this.retry()
  }

  /** Has those that could not go tried again, some at a time. */
  retry(): void {
    // Other settings have other addresses.
    if (this.#round === undefined || this.#queue.isDeleted || this.#queue.deadLetters !== this) return
    if (!this.#round.isUnderWay) this.#round.begin()
    this.#office.expect(this)
  }

  /** Tries the next one of those that could not go, if it is time for them. Whether the one behind it may be tried then. */
  #tryNextDiscarded(): boolean {
    const round = this.#round
    if (round?.isUnderWay !== true || this.#underWay !== undefined) return false
    if (this.#queue.isDeleted || this.#queue.deadLetters !== this) {
      round.stop()
      return false
    }
    if (!round.tryNext(this.#sendDiscarded, this.#hasRead)) {
      this.#isReading = true
      return false
    }
    if (round.isUnderWay) return this.#underWay === undefined
    if (round.isPromising) round.begin()
    else if (round.isNeeded) this.#office.retryLater(this)
    return this.#hasMore
  }

  readonly #sendDiscarded = (segment: Segment, index: number, leave: () => void): boolean | undefined => {
    const { dying } = this.#office
    dying.setStored(segment, index)
    const known = readExtension(segment, index) ?? NOTHING_KNOWN
    const cause = this.#cause(REASONS[known.deathReason ?? 0] ?? 'reject')
    const posted: Posted = this.#office.post(this, dying, known, cause)
    dying.release()
    if (typeof posted !== 'object') return posted === 'done'
    const whenThere = (): void => {
      if (!this.#queue.isDeleted) leave()
    }
    this.#underWay = { fanOut: posted, whenThere }
    return undefined
  }

  get #hasMore(): boolean {
    if (this.#underWay !== undefined) return false
    return this.#waitingCount > 0 || this.#round?.isUnderWay === true
  }

  get #waitingCount(): number {
    return this.#waiting.length - this.#first
  }

  /** Sends at once all that wait, unless one has to be read back. */
  #clearWay(): void {
    while (!this.#isNext && !this.#office.isPosting) {
      this.#underWay?.fanOut.finish()
      if (this.#waitingCount === 0 || this.#isReading) return
      this.sendNext()
    }
  }

  /** Those that wait go first. */
  #mayGo(isPatient: boolean): boolean {
    const isNext = this.#isNext
    this.#isNext = false
    if (this.#office.isPosting || this.#underWay !== undefined) return false
    return isNext || (this.#waitingCount === 0 && !(isPatient && this.#office.isSpent))
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.#office.memory.heldBytes += bytesOf(waiting)
    if (this.#underWay === undefined) this.#office.expect(this)
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

function bytesOf(waiting: Waiting): number {
  return waiting instanceof Message ? WAITING_BYTES + waiting.head.size + waiting.bodyBytes : WAITING_BYTES
}

function deathReason(reason: DeadLetterReason): DeathReason {
  if (reason === 'reject') return 'rejected'
  return reason === 'delivery-limit' ? 'delivery_limit' : reason
}
