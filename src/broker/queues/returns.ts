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

/** Gives back messages of these queues, turn by turn. A step that throws is the last one; `onEnd` is told whether all are back. */
export function startReturns(
  longWork: LongWork,
  queues: Iterable<Queue>,
  giveBack: GiveBack,
  onEnd: (isDone: boolean) => void = () => {},
): void {
  hold(queues, (returned) =>
    longWork.start(STEP_MESSAGES, giveBack, (isDone) => {
      returned()
      onEnd(isDone)
    }),
  )
}

/** The same at the end of a channel: whatever becomes of one message, the others come back. */
export function startLastReturns(longWork: LongWork, queues: Iterable<Queue>, giveBack: GiveBack): void {
  hold(queues, (returned) => longWork.startSure(STEP_MESSAGES, giveBack, returned))
}

/** Has the queues deliver nothing until `returned` is called. `start` returns what has all come back at once. */
function hold(queues: Iterable<Queue>, start: (returned: () => void) => () => void): void {
  const finish = start(() => {
    for (const queue of queues) queue.returned(finish)
  })
  for (const queue of queues) queue.expectReturns(finish)
}
