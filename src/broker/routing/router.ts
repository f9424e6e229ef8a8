/** Where a message goes: through bindings from exchange to exchange, and to the alternate exchange when nowhere. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import type { Destination } from '../exchanges/binding.ts'
import type { Exchange } from '../exchanges/exchange.ts'
import { exchangeType } from '../exchanges/types/exchange-types.ts'
import type { Queue } from '../queues/queue.ts'
import type { ReplyConsumer } from './reply-to.ts'

export interface Route {
  /** The topology version this was found under. */
  readonly version: number
  readonly exchange: Exchange
  readonly queues: readonly Queue[]
  /** The waiting requester, when the routing key is its reply address. */
  readonly replyConsumer: ReplyConsumer | undefined
  /** Whether the message's headers have a say, so that the queues must be found anew for each message. */
  readonly usesHeaders: boolean
}

export interface Topology {
  exchange(name: string): Exchange | undefined
  queue(name: string): Queue | undefined
}

/** Queues already found and exchanges already visited: one message reaches a queue once, over however many paths. */
export class Routing {
  readonly queues = new Set<Queue>()
  usesHeaders = false
  readonly #topology: Topology
  readonly #visited = new Set<Exchange>()
  readonly #pending: Exchange[] = []

  constructor(topology: Topology) {
    this.#topology = topology
  }

  /** Follows all routing keys of a message from an exchange; every key counts at every exchange on the way. */
  follow(exchange: Exchange, routingKeys: readonly string[], headers: FieldTable): void {
    this.#enqueue(exchange)
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) {
      let isRouted = false
      for (const key of routingKeys) if (this.#routeAt(next, key, headers)) isRouted = true
      if (!isRouted) this.#toAlternate(next)
    }
  }

  /** Routes at one exchange; false when that leads nowhere. */
  #routeAt(exchange: Exchange, routingKey: string, headers: FieldTable): boolean {
    // AMQP 0-9-1, 3.1.2.1: every queue is bound to the default exchange with its name, and with nothing else.
    if (exchange.name === '') {
      const queue = this.#topology.queue(routingKey)
      if (queue !== undefined) this.queues.add(queue)
      return queue !== undefined
    }
    let isRouted = false
    this.usesHeaders ||= exchangeType(exchange.type).usesHeaders
    exchange.routingTable.route(routingKey, headers, (destination: Destination) => {
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
