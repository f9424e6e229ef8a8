/** What a transaction of `server.transactions` is made of. */
import { aBoolean, anyText, type Check, type Checks, checkOptions, notA, wholeNumber } from '../lib/checks.ts'
import { OUTGOING_CHECKS, type OutgoingMessage } from './outgoing-message.ts'

export interface PublishOperation {
  readonly kind: 'publish'
  readonly exchange: string
  readonly routingKey: string
  readonly message: OutgoingMessage
  /** The transaction fails as a whole when no queue takes the message. Default false: then the message is dropped. */
  readonly mandatory?: boolean
}

/** The rest of a `publishOperation`. */
export interface PublishOperationOptions {
  /** The transaction fails as a whole when no queue takes the message. Default false: then the message is dropped. */
  readonly mandatory?: boolean
}

export interface AckOperation {
  readonly kind: 'ack'
  readonly queue: string
  readonly deliveryTag: number
  readonly multiple: boolean
}

export interface NackOperation {
  readonly kind: 'nack'
  readonly queue: string
  readonly deliveryTag: number
  readonly multiple: boolean
  readonly requeue: boolean
}

export interface RejectOperation {
  readonly kind: 'reject'
  readonly queue: string
  readonly deliveryTag: number
  readonly requeue: boolean
}

export type SettleOperation = AckOperation | NackOperation | RejectOperation
export type TransactionOperation = PublishOperation | SettleOperation

/**
 * Publishes a message when the transaction is committed. With `mandatory` the transaction fails as a whole when no queue
 * takes the message; without, the message is dropped then.
 */
export function publishOperation(
  exchange: string,
  routingKey: string,
  message: OutgoingMessage,
  options: PublishOperationOptions = {},
): PublishOperation {
  checkOptions('publishOperation', options, { mandatory: aBoolean })
  return { kind: 'publish', exchange, routingKey, message, mandatory: options.mandatory ?? false }
}

/** Acknowledges a message of the queue; with `multiple` also those before it, as `EmbeddedBroker.ack` does. */
export function ackOperation(queue: string, deliveryTag: number, multiple = false): AckOperation {
  return { kind: 'ack', queue, deliveryTag, multiple }
}

/** Gives a message back to its queue, or drops it without `requeue`. */
export function nackOperation(queue: string, deliveryTag: number, multiple = false, requeue = true): NackOperation {
  return { kind: 'nack', queue, deliveryTag, multiple, requeue }
}

/** Gives one message back to its queue, or drops it without `requeue`. */
export function rejectOperation(queue: string, deliveryTag: number, requeue = true): RejectOperation {
  return { kind: 'reject', queue, deliveryTag, requeue }
}

const aKind: Check = () => {}
const aTag = wholeNumber(0, Number.MAX_SAFE_INTEGER)

/** Operations are plain objects, so that a program may make its own. */
const CHECKS: { readonly [K in TransactionOperation['kind']]: Checks<Extract<TransactionOperation, { kind: K }>> } = {
  publish: {
    kind: aKind,
    exchange: anyText,
    routingKey: anyText,
    message: (value) => checkOptions('a message', value, OUTGOING_CHECKS),
    mandatory: aBoolean,
  },
  ack: { kind: aKind, queue: anyText, deliveryTag: aTag, multiple: aBoolean },
  nack: { kind: aKind, queue: anyText, deliveryTag: aTag, multiple: aBoolean, requeue: aBoolean },
  reject: { kind: aKind, queue: anyText, deliveryTag: aTag, requeue: aBoolean },
}

/** Throws TypeError or RangeError for what is no operation. */
export function checkOperation(operation: TransactionOperation): void {
  const checks = Object.hasOwn(CHECKS, operation?.kind) ? CHECKS[operation.kind] : undefined
  if (checks === undefined) throw notA('made by publishOperation, ackOperation …', operation, 'the operation')
  checkOptions<object>(`a transaction's ${operation.kind}`, operation, checks)
}
