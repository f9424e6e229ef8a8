// What RabbitMQ asks for before it does what a client wants: every method of AMQP and every argument of it that names a queue, an
// exchange or a routing key, in RabbitMQ's order. Another way to do the same, such as an HTTP API, is a further field of a row.
import type { Permission } from '../../src/broker/authorizer.ts'
import type { Message } from '../support/raw-channel.ts'
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'

/** A permission on a queue or an exchange, or one on a routing key of a topic exchange. */
export type Need =
  | readonly [permission: Permission, kind: 'queue' | 'exchange', name: string]
  | readonly [permission: 'write' | 'read', kind: 'topic', exchange: string, key: string]

export interface Row {
  readonly what: string
  /** Sent on a channel; a publish has no method. */
  readonly amqp: { readonly method: MethodName; readonly args: MethodArguments } | { readonly publish: Message }
  /** All of them, in this order. */
  readonly needs: readonly Need[]
  /** What comes back when it is allowed; `-ok` of the method when not given. */
  readonly answer?: MethodName
}

/** Passive declarations: any of the three is enough, and the last of them is named when there is none. */
export interface PassiveRow {
  readonly what: string
  readonly amqp: { readonly method: MethodName; readonly args: MethodArguments }
  readonly anyOn: readonly [kind: 'queue' | 'exchange', name: string]
}

/**
 * What is there: the queues `q` and `quorum`, the exchanges `x` and `y` (direct) and `t` (topic), `q` bound to `x` and `t`, `y` bound to
 * both. Other names are free.
 */
