/**
 * Unacked messages that are too many to give back in one turn. Until the last of them is back, their queues deliver
 * nothing, so that the order stays what it was; a method that looks at such a queue or changes it has all of them given
 * back first.
 */
import type { LongWork } from '../scheduling/long-work.ts'
import type { Queue } from './queue.ts'

/** Messages between two looks at the clock. */
const STEP_MESSAGES = 256

/** Gives back up to so many messages, the oldest first; whether those were all. */
export type GiveBack = (messages: number) => boolean

/** Gives back messages of these queues, turn by turn. `onEnd` is told whether all are back. */
export function startReturns(
  longWork: LongWork,
  queues: Iterable<Queue>,
  giveBack: GiveBack,
  onEnd: (isDone: boolean) => void = () => {},
): void {
  const finish = longWork.start(STEP_MESSAGES, giveBack, (isDone) => {
    for (const queue of queues) queue.returned(finish)
    onEnd(isDone)
  })
  for (const queue of queues) queue.expectReturns(finish)
}
