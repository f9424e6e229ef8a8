import type { FieldTable } from '../../../../protocol/field-table.ts'
import type { Properties } from '../../../../protocol/properties.ts'
import type { PropertySet } from '../../messages/property-set.ts'

/** What an exchange type knows of a binding. */
export interface Way<D> {
  readonly routingKey: string
  readonly arguments: FieldTable
  readonly destination: D
}

/** The bindings of one exchange, arranged for look-up. */
export interface RoutingTable<D> {
  add(way: Way<D>): void
  remove(way: Way<D>): void
  /** Calls `visit` for each destination the message goes to, perhaps more than once. */
  route(routingKey: string, properties: Properties, visit: (destination: D) => void): void
}

export interface ExchangeType {
  createTable<D>(): RoutingTable<D>
  /** The properties of a message that routes depend on: with any, they cannot be remembered by routing key. */
  readonly needs: PropertySet
  /** Throws BrokerError when a binding with these arguments makes no sense. */
  checkBinding?(bindingArguments: FieldTable): void
}
