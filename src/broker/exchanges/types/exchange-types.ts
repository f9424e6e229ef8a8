/** The kinds of exchange. A kind is one file and one entry of this table. */
import type { FieldTable } from '../../../../protocol/field-table.ts'
import type { Binding, Destination } from '../binding.ts'
import { DirectTable } from './direct.ts'
import { FanoutTable } from './fanout.ts'
import { checkHeadersBinding, HeadersTable } from './headers.ts'
import { TopicTable } from './topic.ts'

/** The bindings of one exchange, arranged for look-up. */
export interface RoutingTable {
  add(binding: Binding): void
  remove(binding: Binding): void
  /** Calls `visit` for each destination the message goes to, perhaps more than once. */
  route(routingKey: string, headers: FieldTable, visit: (destination: Destination) => void): void
}

export interface ExchangeType {
  createTable(): RoutingTable
  /** Whether routes depend on the message's headers, so that they cannot be remembered by routing key. */
  readonly usesHeaders: boolean
  /** Throws BrokerError when a binding with these arguments makes no sense. */
  checkBinding?(bindingArguments: FieldTable): void
}

export const EXCHANGE_TYPES = {
  direct: { createTable: () => new DirectTable(), usesHeaders: false },
  fanout: { createTable: () => new FanoutTable(), usesHeaders: false },
  topic: { createTable: () => new TopicTable(), usesHeaders: false },
  headers: { createTable: () => new HeadersTable(), usesHeaders: true, checkBinding: checkHeadersBinding },
} as const satisfies Record<string, ExchangeType>

export type ExchangeTypeName = keyof typeof EXCHANGE_TYPES

export function isExchangeType(name: string): name is ExchangeTypeName {
  return Object.hasOwn(EXCHANGE_TYPES, name)
}

export function exchangeType(name: ExchangeTypeName): ExchangeType {
  return EXCHANGE_TYPES[name]
}