export const ROWS: readonly Row[] = [
  // --- exchanges
  declareExchange('exchange.declare, new', 'new', {}, [['configure', 'exchange', 'new']]),
  declareExchange('exchange.declare, there already', 'x', {}, [['configure', 'exchange', 'x']]),
  declareExchange('exchange.declare with an alternate exchange', 'new', { arguments: { 'alternate-exchange': 'y' } }, [
    ['configure', 'exchange', 'new'],
    ['read', 'exchange', 'new'],
    ['write', 'exchange', 'y'],
  ]),
  declareExchange('exchange.declare with one that is missing', 'new', { arguments: { 'alternate-exchange': 'gone' } }, [
    ['configure', 'exchange', 'new'],
    ['read', 'exchange', 'new'],
    ['write', 'exchange', 'gone'],
  ]),
  declareExchange('exchange.declare with the default exchange', 'new', { arguments: { 'alternate-exchange': '' } }, [
    ['configure', 'exchange', 'new'],
    ['read', 'exchange', 'new'],
    ['write', 'exchange', 'amq.default'],
  ]),
  row('exchange.delete', 'exchange.delete', { exchange: 'x' }, [['configure', 'exchange', 'x']]),
  row('exchange.delete, not there', 'exchange.delete', { exchange: 'gone' }, [['configure', 'exchange', 'gone']]),
  ...(['bind', 'unbind'] as const).flatMap((action) => [
    row(`exchange.${action}`, `exchange.${action}`, { destination: 'y', source: 'x', routingKey: 'k' }, [
      ['write', 'exchange', 'y'],
      ['read', 'exchange', 'x'],
    ]),
    row(`exchange.${action}, topic`, `exchange.${action}`, { destination: 'y', source: 't', routingKey: 'a.#' }, [
      ['write', 'exchange', 'y'],
      ['read', 'exchange', 't'],
      ['read', 'topic', 't', 'a.#'],
    ]),
    row(`queue.${action}`, `queue.${action}`, { queue: 'q', exchange: 'x', routingKey: 'k' }, [
      ['write', 'queue', 'q'],
      ['read', 'exchange', 'x'],
    ]),
    row(`queue.${action}, topic`, `queue.${action}`, { queue: 'q', exchange: 't', routingKey: 'a.*' }, [
      ['write', 'queue', 'q'],
      ['read', 'exchange', 't'],
      ['read', 'topic', 't', 'a.*'],
    ]),
  ]),
  // --- queues
  row('queue.declare, new', 'queue.declare', { queue: 'new' }, [['configure', 'queue', 'new']]),
  row('queue.declare, there already', 'queue.declare', { queue: 'q' }, [['configure', 'queue', 'q']]),
  row('queue.declare, exclusive', 'queue.declare', { queue: 'new', exclusive: true }, [['configure', 'queue', 'new']]),
  row(
    'queue.declare with a dead letter exchange',
    'queue.declare',
    { queue: 'new', arguments: { 'x-dead-letter-exchange': 'x', 'x-dead-letter-routing-key': 'k' } },
    [
      ['configure', 'queue', 'new'],
      ['read', 'queue', 'new'],
      ['write', 'exchange', 'x'],
    ],
  ),
  row(
    'queue.declare, quorum, with the default exchange for its dead letters',
    'queue.declare',
    { queue: 'new', durable: true, arguments: { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': '' } },
    [
      ['configure', 'queue', 'new'],
      ['read', 'queue', 'new'],
      ['write', 'exchange', 'amq.default'],
    ],
  ),
  row('queue.delete', 'queue.delete', { queue: 'q' }, [['configure', 'queue', 'q']]),
  row('queue.delete, not there', 'queue.delete', { queue: 'gone' }, [['configure', 'queue', 'gone']]),
  row('queue.purge', 'queue.purge', { queue: 'q' }, [['read', 'queue', 'q']]),
  // --- messages
  { ...row('basic.get', 'basic.get', { queue: 'q' }, [['read', 'queue', 'q']]), answer: 'basic.get-ok' },
  {
    ...row('basic.get, quorum', 'basic.get', { queue: 'quorum' }, [['read', 'queue', 'quorum']]),
    answer: 'basic.get-empty',
  },
  row('basic.consume', 'basic.consume', { queue: 'q' }, [['read', 'queue', 'q']]),
  publish('basic.publish', { exchange: 'x', routingKey: 'k' }, [['write', 'exchange', 'x']]),
  publish('basic.publish, mandatory', { exchange: 'x', routingKey: 'k', mandatory: true }, [
    ['write', 'exchange', 'x'],
  ]),
  publish('basic.publish to the default exchange', { routingKey: 'q' }, [['write', 'exchange', 'amq.default']]),
  publish('basic.publish of a reply', { routingKey: 'amq.rabbitmq.reply-to.gone' }, [
    ['write', 'exchange', 'amq.default'],
  ]),
  publish('basic.publish to a topic exchange', { exchange: 't', routingKey: 'a.b' }, [
    ['write', 'exchange', 't'],
    ['write', 'topic', 't', 'a.b'],
  ]),
  publish(
    'basic.publish to a topic exchange with CC and BCC',
    { exchange: 't', routingKey: 'a', properties: { headers: { CC: ['b', 'c'], BCC: ['d'] } } },
    [['write', 'exchange', 't'], ...['a', 'b', 'c', 'd'].map((key) => ['write', 'topic', 't', key] as const)],
  ),
  publish('basic.publish with CC', { exchange: 'x', properties: { headers: { CC: ['b'] } } }, [
    ['write', 'exchange', 'x'],
  ]),
]

export const PASSIVE_ROWS: readonly PassiveRow[] = [
  {
    what: 'queue.declare, passive',
    amqp: { method: 'queue.declare', args: { queue: 'q', passive: true } },
    anyOn: ['queue', 'q'],
  },
  {
    what: 'exchange.declare, passive',
    amqp: { method: 'exchange.declare', args: { exchange: 'x', type: 'direct', passive: true } },
    anyOn: ['exchange', 'x'],
  },
]

/** What needs nothing, because it names nothing that could be another's. */
export const FREE_ROWS: readonly Row[] = [
  row('basic.consume from the reply queue', 'basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true }, []),
  row('queue.declare of the reply queue', 'queue.declare', { queue: 'amq.rabbitmq.reply-to' }, []),
  row('basic.qos', 'basic.qos', { prefetchCount: 1 }, []),
  row('basic.recover', 'basic.recover', { requeue: true }, []),
  row('basic.cancel', 'basic.cancel', { consumerTag: 'none' }, []),
  row('confirm.select', 'confirm.select', {}, []),
  row('tx.select', 'tx.select', {}, []),
  row('channel.flow', 'channel.flow', { active: true }, []),
  row('access.request', 'access.request', {}, []),
]

/** Methods of a channel that name no resource, or only what this channel was given before. */
export const METHODS_WITHOUT_RESOURCES: readonly MethodName[] = [
  'channel.open',
  'channel.close',
  'channel.close-ok',
  'channel.flow-ok',
  'basic.cancel-ok',
  'basic.ack',
  'basic.nack',
  'basic.reject',
  'basic.recover-async',
  'tx.commit',
  'tx.rollback',
]

function row(what: string, method: MethodName, args: MethodArguments, needs: readonly Need[]): Row {
  return { what, amqp: { method, args }, needs }
}

function declareExchange(what: string, exchange: string, args: MethodArguments, needs: readonly Need[]): Row {
  return row(what, 'exchange.declare', { exchange, type: 'direct', ...args }, needs)
}

function publish(what: string, message: Message, needs: readonly Need[]): Row {
  return { what, amqp: { publish: message }, needs }
}
