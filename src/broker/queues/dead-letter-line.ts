/** Messages on their way out of a queue to its dead letters, in the order in which they leave: some have to be read back first. */
import type { Segment } from '../../../storage/segment.ts'
import type { QueueMessages } from './queue-messages.ts'
import type { DeadLetterReason, DeadLetters } from './settlement.ts'

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
