// The methods of AMQP 0-9-1 with RabbitMQ's extensions, as the tests see them: one row per method, the fields in wire
// order as `name:type`. Fields that a test does not give are sent as zero, empty or false.

import { ByteReader, ByteWriter, plain, type WireTable, type WireValue } from './wire-values.ts'

const CONNECTION_METHODS = {
  'connection.start': [
    10,
    10,
    'versionMajor:octet versionMinor:octet serverProperties:table mechanisms:longstr locales:longstr',
  ],
  'connection.start-ok': [10, 11, 'clientProperties:table mechanism:shortstr response:longstr locale:shortstr'],
  'connection.secure': [10, 20, 'challenge:longstr'],
  'connection.secure-ok': [10, 21, 'response:longstr'],
  'connection.tune': [10, 30, 'channelMax:short frameMax:long heartbeat:short'],
  'connection.tune-ok': [10, 31, 'channelMax:short frameMax:long heartbeat:short'],
  'connection.open': [10, 40, 'virtualHost:shortstr capabilities:shortstr insist:bit'],
  'connection.open-ok': [10, 41, 'knownHosts:shortstr'],
  'connection.close': [10, 50, 'replyCode:short replyText:shortstr classId:short methodId:short'],
  'connection.close-ok': [10, 51, ''],
  'connection.blocked': [10, 60, 'reason:shortstr'],
  'connection.unblocked': [10, 61, ''],
  'connection.update-secret': [10, 70, 'newSecret:longstr reason:shortstr'],
  'connection.update-secret-ok': [10, 71, ''],
  'channel.open': [20, 10, 'outOfBand:shortstr'],
  'channel.open-ok': [20, 11, 'channelId:longstr'],
  'channel.flow': [20, 20, 'active:bit'],
  'channel.flow-ok': [20, 21, 'active:bit'],
  'channel.close': [20, 40, 'replyCode:short replyText:shortstr classId:short methodId:short'],
  'channel.close-ok': [20, 41, ''],
  'access.request': [30, 10, 'realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit'],
  'access.request-ok': [30, 11, 'ticket:short'],
} as const

const MODEL_METHODS = {
  'exchange.declare': [
    40,
    10,
    'ticket:short exchange:shortstr type:shortstr passive:bit durable:bit autoDelete:bit internal:bit nowait:bit arguments:table',
  ],
  'exchange.declare-ok': [40, 11, ''],
  'exchange.delete': [40, 20, 'ticket:short exchange:shortstr ifUnused:bit nowait:bit'],
  'exchange.delete-ok': [40, 21, ''],
  'exchange.bind': [
    40,
    30,
    'ticket:short destination:shortstr source:shortstr routingKey:shortstr nowait:bit arguments:table',
  ],
  'exchange.bind-ok': [40, 31, ''],
  'exchange.unbind': [
    40,
    40,
    'ticket:short destination:shortstr source:shortstr routingKey:shortstr nowait:bit arguments:table',
  ],
  'exchange.unbind-ok': [40, 51, ''],
  'queue.declare': [
    50,
    10,
    'ticket:short queue:shortstr passive:bit durable:bit exclusive:bit autoDelete:bit nowait:bit arguments:table',
  ],
  'queue.declare-ok': [50, 11, 'queue:shortstr messageCount:long consumerCount:long'],
  'queue.bind': [
    50,
    20,
    'ticket:short queue:shortstr exchange:shortstr routingKey:shortstr nowait:bit arguments:table',
  ],
  'queue.bind-ok': [50, 21, ''],
  'queue.purge': [50, 30, 'ticket:short queue:shortstr nowait:bit'],
  'queue.purge-ok': [50, 31, 'messageCount:long'],
  'queue.delete': [50, 40, 'ticket:short queue:shortstr ifUnused:bit ifEmpty:bit nowait:bit'],
  'queue.delete-ok': [50, 41, 'messageCount:long'],
  'queue.unbind': [50, 50, 'ticket:short queue:shortstr exchange:shortstr routingKey:shortstr arguments:table'],
  'queue.unbind-ok': [50, 51, ''],
} as const

const BASIC_METHODS = {
  'basic.qos': [60, 10, 'prefetchSize:long prefetchCount:short global:bit'],
  'basic.qos-ok': [60, 11, ''],
  'basic.consume': [
    60,
    20,
    'ticket:short queue:shortstr consumerTag:shortstr noLocal:bit noAck:bit exclusive:bit nowait:bit arguments:table',
  ],
  'basic.consume-ok': [60, 21, 'consumerTag:shortstr'],
  'basic.cancel': [60, 30, 'consumerTag:shortstr nowait:bit'],
  'basic.cancel-ok': [60, 31, 'consumerTag:shortstr'],
  'basic.publish': [60, 40, 'ticket:short exchange:shortstr routingKey:shortstr mandatory:bit immediate:bit'],
  'basic.return': [60, 50, 'replyCode:short replyText:shortstr exchange:shortstr routingKey:shortstr'],
  'basic.deliver': [
    60,
    60,
    'consumerTag:shortstr deliveryTag:longlong redelivered:bit exchange:shortstr routingKey:shortstr',
  ],
  'basic.get': [60, 70, 'ticket:short queue:shortstr noAck:bit'],
  'basic.get-ok': [
    60,
    71,
    'deliveryTag:longlong redelivered:bit exchange:shortstr routingKey:shortstr messageCount:long',
  ],
  'basic.get-empty': [60, 72, 'clusterId:shortstr'],
  'basic.ack': [60, 80, 'deliveryTag:longlong multiple:bit'],
  'basic.reject': [60, 90, 'deliveryTag:longlong requeue:bit'],
  'basic.recover-async': [60, 100, 'requeue:bit'],
  'basic.recover': [60, 110, 'requeue:bit'],
  'basic.recover-ok': [60, 111, ''],
  'basic.nack': [60, 120, 'deliveryTag:longlong multiple:bit requeue:bit'],
  'confirm.select': [85, 10, 'nowait:bit'],
  'confirm.select-ok': [85, 11, ''],
  'tx.select': [90, 10, ''],
  'tx.select-ok': [90, 11, ''],
  'tx.commit': [90, 20, ''],
  'tx.commit-ok': [90, 21, ''],
  'tx.rollback': [90, 30, ''],
  'tx.rollback-ok': [90, 31, ''],
} as const

