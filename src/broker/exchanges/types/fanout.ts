import type { Properties } from '../../../../protocol/properties.ts'
import type { RoutingTable, Way } from './routing-table.ts'

/** A message goes everywhere. */
export class FanoutTable<D> implements RoutingTable<D> {
  readonly #ways = new Set<Way<D>>()

  add(way: Way<D>): void {
    this.#ways.add(way)
  }

  remove(way: Way<D>): void {
    this.#ways.delete(way)
  }

  route(_routingKey: string, _properties: Properties, visit: (destination: D) => void): void {
    for (const way of this.#ways) visit(way.destination)
  }
}
