/**
 * Publishing: find the route, check the properties that have a say, put the message into its queues. A message whose
 * key is that of the one before it, and whose properties ask for nothing, costs a comparison and the copies.
 */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { type Properties, UNUSED_FLAGS, validateProperties } from '../../../protocol/properties.ts'
import { shortstrBytes } from '../../../protocol/short-string.ts'
import { encodeExtension } from '../../../storage/record-extension.ts'
import { allocateBlock, type Block, copyBytes, EMPTY_BLOCK, equalBytes } from '../../lib/block.ts'
import type { Histogram } from '../../lib/histogram.ts'
import type { Turn } from '../../lib/turn.ts'
import { BrokerError, refuse } from '../errors.ts'
import type { Exchange } from '../exchanges/exchange.ts'
import type { Message } from '../messages/message.ts'
import { NO_NEEDS, propertySet } from '../messages/property-set.ts'
import { parseExpiration } from '../queues/expiry.ts'
import { NOTHING_BESIDE } from '../queues/message-ttl.ts'
import type { Queue } from '../queues/queue.ts'
import { REPLY_QUEUE, type ReplyConsumer } from '../routing/reply-to.ts'
import { countAlong, type Route } from '../routing/route.ts'
import type { Routes } from '../routing/routes.ts'
import type { Session } from '../session.ts'
import { NameCounts } from '../statistics/name-counts.ts'
import type { TrafficFigures } from '../statistics/traffic-figures.ts'
import { FanOut, ONE_TURN_QUEUES_MAX } from './fan-out.ts'
import { INSPECTED_FLAGS, isPersistent, isPlain, routingKeysIn } from './inspection.ts'
import type { PublishOutcome } from './outcome.ts'

const HEADERS = propertySet('headers')
const NO_HEADERS: FieldTable = new Map()
const NO_PROPERTIES: Properties = {}

/** The last route is remembered when it leads to no more queues than this. */
const LAST_QUEUES_MAX = 1024

/** A channel counts for so many exchanges what it has published to them. */
const EXCHANGES_MAX = 64
/** Of a message that goes to more queues than this by its properties, the exchange does not count where it went. */
const COUNTED_QUEUES_MAX = 64

/** A message that passed all checks, and where it goes. */
export interface Publication {
  readonly message: Message
  readonly queues: readonly Queue[]
  readonly replyConsumer: ReplyConsumer | undefined
}

/** A virtual host, as a publisher knows it. */
export interface PublishedTo {
  readonly routes: Routes
  /** Whether messages can survive a restart. */
  readonly isStorageDurable: boolean
  readonly figures: TrafficFigures
}

export class Publisher {
  /** The reply consumer of this publisher, for messages that ask for direct replies. */
  replyConsumer: ReplyConsumer | undefined
  /** How many queues the last message went to. */
  copies = 0
  /** Messages that it has published. */
  publishedCount = 0
  /** The last message is not in all of its queues yet: the publisher has to go on with this, and waits meanwhile. */
  fanOut: FanOut | undefined
  /** The largest body. */
  readonly messageBytesMax: number
  readonly #routes: Routes
  readonly #session: Session
  readonly #isStorageDurable: boolean
  readonly #turn: Turn | undefined
  readonly #sizes: Histogram
  #lastRoute: Route | undefined
  /** Its counts are behind by the messages since `#toldCount`, which went to so many queues each, see `tellCounts`. */
  #exchange: Exchange | undefined
  #copiesEach = 0
  /** Their route, unless it leads to very many queues. */
  #toldRoute: Route | undefined
  #toldCount = 0
  /** The messages since `#sizedCount` have bodies of so many bytes: their sizes are counted when another one comes. */
  #sizeBytes = 0
  #sizedCount = 0
  /** What was published to `#exchange` since it became that, as far as that was told, and to those before it. */
  #exchangeCount = 0
  readonly #published = new NameCounts(EXCHANGES_MAX)
  #lastKey: Block = EMPTY_BLOCK
  #lastKeyBytes = 0

  /** With a turn, a message that goes to many queues is put into them only until the time is up, see `fanOut`. */
  constructor(vhost: PublishedTo, session: Session, messageBytesMax: number, turn?: Turn) {
    this.#routes = vhost.routes
    this.#session = session
    this.messageBytesMax = messageBytesMax
    this.#isStorageDurable = vhost.isStorageDurable
    this.#turn = turn
    this.#sizes = vhost.figures.messageSizes
  }

  /** What the session may do has changed: it is asked for anew. */
  forget(): void {
    this.#lastRoute = undefined
  }

  /**
   * Tells the exchange of the messages that it was sent since the last time, and the broker of their sizes. Before a publisher is given
   * up, and before these counts are read, this is called: to count there with each message would cost more than to find the route.
   */
  tellCounts(): void {
    this.#countSizes(this.#sizeBytes)
    this.#tellExchange()
  }

