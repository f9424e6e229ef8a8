import type { Properties } from '../../../../protocol/properties.ts'
import { SmallSet } from '../../../lib/small-set.ts'
import type { RoutingTable, Way } from './routing-table.ts'

/** A message goes where its routing key equals the binding's. */
export class DirectTable<D> implements RoutingTable<D> {
  readonly #byKey = new Map<string, SmallSet<Way<D>>>()

  add(way: Way<D>): void {
    let ways = this.#byKey.get(way.routingKey)
    if (ways === undefined) {
      ways = new SmallSet()
      this.#byKey.set(way.routingKey, ways)
    }
    ways.add(way)
  }

  remove(way: Way<D>): void {
    const ways = this.#byKey.get(way.routingKey)
    ways?.delete(way)
    if (ways?.size === 0) this.#byKey.delete(way.routingKey)
  }

  route(routingKey: string, _properties: Properties, visit: (destination: D) => void): void {
    const ways = this.#byKey.get(routingKey)
    if (ways === undefined) return
    for (const way of ways) visit(way.destination)
  }
}
