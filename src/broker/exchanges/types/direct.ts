import type { FieldTable } from '../../../../protocol/field-table.ts'
import type { Binding, Destination } from '../binding.ts'
import type { RoutingTable } from './exchange-types.ts'

/** A message goes where its routing key equals the binding's. */
export class DirectTable implements RoutingTable {
  readonly #byKey = new Map<string, Set<Binding>>()

  add(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey)
    if (bindings === undefined) this.#byKey.set(binding.routingKey, new Set([binding]))
    else bindings.add(binding)
  }

  remove(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey)
    bindings?.delete(binding)
    if (bindings?.size === 0) this.#byKey.delete(binding.routingKey)
  }

  route(routingKey: string, _headers: FieldTable, visit: (destination: Destination) => void): void {
    const bindings = this.#byKey.get(routingKey)
    if (bindings === undefined) return
    for (const binding of bindings) visit(binding.destination)
  }
}
