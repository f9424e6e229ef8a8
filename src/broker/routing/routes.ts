/**
 * The routes of messages through a virtual host. They are remembered until something changes that may lead a message elsewhere, or
 * what a user may do: either raises the version.
 */
import type { Properties } from '../../../protocol/properties.ts'
import { LONG_WORK, type Turn } from '../../lib/turn.ts'
import { refuse } from '../errors.ts'
import type { Exchange } from '../exchanges/exchange.ts'
import type { Message } from '../messages/message.ts'
import { NO_NEEDS } from '../messages/property-set.ts'
import type { Queue } from '../queues/queue.ts'
import type { Session } from '../session.ts'
import { isReplyAddress, type ReplyConsumers } from './reply-to.ts'
import { type Route, routeTo } from './route.ts'
import { RouteCache } from './route-cache.ts'
import { Routing, type Topology } from './router.ts'

const NO_PROPERTIES: Properties = {}

export class Routes {
  /** Routes of an older version do not count. */
  version = 0
  readonly #topology: Topology
  readonly #replyConsumers: ReplyConsumers
  readonly #turn: Turn
  readonly #remembered = new RouteCache(forget)
  /** The route of every message to an exchange, where the routing key makes no difference. */
  readonly #shared = new WeakMap<Exchange, Route>()

  /** The turn is that of the client whose input is being looked at: to find a route is long work. */
  constructor(topology: Topology, replyConsumers: ReplyConsumers, turn: Turn) {
    this.#topology = topology
    this.#replyConsumers = replyConsumers
    this.#turn = turn
  }

  /**
   * The route of a message by its exchange and routing key alone; when it needs properties, see `queuesFor`. Throws BrokerError
   * for an exchange that the session may not publish to, does not exist or is internal. Whether it may use the routing key, the publisher
   * asks. It may use the route again, without asking, as long as the version is the same and it is not told to forget it.
   */
  route(message: Message, session: Session): Route {
    const { head, keyStart, keyEnd } = message
    const known = this.#remembered.get(head, keyStart, keyEnd)
    if (known !== undefined && known.version === this.version) {
      if (known.allowedTo !== session.access.grant) session.require('write', 'exchange', known.exchange.name)
      return known
    }
    const { exchange } = message
    session.require('write', 'exchange', exchange)
    const route = this.#find(exchange, message.routingKey)
    if (route.replyConsumer === undefined) this.#remember(message, route)
    return route
  }

  /** The same for a message that the broker publishes itself: that may go to any exchange. Undefined when there is none. */
  ownRoute(message: Message): Route | undefined {
    const { head, keyStart, keyEnd } = message
    const known = this.#remembered.get(head, keyStart, keyEnd)
    if (known !== undefined && known.version === this.version) return known
    const exchange = this.#topology.exchange(message.exchange)
    if (exchange === undefined) return undefined
    const route = this.#through(exchange, message.routingKey)
    // What is remembered is for clients as well.
    if (!exchange.internal && route.replyConsumer === undefined) this.#remember(message, route)
    return route
  }

  #remember({ head, keyStart, keyEnd }: Message, route: Route): void {
    if (this.#remembered.set(head, keyStart, keyEnd, route)) route.isRemembered = true
  }

  /** The queues that any of these routing keys lead a message with these properties to. */
  queuesFor(exchange: Exchange, routingKeys: readonly string[], properties: Properties): readonly Queue[] {
    return [...this.#follow(exchange, routingKeys, properties).queues]
  }

  /** Of these queues, those that are there by now, be it as others with the same name, and these others as well. */
  thoseThere(queues: readonly Queue[], names: readonly string[]): readonly Queue[] {
    if (names.length === 0 && !queues.some(({ isDeleted }) => isDeleted)) return queues
    const there = queues.map((queue) => (queue.isDeleted ? this.#topology.queue(queue.name) : queue))
    for (const name of names) there.push(this.#topology.queue(name))
    return there.filter((queue) => queue !== undefined)
  }

  #find(exchangeName: string, routingKey: string): Route {
    const exchange = this.#topology.exchange(exchangeName)
    if (exchange === undefined) throw refuse.missing('exchange', exchangeName, this.#topology.name)
    if (exchange.internal) throw refuse.internalExchange('exchange', exchangeName, this.#topology.name)
    return this.#through(exchange, routingKey)
  }

  #through(exchange: Exchange, routingKey: string): Route {
    const { version } = this
    if (exchange.name === '' && isReplyAddress(routingKey)) {
      const replyConsumer = this.#replyConsumers.at(routingKey)
      if (replyConsumer !== undefined) return routeTo({ version, exchange, queues: [], replyConsumer, needs: NO_NEEDS })
    }
    const shared = this.#shared.get(exchange)
    if (shared?.version === version) return shared
    const { needs, queues: found } = this.#follow(exchange, [routingKey], NO_PROPERTIES)
    const queues = needs === NO_NEEDS ? [...found] : []
    const route = routeTo({ version, exchange, queues, replyConsumer: undefined, needs })
    // Only the keys of a fanout that leads straight to queues make no difference.
    if (exchange.type === 'fanout' && queues.length > 0 && leadsToQueuesOnly(exchange))
      this.#shared.set(exchange, route)
    return route
  }

  #follow(exchange: Exchange, routingKeys: readonly string[], properties: Properties): Routing {
    const routing = new Routing(this.#topology)
    routing.follow(exchange, routingKeys, properties)
    this.#turn.spend(LONG_WORK)
    return routing
  }
}

function forget(route: Route): void {
  route.exchange.hearOf(route)
  route.isRemembered = false
}

function leadsToQueuesOnly(exchange: Exchange): boolean {
  for (const { destination } of exchange.outgoing.values()) if (destination.kind !== 'queue') return false
  return true
}
