/** How messages leave a queue without having been accepted, or come back to it. */
import type { Segment } from '../../../storage/segment.ts'
import type { HeldMemory } from '../memory/memory-alarm.ts'
import { DeadLetterLine, type DyingQueue } from './dead-letter-line.ts'
import type { QueueMessages } from './queue-messages.ts'
import { type DeadLetterReason, isReturn, type Settlement } from './settlement.ts'

/** What has to be known of messages that come back. */
export interface ReturnRules {
  /** Whether a message that would come back now has come back too often. */
  hasReturnedEnough(segment: Segment, index: number): boolean
  /** Has a message that comes back wait before it is delivered again, if it has to. */
  delays(segment: Segment, index: number, isFailure: boolean): boolean
  /** A message has come back. */
  returned(): void
}

/** The queue, as far as messages are concerned that it gives up or gets back. */
export interface LeftQueue extends DyingQueue {
  readonly consumers: { readonly count: number }
  readonly upkeep: ReturnRules | undefined
  unackedCount: number
  wake(): void
}

export class Departures {
  readonly #queue: LeftQueue
  readonly #messages: QueueMessages
  /** Messages that leave for their dead letter queues, once there were any. */
  #dying: DeadLetterLine | undefined
  readonly #memory: HeldMemory

  constructor(queue: LeftQueue, messages: QueueMessages, memory: HeldMemory) {
    this.#queue = queue
    this.#messages = messages
    this.#memory = memory
  }

  /** Calls back when none waits any more to leave for the dead letter queues: at once, when none does. */
  whenThrough(work: () => void): void {
    const { deadLetters } = this.#queue
    const gone = (): void => (deadLetters === undefined ? work() : deadLetters.whenThrough(work))
    if (this.#dying === undefined) gone()
    else this.#dying.whenThrough(gone)
  }

  /** Ends the time of an unacked message that was not accepted: it becomes ready again in its old place, or leaves. */
  settle(segment: Segment, index: number, settlement: Exclude<Settlement, 'ack'>): void {
    if (isReturn(settlement)) this.#requeue(segment, index, settlement === 'requeue-failed')
    else this.#leave(segment, index, settlement)
  }

  #leave(segment: Segment, index: number, reason: DeadLetterReason): void {
    const queue = this.#queue
    if (queue.deadLetters === undefined) queue.settle(segment, index, 'ack')
    else {
      this.#dying ??= new DeadLetterLine(queue, this.#messages, this.#memory)
      this.#dying.add(queue.deadLetters, segment, index, reason)
    }
  }

  #requeue(segment: Segment, index: number, isFailure: boolean): void {
    const queue = this.#queue
    const { upkeep } = queue
    if (upkeep?.hasReturnedEnough(segment, index) === true) {
      this.#leave(segment, index, 'delivery-limit')
      return
    }
    if (upkeep?.delays(segment, index, isFailure) === true) return
    queue.unackedCount--
    this.#messages.requeue(segment, index)
    upkeep?.returned()
    if (queue.consumers.count > 0) queue.wake()
  }

  /** Drops the next ready message. There must be one, and it must be in memory. */
  dropHead(reason: DeadLetterReason): void {
    const messages = this.#messages
    const isDeadLetter = this.#queue.deadLetters !== undefined
    messages.take(isDeadLetter)
    const segment = messages.segment as Segment
    if (isDeadLetter) {
      this.#queue.unackedCount++
      this.#leave(segment, messages.index, reason)
    } else messages.finish(segment, messages.index)
  }
}

/** Drops all messages of a queue that is gone. What has died there is there until its dead letter queues have it. */
export function clearWhenThrough(messages: QueueMessages, departures: Departures | undefined): void {
  let isGone = false
  const clear = (): void => {
    isGone = true
    messages.clear()
  }
  if (departures === undefined) clear()
  else departures.whenThrough(clear)
  if (!isGone) messages.purge()
}
