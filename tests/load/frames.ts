/** The frames that the loads send, all on channel 1. */
import { FRAME_BODY, FRAME_END, FRAME_HEADER } from '../../protocol/constants.ts'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import { encodeContentHeader } from '../../protocol/properties.ts'
import { Writer } from '../../protocol/writer.ts'

const NONE = fieldTable({})

/** Answers, as class << 16 | method. */
export const QUEUE_DECLARE_OK = (50 << 16) | 11
export const EXCHANGE_DECLARE_OK = (40 << 16) | 11
export const CONSUME_OK = (60 << 16) | 21
export const CHANNEL_CLOSE_OK = (20 << 16) | 41

export function declareQueue(queue: string, args: Readonly<Record<string, number>> = {}, durable = false): Buffer {
  const flags = { passive: false, durable, exclusive: false, autoDelete: false, nowait: false }
  return encodeMethodFrame(1, 'queue.declare', { queue, ...flags, arguments: fieldTable(args) })
}

export function deleteQueue(queue: string): Buffer {
  return encodeMethodFrame(1, 'queue.delete', { queue, ifUnused: false, ifEmpty: false, nowait: true })
}

export function declareExchange(exchange: string, type: string): Buffer {
  const flags = { passive: false, durable: false, autoDelete: false, internal: false, nowait: false }
  return encodeMethodFrame(1, 'exchange.declare', { exchange, type, ...flags, arguments: NONE })
}

export function bind(queue: string, exchange: string, routingKey: string): Buffer {
  return encodeMethodFrame(1, 'queue.bind', { queue, exchange, routingKey, nowait: true, arguments: NONE })
}

export function consume(queue: string, noAck: boolean): Buffer {
  const flags = { noLocal: false, noAck, exclusive: false, nowait: false }
  return encodeMethodFrame(1, 'basic.consume', { queue, consumerTag: '', ...flags, arguments: NONE })
}

export function prefetch(prefetchCount: number): Buffer {
  return encodeMethodFrame(1, 'basic.qos', { prefetchSize: 0, prefetchCount, global: false })
}

export function publish(routingKey: string, body: Uint8Array, isPersistent = false): Buffer {
  return Buffer.concat([
    encodeMethodFrame(1, 'basic.publish', { exchange: '', routingKey, mandatory: false, immediate: false }),
    contentFrame(FRAME_HEADER, encodeContentHeader(body.length, { deliveryMode: isPersistent ? 2 : 1 })),
    contentFrame(FRAME_BODY, body),
  ])
}

function contentFrame(type: number, payload: Uint8Array): Buffer {
  const writer = new Writer()
  writer.octet(type)
  writer.short(1)
  writer.long(payload.length)
  writer.bytes(payload)
  writer.octet(FRAME_END)
  return writer.take()
}
