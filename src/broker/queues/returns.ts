/**
 * Messages that a channel leaves behind when it ends and that are too many to give back in one turn. Until the last of
 * them is back, their queues deliver nothing, so that the order stays what it was; whoever looks at such a queue or changes
 * it has them given back first.
 */
import type { LongWork } from '../scheduling/long-work.ts'
import type { Queue } from './queue.ts'

/** Messages between two looks at the clock. */
const STEP_MESSAGES = 256

/** Gives back up to so many messages, the oldest first; whether that were all. */
export type GiveBack = (messages: number) => boolean

/** Gives back messages of these queues, turn by turn. */
export function startReturns(longWork: LongWork, queues: readonly Queue[], giveBack: GiveBack): void {
  const finish = longWork.start(STEP_MESSAGES, giveBack, () => {
    for (const queue of queues) queue.returned(finish)
  })
  for (const queue of queues) queue.expectReturns(finish)
}
