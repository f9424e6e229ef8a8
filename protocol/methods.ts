import type { FieldTable } from './field-table.ts'

// All methods of AMQP 0-9-1 with RabbitMQ's extensions, as data. The codec runs this table and every method type derives
// from it. The fields of a row stand in wire order; neighbouring bits share octets, lowest bit first. A field of a
// `reserved…` kind is on the wire but means nothing: it is written as its default, read, dropped, and absent from the types.

/** What a field looks like on the wire. `deliveryTag` is a u64 read as a number (see `Reader.clampedLonglong`). */
export type FieldKind = keyof KindTypes | ReservedKind
export type ReservedKind = 'reservedBit' | 'reservedShort' | 'reservedShortstr' | 'reservedLongstr'

interface KindTypes {
  bit: boolean
  octet: number
  short: number
  long: number
  deliveryTag: number
  shortstr: string
  longstr: Buffer
  table: FieldTable
}

type Sender = 'client' | 'server' | 'both'
type Fields = { readonly [field: string]: FieldKind }

export interface MethodRow<S extends Sender = Sender, F extends Fields = Fields> {
  readonly classId: number
  readonly methodId: number
  readonly sentBy: S
  /** Whether a content header and body follow. */
  readonly hasContent: boolean
  readonly fields: F
}

function row<S extends Sender, const F extends Fields>(
  classId: number,
  methodId: number,
  sentBy: S,
  fields: F,
): MethodRow<S, F> {
  return { classId, methodId, sentBy, hasContent: false, fields }
}

function contentRow<S extends Sender, const F extends Fields>(
  classId: number,
  methodId: number,
  sentBy: S,
  fields: F,
): MethodRow<S, F> {
  return { classId, methodId, sentBy, hasContent: true, fields }
}

