/**
 * What one publisher counts. A message costs one addition here: which route the messages took, and how large they were, is told to
 * others when the next one takes another route or has another size, and before it is read.
 */
import type { Histogram } from '../../lib/histogram.ts'
import type { Exchange, Teller } from '../exchanges/exchange.ts'
import type { Queue } from '../queues/queue.ts'
import { countAlong, KEPT_QUEUES_MAX, type Route, withoutQueues } from '../routing/route.ts'
import { NameCounts } from '../statistics/name-counts.ts'

/** A channel counts for so many exchanges what it has published to them. */
const EXCHANGES_MAX = 64
/** Of a message that goes to more queues than this by its properties, the exchange does not count where it went. */
const COUNTED_QUEUES_MAX = 64

export class PublishCounts implements Teller {
  /** Messages that were published. */
  messages = 0
  /** Bytes of the bodies of the messages since `#sizedCount`. */
  sizeBytes = 0
  #sizedCount = 0
  readonly #sizes: Histogram
  /** The route of the messages since `#routedCount`. */
  #route: Route | undefined
  #routedCount = 0
  /** The exchange of that route, and what `messages` was when it became that. */
  #exchange: Exchange | undefined
  #exchangeSince = 0
  /** Exchanges know of it, and ask it. One that tells each message at once need not be known. */
  mayTellLater = false
  next: Teller | undefined
  previous: Teller | undefined
  readonly #exchanges = new NameCounts(EXCHANGES_MAX)

  constructor(sizes: Histogram) {
    this.#sizes = sizes
  }

  /** The next messages take this route. */
  beginRoute(route: Route): void {
    this.#tellRoute()
    this.#route = route.copies <= KEPT_QUEUES_MAX ? route : withoutQueues(route)
    if (route.exchange !== this.#exchange) this.#beginExchange(route.exchange)
  }

  /** The next messages have bodies of so many bytes. */
  beginSize(bodyBytes: number): void {
    const count = this.messages - this.#sizedCount
    if (count > 0) this.#sizes.add(this.sizeBytes, count)
    this.#sizedCount = this.messages
    this.sizeBytes = bodyBytes
  }

  /** A message was published to these queues, which were found by more than the route that began last. */
  addInspected(route: Route, queues: readonly Queue[]): void {
    this.#tellRoute()
    countOne(route, queues)
    this.messages++
    this.#routedCount++
  }

  /** The same for one whose route was found before; another one may have begun since. */
  addPrepared(route: Route, queues: readonly Queue[], bodyBytes: number): void {
    if (bodyBytes !== this.sizeBytes) this.beginSize(bodyBytes)
    this.beginRoute(route)
    this.addInspected(route, queues)
  }

  /** Tells what was counted since the last time: to the route, and the sizes. Before that is read, and before the publisher is given up. */
  tell(): void {
    this.beginSize(this.sizeBytes)
    this.#tellRoute()
  }

  /** The publisher is given up. */
  end(): void {
    this.tell()
    if (this.mayTellLater) this.#exchange?.publishers.remove(this)
    this.mayTellLater = false
  }

  /** How many messages were published to each exchange, of those that were published to last. */
  byExchange(): Iterable<readonly [exchange: string, count: number]> {
    this.#tellExchange()
    return this.#exchanges.entries()
  }

  #tellRoute(): void {
    const count = this.messages - this.#routedCount
    if (count === 0 || this.#route === undefined) return
    this.#routedCount = this.messages
    countAlong(this.#route, count)
  }

  #beginExchange(exchange: Exchange): void {
    this.#tellExchange()
    if (this.mayTellLater) {
      this.#exchange?.publishers.remove(this)
      exchange.publishers.add(this)
    }
    this.#exchange = exchange
  }

  #tellExchange(): void {
    const count = this.messages - this.#exchangeSince
    this.#exchangeSince = this.messages
    if (this.#exchange !== undefined && count > 0) this.#exchanges.add(this.#exchange.name, count)
  }
}

/** Counts one message whose queues may have been found by more than its route. */
function countOne(route: Route, queues: readonly Queue[]): void {
  if (queues === route.queues) {
    countAlong(route, 1)
    return
  }
  const { exchange } = route
  exchange.countPublished(1, queues.length)
  if (queues.length <= COUNTED_QUEUES_MAX) for (const { name } of queues) exchange.sent.add(name, 1)
}
