import { aBoolean, aFunction, anyText, type Checks, checkOptions, wholeNumber } from '../lib/checks.ts'
import { checkName } from './declarations.ts'
import type { ReceivedMessage } from './received-message.ts'

const PREFETCH_MAX = 65_535
const PRIORITY_MAX = 2 ** 31 - 1

export interface ConsumeOptions {
  /** How many messages may wait for the handler or be unsettled at a time, 1 to 65535. Default 100. */
  readonly prefetch?: number
  /** Messages are settled as they are handed over. Default false: the handler settles them. */
  readonly noAck?: boolean
  /** No other consumer may be on the queue. Default false. */
  readonly exclusive?: boolean
  /** Consumers with a higher one are served first. A 32-bit integer, default 0. RabbitMQ: `x-priority`. */
  readonly priority?: number
  /** Made by the broker when not given. */
  readonly tag?: string
  /**
   * How long a message may be unsettled before the consumer is ended and gives back all that it has, in milliseconds; 0 for any
   * time. Default: what its queue says, else `consumerTimeoutMs` of the server. RabbitMQ: `x-consumer-timeout`.
   */
  readonly timeoutMs?: number
  /**
   * The handler threw or rejected. The message is still unsettled (unless `noAck`): settle it here, or leave it to
   * `EmbeddedBroker.recover`. Default: the error is logged.
   */
  readonly onError?: (error: unknown, message: ReceivedMessage) => void
  /** The consumer has ended: its queue was deleted, or it took too long to settle a message. Not called after `cancel`. */
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

const CHECKS: Checks<ConsumeOptions> = {
  prefetch: wholeNumber(1, PREFETCH_MAX),
  noAck: aBoolean,
  exclusive: aBoolean,
  priority: wholeNumber(-PRIORITY_MAX, PRIORITY_MAX),
  tag: anyText,
  timeoutMs: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  onError: aFunction,
  onCancelled: aFunction,
}

interface CheckedOptions {
  readonly prefetch: number
  readonly priority: number
  readonly timeoutMs: number | undefined
}

/** Throws RangeError or TypeError. */
export function checkConsumeOptions(options: ConsumeOptions): CheckedOptions {
  checkOptions('consume', options, CHECKS)
  const { prefetch = 100, priority = 0, tag = '', timeoutMs } = options
  checkName(tag, 'tag')
  return { prefetch, priority, timeoutMs }
}
