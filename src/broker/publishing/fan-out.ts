/**
 * A message on its way into so many queues that it does not get there in one turn. Its publisher waits meanwhile, so that
 * the order of what it does stays what it was.
 */
import { BODY_BESIDE_BYTES_MIN } from '../../../storage/record.ts'
import type { Turn } from '../../lib/turn.ts'
import type { Message } from '../messages/message.ts'
import type { Queue } from '../queues/queue.ts'
import type { LongWork } from '../scheduling/long-work.ts'

/** A message that goes to more queues than this may be put into them in several turns. */
export const ONE_TURN_QUEUES_MAX = 64
/** Queues between two looks at the clock: new ones take the longest. */
const STEP_QUEUES = 32

export class FanOut {
  /** Whether a queue that has it by now keeps it on the disk. */
  isStaged = false
  /** Whether one of the queues has refused it. */
  isRefused = false
  #message: Message
  readonly #queues: readonly Queue[]
  #next = 0
  #finish: (() => void) | undefined

  constructor(message: Message, queues: readonly Queue[]) {
    this.#message = message
    this.#queues = queues
  }

  /** Puts the message into queues until the time of the turn is up; whether all of them have it. */
  begin(turn: Turn): boolean {
    while (!this.#step(1)) if (turn.spend(1)) return false
    return true
  }

  /**
   * Goes on in further turns, with a message of its own. Returns the bytes of memory that this takes: a large body counts
   * where its queues keep it.
   */
  goOn(longWork: LongWork, onEnd: (isDone: boolean) => void): number {
    const message = this.#message.copy()
    this.#message = message
    const step = (queues: number): boolean => this.#step(queues)
    this.#finish = longWork.start(STEP_QUEUES, step, (isDone) => {
      message.release()
      onEnd(isDone)
    })
    return message.head.size + (message.bodyBytes < BODY_BESIDE_BYTES_MIN ? message.bodyBytes : 0)
  }

  /** Does at once what it would do in further turns. */
  finish(): void {
    this.#finish?.()
  }

  /** Puts the message into up to so many more queues, except those that are deleted by now; whether all are done. */
  #step(queues: number): boolean {
    const end = Math.min(this.#queues.length, this.#next + queues)
    while (this.#next < end) {
      const queue = this.#queues[this.#next++] as Queue
      if (queue.isDeleted) continue
      if (!queue.publish(this.#message)) this.isRefused = true
      else if (queue.durable && this.#message.isDurable) this.isStaged = true
    }
    return end === this.#queues.length
  }
}
