/** How messages leave a queue, or come back to it, and what may take those that no consumer has accepted. */
import type { Segment } from '../../../storage/segment.ts'
import type { Message } from '../messages/message.ts'
import type { QueueMessages } from './queue-messages.ts'

/** Why a message leaves its queue without having been accepted. */
export type DeadLetterReason = 'reject' | 'expired' | 'maxlen' | 'delivery-limit'

/** What becomes of a message that was taken: it is accepted, it comes back, or it leaves for a reason. */
export type Settlement = 'ack' | 'requeue' | DeadLetterReason

/** Where the messages of one queue go that leave it without having been accepted. */
export interface DeadLetters {
  /** More wait to go than is good: what need not leave now should stay where it is for a while. */
  readonly isBehind: boolean
  /** Calls back once they are not behind any more. */
  whenCaughtUp(work: () => void): void
  /**
   * Takes over a message, whose record is in memory. What this appends to other queues in the same turn is in one commit
   * with the end of the message here. False when it cannot go yet: it stays unacked then, and these dead letters
   * settle it with `ack` later.
   */
  take(segment: Segment, index: number, reason: DeadLetterReason): boolean
  /** Takes a copy of a message that is refused, since the queue is full. */
  takeRefused(message: Message): void
}

interface Waiting {
  readonly segment: Segment
  readonly index: number
  readonly reason: DeadLetterReason
}

/** The queue, as far as it concerns messages on their way out of it. */
export interface DyingQueue {
  readonly isDeleted: boolean
  readonly deadLetters: DeadLetters | undefined
  settle(segment: Segment, index: number, settlement: 'ack'): void
}

/** Messages on their way out of a queue, in the order in which they leave: some have to be read back first. */
export class DeadLetterLine {
  readonly #queue: DyingQueue
  readonly #messages: QueueMessages
  #waiting: Waiting[] = []

  constructor(queue: DyingQueue, messages: QueueMessages) {
    this.#queue = queue
    this.#messages = messages
  }

  add(to: DeadLetters, segment: Segment, index: number, reason: DeadLetterReason): void {
    if (this.#waiting.length === 0 && segment.isResident) {
      this.#hand(to, segment, index, reason)
      return
    }
    if (this.#waiting.push({ segment, index, reason }) === 1) this.#messages.load(segment, this.#goOn)
  }

  #hand(to: DeadLetters | undefined, segment: Segment, index: number, reason: DeadLetterReason): void {
    // A record that could not be read back has nothing to hand over.
    const mayGo = to === undefined || segment.damaged?.has(index) === true || to.take(segment, index, reason)
    if (mayGo) this.#queue.settle(segment, index, 'ack')
  }

  readonly #goOn = (): void => {
    let done = 0
    let next: Segment | undefined
    const defects: unknown[] = []
    for (const { segment, index, reason } of this.#waiting) {
      if (this.#queue.isDeleted) break
      if (!segment.isResident) {
        next = segment
        break
      }
      done++
      try {
        this.#hand(this.#queue.deadLetters, segment, index, reason)
      } catch (error) {
        defects.push(error) // the others go all the same
      }
    }
    this.#waiting = this.#queue.isDeleted ? [] : this.#waiting.slice(done)
    if (next !== undefined) this.#messages.load(next, this.#goOn)
    if (defects.length > 0) throw defects[0]
  }
}
