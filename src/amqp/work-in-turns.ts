/**
 * Work for a channel that is too much for one turn. What its client has sent behind it waits until it is done, so that the
 * next method finds everything as if it had been done at once.
 */

import type { Queue } from '../broker/queues/queue.ts'
import { startReturns } from '../broker/queues/returns.ts'
import type { LongWork, Step } from '../broker/scheduling/long-work.ts'

/** So many messages are settled, published or given back in one turn; of more, the rest comes in further turns. */
export const AT_ONCE_MAX = 4096

/** The channel, as far as such work is concerned. */
export interface WorkingChannel {
  readonly isClosing: boolean
  readonly vhost: { readonly longWork: LongWork }
  readonly connection: {
    readonly intake: { beginLongWork(): void; endLongWork(): void }
    destroy(): void
  }
}

/**
 * Does the rest of the work in further turns. To the queues of `queues` messages go back: they deliver nothing until then.
 * `onEnd` is told whether all is done and the channel is still there to be answered on.
 */
export function goOnInTurns(
  channel: WorkingChannel,
  step: Step,
  onEnd: (isDone: boolean) => void,
  queues: Iterable<Queue> = [],
): void {
  const { connection, vhost } = channel
  connection.intake.beginLongWork()
  startReturns(vhost.longWork, queues, step, (isDone) => {
    connection.intake.endLongWork()
    if (!isDone) connection.destroy()
    onEnd(isDone && !channel.isClosing)
  })
}
