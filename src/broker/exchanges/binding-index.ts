import type { Binding, Destination } from './binding.ts'

const NONE: ReadonlySet<Binding> = new Set()

/** The bindings of a virtual host by their destinations, so that deleting a queue never walks all bindings. */
export class BindingIndex {
  readonly #byDestination = new Map<Destination, Set<Binding>>()

  add(binding: Binding): void {
    const bindings = this.#byDestination.get(binding.destination)
    if (bindings === undefined) this.#byDestination.set(binding.destination, new Set([binding]))
    else bindings.add(binding)
  }

  remove(binding: Binding): void {
    const bindings = this.#byDestination.get(binding.destination)
    bindings?.delete(binding)
    if (bindings?.size === 0) this.#byDestination.delete(binding.destination)
  }

  /** The bindings that lead to this destination. */
  to(destination: Destination): ReadonlySet<Binding> {
    return this.#byDestination.get(destination) ?? NONE
  }
}
