/** How messages leave a queue, or come back to it, and what may take those that no consumer has accepted. */
import type { Segment } from '../../../storage/segment.ts'
import type { Message } from '../messages/message.ts'

/** Why a message leaves its queue without having been accepted. */
export type DeadLetterReason = 'reject' | 'expired' | 'maxlen' | 'delivery-limit'

/** How a message comes back: its consumer gives it back, or has failed. */
export type Return = 'requeue' | 'requeue-failed'

/** What becomes of a message that was taken: it is accepted, it comes back, or it leaves for a reason. */
export type Settlement = 'ack' | Return | DeadLetterReason

export function isReturn(settlement: Settlement): settlement is Return {
  return settlement === 'requeue' || settlement === 'requeue-failed'
}

/** Where the messages of one queue go that leave it without having been accepted. */
export interface DeadLetters {
  /** More wait to go than is good: what need not leave now should stay where it is for a while. */
  readonly isBehind: boolean
  /** Enough have gone in this turn of the event loop: others wait for the next one, if they can. */
  readonly isSpent: boolean
  /** Calls back once they are not behind any more. */
  whenCaughtUp(work: () => void): void
  /** Calls back once none waits to go: at once, when none does. */
  whenThrough(work: () => void): void
  /**
   * Takes over a message, whose record is in memory. What this appends to other queues in the same turn is in one commit
   * with the end of the message here. False when it cannot go yet: it stays unacked then, and these dead letters
   * settle it with `ack` later.
   */
  take(segment: Segment, index: number, reason: DeadLetterReason): boolean
  /** Those that could not go, before a restart or by other settings, are tried again. */
  goOn(): void
  /** Takes a copy of a message that is refused, since the queue is full. */
  takeRefused(message: Message): void
}
