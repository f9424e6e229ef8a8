import type { Exchange, UsedRoute } from '../exchanges/exchange.ts'
import type { PropertySet } from '../messages/property-set.ts'
import type { Queue } from '../queues/queue.ts'
import type { ReplyConsumer } from './reply-to.ts'

/** A publisher keeps a route to no more queues: a long list would outlive the cache that it came from, in every channel another one. */
export const KEPT_QUEUES_MAX = 1024

/** Where messages with one exchange and routing key go. */
export interface Route extends UsedRoute {
  /** The version of the routes that this was found under. */
  readonly version: number
  readonly exchange: Exchange
  readonly queues: readonly Queue[]
  /** The queue that a plain message goes to, if it goes to that alone: most routes lead to one. */
  readonly onlyQueue: Queue | undefined
  /** How many queues these are: also of a route that stands for one, and does not have them. */
  readonly copies: number
  /** The waiting requester, when the routing key is its reply address. */
  readonly replyConsumer: ReplyConsumer | undefined
  /** The properties that have a say in where a message goes. When there are any, its queues must be found anew. */
  readonly needs: PropertySet
  /**
   * While it is, it counts what publishers tell (`PublishCounts`), and its exchange is told when it asks (`Exchange.hear`). Publishers go
   * on with routes that are forgotten, too.
   */
  isRemembered: boolean
  /** Sessions with this grant may publish this way, see `SessionAccess`. */
  allowedTo: object | undefined
}

/** One that nothing went along yet, and that is not remembered. */
export function routeTo(found: Pick<Route, 'version' | 'exchange' | 'queues' | 'replyConsumer' | 'needs'>): Route {
  const { version, exchange, queues, replyConsumer, needs } = found
  return {
    version,
    exchange,
    queues,
    onlyQueue: queues.length === 1 ? queues[0] : undefined,
    copies: queues.length,
    replyConsumer,
    needs,
    publishedCount: 0,
    next: undefined,
    previous: undefined,
    isRemembered: false,
    allowedTo: undefined,
  }
}

/** So many messages went along it. */
export function countAlong(route: Route, messages: number): void {
  const { exchange } = route
  if (!route.isRemembered) {
    exchange.countSent(route, messages)
    return
  }
  if (route.publishedCount === 0) exchange.usedRoutes.add(route)
  route.publishedCount += messages
}

/** Stands for a route that leads to very many queues, for those that count what goes along it: it does not keep the queues. */
export function withoutQueues(route: Route): Route {
  return { ...route, queues: [], publishedCount: 0, next: undefined, previous: undefined, isRemembered: false }
}