  #tellExchange(): void {
    const count = this.publishedCount - this.#toldCount
    if (count === 0) return
    this.#toldCount = this.publishedCount
    this.#exchange?.countPublished(count, count * this.#copiesEach)
    this.#exchangeCount += count
    if (this.#toldRoute !== undefined) countAlong(this.#toldRoute, count)
  }

  /** Counts one message whose queues were found by more than its route. */
  #countOne(route: Route, queues: readonly Queue[]): void {
    const { exchange } = route
    exchange.countPublished(1, queues.length)
    this.#exchangeCount++
    if (queues === route.queues) countAlong(route, 1)
    else if (queues.length <= COUNTED_QUEUES_MAX) for (const { name } of queues) exchange.sent.add(name, 1)
  }

  /** How many messages were published to each exchange, of those that were published to last. */
  published(): Iterable<readonly [exchange: string, count: number]> {
    this.tellCounts()
    this.#tellPublished()
    return this.#published.entries()
  }

  #tellPublished(): void {
    if (this.#exchange !== undefined && this.#exchangeCount > 0)
      this.#published.add(this.#exchange.name, this.#exchangeCount)
    this.#exchangeCount = 0
  }

  /** Counts the sizes of those that were published, before one with so many bytes. */
  #countSizes(nextBytes: number): void {
    const count = this.publishedCount - this.#sizedCount
    if (count > 0) this.#sizes.add(this.#sizeBytes, count)
    this.#sizedCount = this.publishedCount
    this.#sizeBytes = nextBytes
  }

  /** What was prepared is published now. Its exchange knows of it, and its size is counted. */
  countPrepared(): void {
    this.publishedCount++
    this.#toldCount++
    this.#sizedCount++
  }

  /** Throws BrokerError when a body of this size is refused. */
  checkSize(bodyBytes: number): void {
    if (bodyBytes > this.messageBytesMax) throw refuse.messageTooLarge(bodyBytes, this.messageBytesMax)
  }

  /** Puts the message into the queues it is routed to. Throws BrokerError. */
  publish(message: Message): PublishOutcome {
    message.isDurable = this.#isStorageDurable && isPersistent(message)
    const bodyBytes = message.bodyEnd - message.bodyStart
    if (bodyBytes > this.messageBytesMax) this.checkSize(bodyBytes)
    if (bodyBytes !== this.#sizeBytes) this.#countSizes(bodyBytes)
    const route = this.#route(message)
    if (route.needs !== NO_NEEDS || !isPlain(message)) {
      const publication = this.#inspect(message, route)
      this.#countOne(route, publication.queues)
      this.publishedCount++
      this.#toldCount++
      return this.#enqueue(publication.queues, publication.replyConsumer, publication.message)
    }
    this.publishedCount++
    return this.#enqueue(route.queues, route.replyConsumer, message)
  }

  #enqueue(queues: readonly Queue[], replyConsumer: ReplyConsumer | undefined, message: Message): PublishOutcome {
    this.copies = queues.length
    if (queues.length <= ONE_TURN_QUEUES_MAX || this.#turn === undefined) {
      return enqueueTo(queues, replyConsumer, message)
    }
    const fanOut = new FanOut(message, queues)
    this.fanOut = fanOut.begin(this.#turn) ? undefined : fanOut
    if (replyConsumer !== undefined) replyConsumer.sink.deliverReply(replyConsumer, message)
    return fanOut.isRefused ? 'refused' : 'routed'
  }

  /** Checks and routes now what is to be enqueued later. The publication owns its bytes. */
  prepare(message: Message): Publication {
    this.checkSize(message.bodyBytes)
    message.isDurable = this.#isStorageDurable && isPersistent(message)
    const route = this.#route(message)
    const isSimple = route.needs === NO_NEEDS && isPlain(message)
    this.#sizes.add(message.bodyBytes, 1)
    const publication = isSimple ? { ...route, message } : this.#inspect(message, route)
    this.#countOne(route, publication.queues)
    return { ...publication, message: publication.message.copy() }
  }

  /** The message as queues would have got it: what basic.return gives back. */
  asDelivered(message: Message): Message {
    return isPlain(message) ? message : this.#rewritten(message)
  }

  #route(message: Message): Route {
    const last = this.#lastRoute
    const { head, keyStart } = message
    const keyBytes = message.keyEnd - keyStart
    if (
      last !== undefined &&
      last.version === this.#routes.version &&
      keyBytes === this.#lastKeyBytes &&
      last.replyConsumer === undefined &&
      equalBytes(this.#lastKey, 0, head, keyStart, keyBytes)
    ) {
      return last
    }
    return this.#newRoute(message)
  }

  #newRoute(message: Message): Route {
    this.#tellExchange()
    const { head, keyStart } = message
    const keyBytes = message.keyEnd - keyStart
    const route = this.#routes.route(message, this.#session)
    const { grant } = this.#session.access
    if (route.allowedTo !== grant) {
      this.#requireKey(route, message)
      route.allowedTo = grant
    }
    if (route.exchange !== this.#exchange) {
      this.#tellPublished()
      this.#exchange = route.exchange
    }
    this.#copiesEach = route.queues.length
    this.#toldRoute = route.queues.length <= LAST_QUEUES_MAX ? route : undefined
    if (keyBytes > this.#lastKey.size) this.#lastKey = allocateBlock(Math.max(64, keyBytes))
    copyBytes(this.#lastKey, 0, head, keyStart, keyStart + keyBytes)
    this.#lastKeyBytes = keyBytes
    // A long list of queues would outlive the cache that it came from, in every channel another one.
    this.#lastRoute = this.#toldRoute
    return route
  }

  /** Throws when the session may not use the routing key: behind RabbitMQ's checks of the properties, which come first. */
  #requireKey(route: Route, message: Message): void {
    const { exchange } = route
    if (exchange.type !== 'topic') return
    try {
      this.#session.requireKey('write', exchange, message.routingKey)
    } catch (error) {
      if (error instanceof BrokerError && !isPlain(message)) this.#checkedKeys(message)
      throw error
    }
  }

  /** The slow way: for properties that change the route or must be checked. */
  #inspect(message: Message, route: Route): Publication {
    const keys = this.#checkedKeys(message)
    if ((message.propertyFlags & (INSPECTED_FLAGS | HEADERS | route.needs)) === 0) {
      const queues = this.#routes.queuesFor(route.exchange, keys, NO_PROPERTIES)
      return { message, queues, replyConsumer: route.replyConsumer }
    }
    const { properties } = message
    const { expiration, userId } = properties
    const { exchange, replyConsumer } = route
    for (let i = 1; i < keys.length; i++) this.#session.requireKey('write', exchange, keys[i] as string)
    const { user } = this.#session
    if (userId !== undefined && userId !== user.name && !this.#session.isImpersonator) {
      throw refuse.foreignUserId(userId, user.name)
    }
    const queues =
      route.needs !== NO_NEEDS || keys.length > 1
        ? this.#routes.queuesFor(route.exchange, keys, properties)
        : route.queues
    const rewritten = this.#rewritten(message)
    // Queues look at the time that a message has only where something lies beside it.
    if (expiration !== undefined) rewritten.extension ??= NOTHING_BESIDE
    return { message: rewritten, queues, replyConsumer }
  }

  /** The routing keys of a message: its own, then those of CC and BCC. Throws BrokerError when its properties make no sense. */
  #checkedKeys(message: Message): readonly string[] {
    const { head, headerStart, headerEnd } = message
    if (!validateProperties(head.bytes, headerStart, headerEnd)) throw refuse.malformedContent()
    if ((message.propertyFlags & (INSPECTED_FLAGS | HEADERS)) === 0) return [message.routingKey]
    const { replyTo, expiration, headers = NO_HEADERS } = message.properties
    if (replyTo === REPLY_QUEUE && this.replyConsumer === undefined) throw refuse.noReplyConsumer()
    if (expiration !== undefined) parseExpiration(expiration)
    return [message.routingKey, ...routingKeysIn(headers, 'CC'), ...routingKeysIn(headers, 'BCC')]
  }

  /** The reply address filled in, blind copies and flags of no meaning taken out; the message itself if there is nothing to do. */
  #rewritten(message: Message): Message {
    const { headers, ...rest } = message.properties
    const { replyConsumer } = this
    const address = rest.replyTo === REPLY_QUEUE ? replyConsumer?.address : undefined
    const hasBlindCopies = headers?.has('BCC') === true
    if (address === undefined && !hasBlindCopies && (message.propertyFlags & UNUSED_FLAGS) === 0) return message
    const visible = hasBlindCopies ? new Map([...headers].filter(([name]) => name !== 'BCC')) : headers
    const delivered = {
      ...rest,
      ...(visible === undefined ? {} : { headers: visible }),
      ...(address === undefined ? {} : { replyTo: address }),
    }
    const rewritten = message.withProperties(delivered)
    if (headers !== undefined && hasBlindCopies) rewritten.extension = extensionFor(headers)
    return rewritten
  }
}

/** Dead letters go where blind copies go, too. */
function extensionFor(headers: FieldTable): Uint8Array {
  return encodeExtension({ blindKeys: routingKeysIn(headers, 'BCC').map(shortstrBytes) })
}

/** Puts a publication into those of its queues that are still there. */
export function enqueue({ message, queues, replyConsumer }: Publication): PublishOutcome {
  return enqueueTo(
    queues.filter((queue) => !queue.isDeleted),
    replyConsumer,
    message,
  )
}

function enqueueTo(
  queues: readonly Queue[],
  replyConsumer: ReplyConsumer | undefined,
  message: Message,
): PublishOutcome {
  let isRefused = false
  for (let i = 0; i < queues.length; i++) if (!(queues[i] as Queue).publish(message)) isRefused = true
  if (replyConsumer !== undefined) replyConsumer.sink.deliverReply(replyConsumer, message)
  else if (queues.length === 0) return 'unrouted'
  return isRefused ? 'refused' : 'routed'
}
