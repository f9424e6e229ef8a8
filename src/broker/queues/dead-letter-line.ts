/** Messages on their way out of a queue to its dead letters, in the order in which they leave: some have to be read back first. */
import type { Segment } from '../../../storage/segment.ts'
import type { HeldMemory } from '../memory/memory-alarm.ts'
import type { QueueMessages } from './queue-messages.ts'
import type { DeadLetterReason, DeadLetters } from './settlement.ts'

/** What one that waits takes. */
const WAITING_BYTES = 64

interface Waiting {
  readonly segment: Segment
  readonly index: number
  readonly reason: DeadLetterReason
}

/** The queue, as far as it concerns messages on their way out of it. */
export interface DyingQueue {
  readonly deadLetters: DeadLetters | undefined
  settle(segment: Segment, index: number, settlement: 'ack'): void
}

export class DeadLetterLine {
  readonly #queue: DyingQueue
  readonly #messages: QueueMessages
  readonly #memory: HeldMemory
  #waiting: Waiting[] = []
  #whenThrough: (() => void)[] = []

  constructor(queue: DyingQueue, messages: QueueMessages, memory: HeldMemory) {
    this.#queue = queue
    this.#messages = messages
    this.#memory = memory
  }

  /** Calls back when none waits any more: at once, when none does. */
  whenThrough(work: () => void): void {
    if (this.#waiting.length === 0) work()
    else this.#whenThrough.push(work)
  }

  add(to: DeadLetters, segment: Segment, index: number, reason: DeadLetterReason): void {
    if (this.#waiting.length === 0 && segment.isResident) {
      this.#hand(to, segment, index, reason)
      return
    }
    this.#memory.heldBytes += WAITING_BYTES
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
    this.#waiting = this.#waiting.slice(done)
    this.#memory.heldBytes -= done * WAITING_BYTES
    if (next !== undefined) this.#messages.load(next, this.#goOn)
    else for (const work of this.#whenThrough.splice(0)) work()
    if (defects.length > 0) throw defects[0]
  }
}
