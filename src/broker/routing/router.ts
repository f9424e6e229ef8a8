/** Where a message goes: through bindings from exchange to exchange, and to the alternate exchange when nowhere. */
import type { Properties } from '../../../protocol/properties.ts'
import type { Exchange } from '../exchanges/exchange.ts'
import { exchangeType } from '../exchanges/types/exchange-types.ts'
import { NO_NEEDS, type PropertySet } from '../messages/property-set.ts'
import type { Queue } from '../queues/queue.ts'

/** A virtual host, as routing knows it. */
export interface Topology {
  readonly name: string
  exchange(name: string): Exchange | undefined
  queue(name: string): Queue | undefined
}

/** Queues already found and exchanges already visited: one message reaches a queue once, over however many paths. */
export class Routing {
  readonly queues = new Set<Queue>()
  /** The properties of messages that the exchanges on the way look at. */
  needs: PropertySet = NO_NEEDS
  readonly #topology: Topology
  readonly #visited = new Set<Exchange>()
  readonly #pending: Exchange[] = []

  constructor(topology: Topology) {
    this.#topology = topology
  }

  /** Follows all routing keys of a message from an exchange; every key counts at every exchange on the way. */
  follow(exchange: Exchange, routingKeys: readonly string[], properties: Properties): void {
    this.#enqueue(exchange)
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) {
      let isRouted = false
      for (const key of routingKeys) if (this.#routeAt(next, key, properties)) isRouted = true
      if (!isRouted) this.#toAlternate(next)
    }
  }

  /** Routes at one exchange; false when that leads nowhere. */
  #routeAt(exchange: Exchange, routingKey: string, properties: Properties): boolean {
    // AMQP 0-9-1, 3.1.2.1: every queue is bound to the default exchange with its name, and with nothing else.
    if (exchange.name === '') {
      const queue = this.#topology.queue(routingKey)
      if (queue !== undefined) this.queues.add(queue)
      return queue !== undefined
    }
    let isRouted = false
    this.needs |= exchangeType(exchange.type).needs
    exchange.routingTable.route(routingKey, properties, (destination) => {
      if (destination.isDeleted) return // and this binding is going, too
      isRouted = true
      if (destination.kind === 'queue') this.queues.add(destination)
      else this.#enqueue(destination)
    })
    return isRouted
  }

  #toAlternate(exchange: Exchange): void {
    if (exchange.alternateExchange === undefined) return
    const alternate = this.#topology.exchange(exchange.alternateExchange)
    if (alternate !== undefined) this.#enqueue(alternate)
  }

  #enqueue(exchange: Exchange): void {
    if (this.#visited.has(exchange)) return
    this.#visited.add(exchange)
    this.#pending.push(exchange)
  }
}
