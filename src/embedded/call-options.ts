/** The options of single calls of an `EmbeddedBroker`. */
import { aBoolean, type Checks, wholeNumber } from '../lib/checks.ts'

export interface DeleteExchangeOptions {
  /** Refuses while bindings start at the exchange. Default false. */
  readonly ifUnused?: boolean
}

export interface DeleteQueueOptions {
  /** Refuses while the queue has consumers. Default false. */
  readonly ifUnused?: boolean
  /** Refuses while messages are ready in the queue. Default false. */
  readonly ifEmpty?: boolean
}

export interface GetOptions {
  /** The message is settled as it is handed over. Default false: `ack`, `nack` or `reject` settles it. */
  readonly noAck?: boolean
}

export interface PeekOptions {
  /** So many messages at most, up to 10,000. Default 1. */
  readonly count?: number
  /** So many bytes of bodies at most, unless the first one has more. Default 16 MiB. */
  readonly maxBytes?: number
}

export interface MoveOptions {
  /** So many messages at most. Default: all that are ready at first. */
  readonly count?: number
}

export interface AckOptions {
  /** Also the messages before it that its consumer, or `get` on its queue, received. Default false. */
  readonly multiple?: boolean
}

export interface NackOptions extends AckOptions, RejectOptions {}

export interface RejectOptions {
  /** The message goes back to its old place in the queue; false drops it. Default true. */
  readonly requeue?: boolean
}

export const DELETE_EXCHANGE_CHECKS: Checks<DeleteExchangeOptions> = { ifUnused: aBoolean }
export const DELETE_QUEUE_CHECKS: Checks<DeleteQueueOptions> = { ifUnused: aBoolean, ifEmpty: aBoolean }
export const GET_CHECKS: Checks<GetOptions> = { noAck: aBoolean }
export const PEEK_CHECKS: Checks<PeekOptions> = { count: wholeNumber(1, 10_000), maxBytes: wholeNumber(1, 2 ** 30) }
export const MOVE_CHECKS: Checks<MoveOptions> = { count: wholeNumber(1, Number.MAX_SAFE_INTEGER) }
export const ACK_CHECKS: Checks<AckOptions> = { multiple: aBoolean }
export const REJECT_CHECKS: Checks<RejectOptions> = { requeue: aBoolean }
export const NACK_CHECKS: Checks<NackOptions> = { ...ACK_CHECKS, ...REJECT_CHECKS }
