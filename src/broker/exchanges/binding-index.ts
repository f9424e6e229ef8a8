import { SmallSet } from '../../lib/small-set.ts'
import type { Binding, Destination } from './binding.ts'

export interface Bindings extends Iterable<Binding> {
  readonly size: number
}

const NONE: Bindings = new SmallSet<Binding>()

/** The bindings of a virtual host by their destinations, so that deleting a queue never walks all bindings. */
export class BindingIndex {
  count = 0
  readonly #byDestination = new Map<Destination, SmallSet<Binding>>()

  add(binding: Binding): void {
    let bindings = this.#byDestination.get(binding.destination)
    if (bindings === undefined) {
      bindings = new SmallSet()
      this.#byDestination.set(binding.destination, bindings)
    }
    bindings.add(binding)
    this.count++
  }

  remove(binding: Binding): void {
    const bindings = this.#byDestination.get(binding.destination)
    if (bindings?.delete(binding) === true) this.count--
    if (bindings?.size === 0) this.#byDestination.delete(binding.destination)
  }

  /** Forgets the bindings that lead to this destination, and no longer counts them: which they are. */
  take(destination: Destination): Bindings {
    const bindings = this.to(destination)
    this.count -= bindings.size
    this.#byDestination.delete(destination)
    return bindings
  }

  /** The bindings that lead to this destination. */
  to(destination: Destination): Bindings {
    return this.#byDestination.get(destination) ?? NONE
  }
}
