import type { Exchange } from '../exchanges/exchange.ts'
import type { PropertySet } from '../messages/property-set.ts'
import type { Queue } from '../queues/queue.ts'
import type { ReplyConsumer } from './reply-to.ts'

/** Where messages with one exchange and routing key go. */
export interface Route {
  /** The version of the routes that this was found under. */
  readonly version: number
  readonly exchange: Exchange
  readonly queues: readonly Queue[]
  /** The waiting requester, when the routing key is its reply address. */
  readonly replyConsumer: ReplyConsumer | undefined
  /** The properties that have a say in where a message goes. When there are any, its queues must be found anew. */
  readonly needs: PropertySet
  /** Messages that went this way and were not told to the exchange yet, see `Routes.tellCounts`. */
  publishedCount: number
  /** While it is, its exchange is told now and then. Publishers go on with routes that are forgotten, too. */
  isRemembered: boolean
  /** Sessions with this grant may publish this way, see `SessionAccess`. */
  allowedTo: object | undefined
}

/** So many messages went along it. */
export function countAlong(route: Route, messages: number): void {
  if (route.isRemembered) route.publishedCount += messages
  else countSent(route, messages)
}

/** The exchange counts that so many messages went this way. */
export function countSent({ exchange, queues }: Route, messages: number): void {
  for (let i = 0; i < queues.length; i++) exchange.sent.add((queues[i] as Queue).name, messages)
}