export const METHODS = {
  'connection.start': row(10, 10, 'server', {
    versionMajor: 'octet',
    versionMinor: 'octet',
    serverProperties: 'table',
    mechanisms: 'longstr',
    locales: 'longstr',
  }),
  'connection.start-ok': row(10, 11, 'client', {
    clientProperties: 'table',
    mechanism: 'shortstr',
    response: 'longstr',
    locale: 'shortstr',
  }),
  'connection.secure': row(10, 20, 'server', { challenge: 'longstr' }),
  'connection.secure-ok': row(10, 21, 'client', { response: 'longstr' }),
  'connection.tune': row(10, 30, 'server', { channelMax: 'short', frameMax: 'long', heartbeat: 'short' }),
  'connection.tune-ok': row(10, 31, 'client', { channelMax: 'short', frameMax: 'long', heartbeat: 'short' }),
  'connection.open': row(10, 40, 'client', {
    virtualHost: 'shortstr',
    capabilities: 'reservedShortstr',
    insist: 'reservedBit',
  }),
  'connection.open-ok': row(10, 41, 'server', { knownHosts: 'reservedShortstr' }),
  'connection.close': row(10, 50, 'both', {
    replyCode: 'short',
    replyText: 'shortstr',
    classId: 'short',
    methodId: 'short',
  }),
  'connection.close-ok': row(10, 51, 'both', {}),
  'connection.blocked': row(10, 60, 'server', { reason: 'shortstr' }),
  'connection.unblocked': row(10, 61, 'server', {}),
  'connection.update-secret': row(10, 70, 'client', { newSecret: 'longstr', reason: 'shortstr' }),
  'connection.update-secret-ok': row(10, 71, 'server', {}),
  'channel.open': row(20, 10, 'client', { outOfBand: 'reservedShortstr' }),
  'channel.open-ok': row(20, 11, 'server', { channelId: 'reservedLongstr' }),
  'channel.flow': row(20, 20, 'both', { active: 'bit' }),
  'channel.flow-ok': row(20, 21, 'both', { active: 'bit' }),
  'channel.close': row(20, 40, 'both', {
    replyCode: 'short',
    replyText: 'shortstr',
    classId: 'short',
    methodId: 'short',
  }),
  'channel.close-ok': row(20, 41, 'both', {}),
  'access.request': row(30, 10, 'client', {
    realm: 'shortstr',
    exclusive: 'bit',
    passive: 'bit',
    active: 'bit',
    write: 'bit',
    read: 'bit',
  }),
  'access.request-ok': row(30, 11, 'server', { ticket: 'short' }),
  'exchange.declare': row(40, 10, 'client', {
    ticket: 'reservedShort',
    exchange: 'shortstr',
    type: 'shortstr',
    passive: 'bit',
    durable: 'bit',
    autoDelete: 'bit',
    internal: 'bit',
    nowait: 'bit',
    arguments: 'table',
  }),
  'exchange.declare-ok': row(40, 11, 'server', {}),
  'exchange.delete': row(40, 20, 'client', {
    ticket: 'reservedShort',
    exchange: 'shortstr',
    ifUnused: 'bit',
    nowait: 'bit',
  }),
  'exchange.delete-ok': row(40, 21, 'server', {}),
  'exchange.bind': row(40, 30, 'client', {
    ticket: 'reservedShort',
    destination: 'shortstr',
    source: 'shortstr',
    routingKey: 'shortstr',
    nowait: 'bit',
    arguments: 'table',
  }),
  'exchange.bind-ok': row(40, 31, 'server', {}),
  'exchange.unbind': row(40, 40, 'client', {
    ticket: 'reservedShort',
    destination: 'shortstr',
    source: 'shortstr',
    routingKey: 'shortstr',
    nowait: 'bit',
    arguments: 'table',
  }),
  'exchange.unbind-ok': row(40, 51, 'server', {}),
  'queue.declare': row(50, 10, 'client', {
    ticket: 'reservedShort',
    queue: 'shortstr',
    passive: 'bit',
    durable: 'bit',
    exclusive: 'bit',
    autoDelete: 'bit',
    nowait: 'bit',
    arguments: 'table',
  }),
  'queue.declare-ok': row(50, 11, 'server', { queue: 'shortstr', messageCount: 'long', consumerCount: 'long' }),
  'queue.bind': row(50, 20, 'client', {
    ticket: 'reservedShort',
    queue: 'shortstr',
    exchange: 'shortstr',
    routingKey: 'shortstr',
    nowait: 'bit',
    arguments: 'table',
  }),
  'queue.bind-ok': row(50, 21, 'server', {}),
  'queue.purge': row(50, 30, 'client', { ticket: 'reservedShort', queue: 'shortstr', nowait: 'bit' }),
  'queue.purge-ok': row(50, 31, 'server', { messageCount: 'long' }),
  'queue.delete': row(50, 40, 'client', {
    ticket: 'reservedShort',
    queue: 'shortstr',
    ifUnused: 'bit',
    ifEmpty: 'bit',
    nowait: 'bit',
  }),
  'queue.delete-ok': row(50, 41, 'server', { messageCount: 'long' }),
  'queue.unbind': row(50, 50, 'client', {
    ticket: 'reservedShort',
    queue: 'shortstr',
    exchange: 'shortstr',
    routingKey: 'shortstr',
    arguments: 'table',
  }),
  'queue.unbind-ok': row(50, 51, 'server', {}),
  'basic.qos': row(60, 10, 'client', { prefetchSize: 'long', prefetchCount: 'short', global: 'bit' }),
  'basic.qos-ok': row(60, 11, 'server', {}),
  'basic.consume': row(60, 20, 'client', {
    ticket: 'reservedShort',
    queue: 'shortstr',
    consumerTag: 'shortstr',
    noLocal: 'bit',
    noAck: 'bit',
    exclusive: 'bit',
    nowait: 'bit',
    arguments: 'table',
  }),
  'basic.consume-ok': row(60, 21, 'server', { consumerTag: 'shortstr' }),
  'basic.cancel': row(60, 30, 'both', { consumerTag: 'shortstr', nowait: 'bit' }),
  'basic.cancel-ok': row(60, 31, 'both', { consumerTag: 'shortstr' }),
  'basic.publish': contentRow(60, 40, 'client', {
    ticket: 'reservedShort',
    exchange: 'shortstr',
    routingKey: 'shortstr',
    mandatory: 'bit',
    immediate: 'bit',
  }),
  'basic.return': contentRow(60, 50, 'server', {
    replyCode: 'short',
    replyText: 'shortstr',
    exchange: 'shortstr',
    routingKey: 'shortstr',
  }),
  'basic.deliver': contentRow(60, 60, 'server', {
    consumerTag: 'shortstr',
    deliveryTag: 'deliveryTag',
    redelivered: 'bit',
    exchange: 'shortstr',
    routingKey: 'shortstr',
  }),
  'basic.get': row(60, 70, 'client', { ticket: 'reservedShort', queue: 'shortstr', noAck: 'bit' }),
  'basic.get-ok': contentRow(60, 71, 'server', {
    deliveryTag: 'deliveryTag',
    redelivered: 'bit',
    exchange: 'shortstr',
    routingKey: 'shortstr',
    messageCount: 'long',
  }),
  'basic.get-empty': row(60, 72, 'server', { clusterId: 'reservedShortstr' }),
  'basic.ack': row(60, 80, 'both', { deliveryTag: 'deliveryTag', multiple: 'bit' }),
  'basic.reject': row(60, 90, 'client', { deliveryTag: 'deliveryTag', requeue: 'bit' }),
  'basic.recover-async': row(60, 100, 'client', { requeue: 'bit' }),
  'basic.recover': row(60, 110, 'client', { requeue: 'bit' }),
  'basic.recover-ok': row(60, 111, 'server', {}),
  'basic.nack': row(60, 120, 'both', { deliveryTag: 'deliveryTag', multiple: 'bit', requeue: 'bit' }),
  'confirm.select': row(85, 10, 'client', { nowait: 'bit' }),
  'confirm.select-ok': row(85, 11, 'server', {}),
  'tx.select': row(90, 10, 'client', {}),
  'tx.select-ok': row(90, 11, 'server', {}),
  'tx.commit': row(90, 20, 'client', {}),
  'tx.commit-ok': row(90, 21, 'server', {}),
  'tx.rollback': row(90, 30, 'client', {}),
  'tx.rollback-ok': row(90, 31, 'server', {}),
}

type Methods = typeof METHODS
export type MethodName = keyof Methods

/** What a decoded method says. A `longstr` arrives as bytes. */
export type MethodArguments<N extends MethodName> = Arguments<Methods[N]['fields'], KindTypes>

/** What is needed to encode a method: its arguments, where a `longstr` may be text as well. */
export type MethodInput<N extends MethodName> = Arguments<
  Methods[N]['fields'],
  Omit<KindTypes, 'longstr'> & { longstr: string | Uint8Array }
>

type Arguments<F extends Fields, Types extends { [K in keyof KindTypes]: unknown }> = {
  readonly [K in keyof F as F[K] extends ReservedKind ? never : K]: F[K] extends keyof Types ? Types[F[K]] : never
}

/** A decoded method; a union to be told apart by `name`. */
export type Method<N extends MethodName = MethodName> = {
  readonly [K in N]: { readonly name: K; readonly args: MethodArguments<K> }
}[N]

export type FromClient = SentBy<'client'>
export type FromServer = SentBy<'server'>

type SentBy<S> = { [N in MethodName]: Methods[N]['sentBy'] extends S | 'both' ? N : never }[MethodName]
