/** What a transaction of `server.transactions` is made of. */
import type { OutgoingMessage } from './outgoing-message.ts'

export interface PublishOperation {
  readonly kind: 'publish'
  readonly exchange: string
  readonly routingKey: string
  readonly message: OutgoingMessage
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

/** Publishes a message when the transaction is committed. */
export function publishOperation(exchange: string, routingKey: string, message: OutgoingMessage): PublishOperation {
  return { kind: 'publish', exchange, routingKey, message }
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
