/**
 * Drops messages from the head of a queue for as long as the next one is due to be dropped: a few at once, many turn by turn. What
 * has left memory is read back first. Until that is done, the queue delivers nothing.
 */
import { doForEach } from '../../lib/do-all.ts'
import type { LongWork } from '../scheduling/long-work.ts'
import type { QueueMessages } from './queue-messages.ts'
import type { DeadLetterReason, DeadLetters } from './settlement.ts'

/** So many are dropped before others have their turn … */
const AT_ONCE_MAX = 128
const LETTERS_AT_ONCE_MAX = 16
/** … and so many between two looks at the clock. */
const STEP_MESSAGES = 32
const KEEP_UP_MESSAGES = 2

/** The queue, as far as its drops are concerned. */
export interface DroppingQueue {
  readonly isDeleted: boolean
  readonly deadLetters: DeadLetters | undefined
  /** Drops the next ready message, which is in memory. */
  dropHead(reason: DeadLetterReason): void
}

/** What decides whether the next ready message is dropped. */
export interface DropRules {
  /** Whether there are too many messages. */
  isOver(): boolean
  /** Whether it may also depend on the message … */
  readonly looksAtHead: boolean
  /** … which is in memory then. */
  headReason(): DeadLetterReason | undefined
}

/** All that are due, not all yet, or what the next one waits for calls back. */
type DropOutcome = 'done' | 'more' | 'later'

export class HeadDrops {
  readonly #queue: DroppingQueue
  readonly #messages: QueueMessages
  readonly #longWork: LongWork
  readonly #rules: DropRules
  readonly #onDone: () => void
  #isUnderWay = false
  /** The next one has to be read back first, or dead letters have to go. */
  #isWaiting = false
  /** They are dropped turn by turn. */
  #isWorking = false
  /** They are being dropped right now: what comes of that comes in between. */
  #isDropping = false
  #waiting: (() => void)[] = []

  /** `onDone` is called when drops are done that were not done at once. */
  constructor(queue: DroppingQueue, messages: QueueMessages, longWork: LongWork, rules: DropRules, onDone: () => void) {
    this.#queue = queue
    this.#messages = messages
    this.#longWork = longWork
    this.#rules = rules
    this.#onDone = onDone
  }

  /** Some are still to be dropped. */
  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  /** Drops what is due. False when that takes longer. */
  run(): boolean {
    if (this.#isUnderWay || this.#isDropping) return false
    const outcome = this.#drop(this.#queue.deadLetters === undefined ? AT_ONCE_MAX : LETTERS_AT_ONCE_MAX)
    if (outcome === 'done') return true
    this.#isUnderWay = true
    if (outcome === 'more') this.#goOn()
    return false
  }

  /** To be called with every message that comes: where many are still to be dropped, more of them go than come. */
  keepUp(): void {
    if (this.#isUnderWay && !this.#isDropping && !this.#isWaiting) this.#drop(KEEP_UP_MESSAGES)
  }

  /** Calls back once nothing is under way any more. */
  whenDone(work: () => void): void {
    this.#waiting.push(work)
  }

  #drop(count: number): DropOutcome {
    this.#isDropping = true
    try {
      return this.#dropSome(count)
    } finally {
      this.#isDropping = false
    }
  }

  #dropSome(count: number): DropOutcome {
    const messages = this.#messages
    const rules = this.#rules
    const queue = this.#queue
    if (this.#isWaiting) return 'later'
    for (let left = count; left > 0; left--) {
      if (queue.isDeleted || messages.readyCount === 0) return 'done'
      const isOver = rules.isOver()
      if (!isOver && !rules.looksAtHead) return 'done'
      if (messages.isRecorded && !messages.isReadable(this.#goOn)) {
        this.#isWaiting = true
        return 'later'
      }
      const reason = isOver ? 'maxlen' : rules.headReason()
      if (reason === undefined) return 'done'
      if (queue.deadLetters?.isBehind === true) {
        queue.deadLetters.whenCaughtUp(this.#goOn)
        this.#isWaiting = true
        return 'later'
      }
      // A single one may take long: it has thousands of keys, or goes to thousands of queues.
      if (left < count && queue.deadLetters?.isSpent === true) return 'more'
      queue.dropHead(reason)
    }
    return 'more'
  }

  readonly #goOn = (): void => {
    this.#isWaiting = false
    if (this.#isWorking) return
    this.#isWorking = true
    let outcome: DropOutcome = 'more'
    const step = (count: number): boolean => {
      outcome = this.#drop(count)
      return outcome !== 'more'
    }
    this.#longWork.start(STEP_MESSAGES, step, (isDone) => {
      this.#isWorking = false
      if (!isDone || outcome === 'done') this.#end()
    })
  }

  #end(): void {
    this.#isUnderWay = false
    this.#onDone()
    const waiting = this.#waiting
    this.#waiting = []
    doForEach(waiting, (work) => work())
  }
}
