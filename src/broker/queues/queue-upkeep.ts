/**
 * What a queue does by its settings beyond keeping and delivering its messages. Queues that do nothing of that, as most, have no
 * upkeep.
 */
import type { Message } from '../messages/message.ts'
import type { LongWork } from '../scheduling/long-work.ts'
import { type DroppingQueue, type DropRules, HeadDrops } from './head-drops.ts'
import { LengthLimit } from './length-limit.ts'
import type { QueueSettings } from './queue-arguments.ts'
import type { QueueMessages } from './queue-messages.ts'
import type { DeadLetterReason } from './settlement.ts'

/** The queue, as its upkeep knows it. */
export interface KeptQueue extends DroppingQueue {
  /** Puts a message behind the others. */
  append(message: Message): void
  /** Delivers what consumers can take at once. */
  deliverNow(): void
  wake(): void
}

/** What upkeep needs of the broker. */
export interface UpkeepTools {
  readonly longWork: LongWork
}

export function needsUpkeep(settings: QueueSettings): boolean {
  return LengthLimit.of(settings) !== undefined
}

export class QueueUpkeep implements DropRules {
  readonly #queue: KeptQueue
  readonly #messages: QueueMessages
  readonly #drops: HeadDrops
  #limit: LengthLimit | undefined

  constructor(queue: KeptQueue, messages: QueueMessages, tools: UpkeepTools) {
    this.#queue = queue
    this.#messages = messages
    this.#drops = new HeadDrops(queue, messages, tools.longWork, this, () => queue.wake())
  }

  /** Goes on by these settings, with what is in the queue already. */
  apply(settings: QueueSettings): void {
    this.#limit = LengthLimit.of(settings)
    this.#drops.run()
  }

  /** Messages are being dropped that must not be delivered. */
  get isDropping(): boolean {
    return this.#drops.isUnderWay
  }

  isOver(): boolean {
    return this.#limit?.isOver(this.#messages) === true
  }

  get looksAtHead(): boolean {
    return false
  }

  headReason(): DeadLetterReason | undefined {
    return undefined
  }

  /** Puts a message behind the others; false when the queue refuses it. */
  publish(message: Message): boolean {
    if (this.#refuses(message)) {
      // What consumers can take does not count.
      this.#queue.deliverNow()
      if (this.#refuses(message)) {
        if (this.#limit?.overflow === 'reject-publish-dlx') this.#queue.deadLetters?.takeRefused(message)
        return false
      }
    }
    this.#queue.append(message)
    if (this.isOver()) {
      this.#queue.deliverNow()
      this.#drops.run()
    }
    return true
  }

  #refuses({ bodyBytes }: Message): boolean {
    return this.#limit?.refuses(this.#messages, bodyBytes) === true
  }

  /** A message has come back. */
  returned(): void {
    this.#drops.run()
  }

  /** Calls back when the queue drops nothing any more. */
  whenDropped(work: () => void): void {
    this.#drops.whenDone(work)
  }
}
