/** What code in this process may ask for of exchanges, queues and bindings, checked and as the operations of the model take it. */

import type { FieldTable } from '../../protocol/field-table.ts'
import { fieldTable, type PlainTable } from '../../protocol/field-table-plain.ts'
import { checkNameBytes } from '../../protocol/short-string.ts'
import type { BindingRequest } from '../broker/operations/binding-operations.ts'
import type { ExchangeDeclaration } from '../broker/operations/exchange-declaration.ts'
import type { QueueDeclaration } from '../broker/operations/queue-declaration.ts'
import { argumentOfProperty } from '../broker/queues/queue-arguments.ts'
import { aBoolean, anyText, aTable, type Checks, checkOptions } from '../lib/checks.ts'

const NO_ARGUMENTS: FieldTable = new Map()

export interface ExchangeOptions {
  /** Survives a restart, where the storage does. Default true. */
  readonly durable?: boolean
  /** Goes with the last binding that starts at it. Default false. */
  readonly autoDelete?: boolean
  /** Takes messages from other exchanges only. Default false. */
  readonly internal?: boolean
  /** For example `alternate-exchange`. */
  readonly arguments?: PlainTable
}

export interface QueueOptions {
  /** Survives a restart, where the storage does. Default true; an exclusive queue is never durable. */
  readonly durable?: boolean
  /** Can be used by the declaring broker object alone. Default false. */
  readonly exclusive?: boolean
  /** Goes with its last consumer. Default false. */
  readonly autoDelete?: boolean
  /** RabbitMQ's queue arguments: `x-max-length` … */
  readonly arguments?: PlainTable
}

const EXCHANGE_CHECKS: Checks<ExchangeOptions> = {
  durable: aBoolean,
  autoDelete: aBoolean,
  internal: aBoolean,
  arguments: aTable,
}

const QUEUE_CHECKS: Checks<QueueOptions> = {
  durable: aBoolean,
  exclusive: aBoolean,
  autoDelete: aBoolean,
  arguments: aTable,
}

/** Client libraries have options for what AMQP carries as arguments: `argumentOf` knows their names. */
const argumentHint =
  (argumentOf: (property: string) => string | undefined) =>
  (name: string): string | undefined => {
    const argument = name.startsWith('x-') ? name : argumentOf(name)
    return argument === undefined ? undefined : `did you mean arguments: { '${argument}': … }?`
  }

const exchangeHint = argumentHint((name) => (name === 'alternateExchange' ? 'alternate-exchange' : undefined))
const queueHint = argumentHint(argumentOfProperty)

export function exchangeDeclaration(name: string, type: string, options: ExchangeOptions): ExchangeDeclaration {
  anyText(type, 'the type of the exchange')
  checkOptions('declareExchange', options, EXCHANGE_CHECKS, { hint: exchangeHint })
  const { durable = true, autoDelete = false, internal = false } = options
  return { name: checkName(name), type, durable, autoDelete, internal, arguments: toArguments(options.arguments) }
}

export function queueDeclaration(name: string, options: QueueOptions): QueueDeclaration {
  checkOptions('declareQueue', options, QUEUE_CHECKS, { hint: queueHint })
  const { durable = true, exclusive = false, autoDelete = false } = options
  return { name: checkName(name), durable, exclusive, autoDelete, arguments: toArguments(options.arguments) }
}

export function bindingRequest(
  destination: string,
  source: string,
  key: string,
  bindingArguments: PlainTable | undefined,
): BindingRequest {
  return {
    source: checkName(source, 'the source'),
    destination: checkName(destination, 'the destination'),
    routingKey: checkName(key, 'the routing key'),
    arguments: toArguments(bindingArguments),
  }
}

export function toArguments(plain: PlainTable | undefined): FieldTable {
  if (plain !== undefined) aTable(plain, 'arguments')
  return plain === undefined ? NO_ARGUMENTS : fieldTable(plain)
}

/** Names and routing keys travel as short strings, AMQP 0-9-1 section 4.2.5.3. Throws RangeError or TypeError. */
export function checkName(name: string, what = 'the name'): string {
  anyText(name, what)
  checkNameBytes(Buffer.byteLength(name))
  return name
}
