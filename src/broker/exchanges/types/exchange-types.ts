/** The kinds of exchange. A kind is one file and one entry of this table. */
import { NO_NEEDS, propertySet } from '../../messages/property-set.ts'
import { DirectTable } from './direct.ts'
import { FanoutTable } from './fanout.ts'
import { checkHeadersBinding, HeadersTable } from './headers.ts'
import type { ExchangeType, RoutingTable } from './routing-table.ts'
import { TopicTable } from './topic.ts'

export const EXCHANGE_TYPES = {
  direct: { createTable: <D>(): RoutingTable<D> => new DirectTable<D>(), needs: NO_NEEDS },
  fanout: { createTable: <D>(): RoutingTable<D> => new FanoutTable<D>(), needs: NO_NEEDS },
  topic: { createTable: <D>(): RoutingTable<D> => new TopicTable<D>(), needs: NO_NEEDS },
  headers: {
    createTable: <D>(): RoutingTable<D> => new HeadersTable<D>(),
    needs: propertySet('headers'),
    checkBinding: checkHeadersBinding,
  },
} as const satisfies Record<string, ExchangeType>

export type ExchangeTypeName = keyof typeof EXCHANGE_TYPES

export function isExchangeType(name: string): name is ExchangeTypeName {
  return Object.hasOwn(EXCHANGE_TYPES, name)
}

export function exchangeType(name: ExchangeTypeName): ExchangeType {
  return EXCHANGE_TYPES[name]
}