const METHODS = { ...CONNECTION_METHODS, ...MODEL_METHODS, ...BASIC_METHODS }

export type MethodName = keyof typeof METHODS
export type MethodArguments = { readonly [field: string]: WireValue }

/** Class and method id as they appear in close methods; `undefined` stands for 0, 0. */
export function methodIds(name: MethodName | undefined): { classId: number; methodId: number } {
  if (name === undefined) return { classId: 0, methodId: 0 }
  const [classId, methodId] = METHODS[name]
  return { classId, methodId }
}

type Fields = ReadonlyMap<string, string>

function fieldsIn(row: string): Fields {
  const words = row.split(' ').filter((word) => word !== '')
  return new Map(
    words.map((word) => {
      const [field = '', type = ''] = word.split(':')
      return [field, type] as const
    }),
  )
}

const NAMES = Object.keys(METHODS) as MethodName[]
const FIELDS: ReadonlyMap<MethodName, Fields> = new Map(NAMES.map((name) => [name, fieldsIn(METHODS[name][2])]))
const NAMES_BY_IDS: ReadonlyMap<number, MethodName> = new Map(
  NAMES.map((name) => [(METHODS[name][0] << 16) | METHODS[name][1], name]),
)

function fieldsOf(name: MethodName): Fields {
  return FIELDS.get(name) ?? fieldsIn(METHODS[name][2])
}

function writeArgument(writer: ByteWriter, type: string, value: WireValue | undefined): void {
  if (type === 'octet') writer.octet(Number(value ?? 0))
  else if (type === 'short') writer.short(Number(value ?? 0))
  else if (type === 'long') writer.long(Number(value ?? 0))
  else if (type === 'longlong') writer.longlong((value ?? 0) as number | bigint)
  else if (type === 'shortstr') writer.shortstr((value ?? '') as string | Uint8Array)
  else if (type === 'longstr') writer.longstr((value ?? '') as string | Uint8Array)
  else writer.table((value ?? {}) as WireTable)
}

/** The payload of a method frame. */
export function encodeMethod(name: MethodName, args: MethodArguments = {}): Buffer {
  const fields = fieldsOf(name)
  for (const field of Object.keys(args)) {
    if (!fields.has(field)) throw new Error(`${name} has no field '${field}'`)
  }
  const { classId, methodId } = methodIds(name)
  const writer = new ByteWriter().short(classId).short(methodId)
  let bits: boolean[] = []
  const flushBits = () => {
    if (bits.length > 0) writer.octet(bits.reduce((octet, bit, index) => octet | (Number(bit) << index), 0))
    bits = []
  }
  for (const [field, type] of fields) {
    if (type === 'bit') {
      bits.push(Boolean(args[field]))
    } else {
      flushBits()
      writeArgument(writer, type, args[field])
    }
  }
  flushBits()
  return writer.take()
}

function readArgument(reader: ByteReader, type: string): WireValue {
  if (type === 'octet') return reader.octet()
  if (type === 'short') return reader.short()
  if (type === 'long') return reader.long()
  if (type === 'longlong') return reader.longlong()
  if (type === 'shortstr') return reader.shortstr()
  if (type === 'longstr') return reader.longstr()
  return plain(reader.taggedTable())
}

/** Decodes a method payload; throws when the broker sent something that is no method or has bytes left over. */
export function decodeMethod(payload: Buffer): { name: MethodName; args: MethodArguments } {
  const reader = new ByteReader(payload)
  const classId = reader.short()
  const methodId = reader.short()
  const name = NAMES_BY_IDS.get((classId << 16) | methodId)
  if (name === undefined) throw new Error(`the broker sent the unknown method ${classId}.${methodId}`)
  const args: Record<string, WireValue> = {}
  let bits = 0
  let bitCount = 0
  for (const [field, type] of fieldsOf(name)) {
    if (type === 'bit') {
      if (bitCount === 0) bits = reader.octet()
      args[field] = (bits & (1 << bitCount)) !== 0
      bitCount++
    } else {
      bitCount = 0
      args[field] = readArgument(reader, type)
    }
  }
  if (!reader.atEnd) throw new Error(`the broker sent ${name} with bytes left over`)
  return { name, args }
}
