import { checkName } from './entities.ts'
import type { ReceivedMessage } from './received-message.ts'

const PREFETCH_MAX = 65_535
const PRIORITY_MAX = 2 ** 31 - 1

export interface ConsumeOptions {
  /** How many messages may wait for the handler or be unsettled at a time, 1 to 65535. Default 100. */
  readonly prefetch?: number
  /** Messages are settled as they are handed over. Default false: the handler settles them. */
  readonly noAck?: boolean
  /** Nobody else may consume from the queue. Default false. */
  readonly exclusive?: boolean
  /** Consumers with a higher one are served first. A 32-bit integer, default 0. RabbitMQ: `x-priority`. */
  readonly priority?: number
  /** Made by the broker when not given. */
  readonly tag?: string
  /**
   * The handler threw or rejected. The message is still unsettled (unless `noAck`): settle it here, or leave it to
   * `EmbeddedBroker.recover`. Default: the error is logged.
   */
  readonly onError?: (error: unknown, message: ReceivedMessage) => void
  /** The queue was deleted, so that the consumer has ended. Not called after `cancel`. */
  readonly onCancelled?: () => void
}

/** A consumer that was started with `EmbeddedBroker.consume`. */
export interface InProcessConsumer {
  readonly tag: string
  readonly queue: string
  /**
   * Ends it: the handler is not called any more. Messages it has not seen go back to the queue, marked redelivered;
   * those it has not settled can still be settled. Calling it again does nothing.
   */
  cancel(): void
}

/** Throws RangeError. */
export function checkConsumeOptions(options: ConsumeOptions): { readonly prefetch: number; readonly priority: number } {
  const { prefetch = 100, priority = 0, tag = '' } = options
  checkName(tag)
  if (!Number.isInteger(prefetch) || prefetch < 1 || prefetch > PREFETCH_MAX) {
    throw new RangeError(`prefetch is ${prefetch}; it must be a whole number from 1 to ${PREFETCH_MAX}`)
  }
  if (!Number.isInteger(priority) || Math.abs(priority) > PRIORITY_MAX) {
    throw new RangeError(`priority is ${priority}; it must be a whole number that fits into 32 bits`)
  }
  return { prefetch, priority }
}
