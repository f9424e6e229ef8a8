import type { FieldTable } from '../../../../protocol/field-table.ts'
import type { Binding, Destination } from '../binding.ts'
import type { RoutingTable } from './exchange-types.ts'

/** A message goes everywhere. */
export class FanoutTable implements RoutingTable {
  readonly #bindings = new Set<Binding>()

  add(binding: Binding): void {
    this.#bindings.add(binding)
  }

  remove(binding: Binding): void {
    this.#bindings.delete(binding)
  }

  route(_routingKey: string, _headers: FieldTable, visit: (destination: Destination) => void): void {
    for (const binding of this.#bindings) visit(binding.destination)
  }
}
