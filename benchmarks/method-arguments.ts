import type { FieldTable } from '../protocol/field-table.ts'

// Arguments of methods, all of them: those who need others put theirs over these.

const NO_ARGUMENTS: FieldTable = new Map()
const TRANSIENT = { passive: false, durable: false, autoDelete: false, nowait: false, arguments: NO_ARGUMENTS } as const

export const QUEUE = { ...TRANSIENT, queue: '', exclusive: false } as const
export const EXCHANGE = { ...TRANSIENT, exchange: '', type: 'direct', internal: false } as const
export const BINDING = { queue: '', exchange: '', routingKey: '', arguments: NO_ARGUMENTS } as const
export const CONSUMER = {
  ...{ queue: '', consumerTag: '', noLocal: false, noAck: false, exclusive: false, nowait: false },
  arguments: NO_ARGUMENTS,
} as const
