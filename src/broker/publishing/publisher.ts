/**
 * Publishing: find the route, check the properties that have a say, put the message into its queues. A message whose
 * key is that of the one before it, and whose properties ask for nothing, costs a comparison and the copies.
 */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { type Properties, UNUSED_FLAGS, validateProperties } from '../../../protocol/properties.ts'
import { shortstrBytes } from '../../../protocol/short-string.ts'
import { encodeExtension } from '../../../storage/record-extension.ts'
import { allocateBlock, type Block, copyBytes, EMPTY_BLOCK, equalBytes } from '../../lib/block.ts'
import type { Turn } from '../../lib/turn.ts'
import { BrokerError, refuse } from '../errors.ts'
import type { Message } from '../messages/message.ts'
import { NO_NEEDS, propertySet } from '../messages/property-set.ts'
import { parseExpiration } from '../queues/expiry.ts'
import { NOTHING_BESIDE } from '../queues/message-ttl.ts'
import type { Queue } from '../queues/queue.ts'
import { REPLY_QUEUE, type ReplyConsumer } from '../routing/reply-to.ts'
import { KEPT_QUEUES_MAX, type Route } from '../routing/route.ts'
import type { Routes } from '../routing/routes.ts'
import type { Session } from '../session.ts'
import type { TrafficFigures } from '../statistics/traffic-figures.ts'
import { FanOut, ONE_TURN_QUEUES_MAX } from './fan-out.ts'
import { INSPECTED_FLAGS, isPersistent, isPlain, routingKeysIn } from './inspection.ts'
import type { PublishOutcome } from './outcome.ts'
import { PublishCounts } from './publish-counts.ts'

const HEADERS = propertySet('headers')
const NO_HEADERS: FieldTable = new Map()
const NO_PROPERTIES: Properties = {}

/** Where a message goes that passed all checks. */
interface Destinations {
  /** As queues get it. */
  readonly message: Message
  readonly queues: readonly Queue[]
  readonly replyConsumer: ReplyConsumer | undefined
}

/** A message that is published later. As in RabbitMQ, the names of its queues are settled; whether they are there counts then. */
export interface Publication extends Destinations {
  readonly route: Route
  /** Names of queues, through the default exchange, that are not there yet. */
  readonly missing: readonly string[]
  /** A queue that it may go to keeps it across a restart. */
  readonly isKept: boolean
}

const NONE_MISSING: readonly string[] = []

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
  /** The last message is not in all of its queues yet: the publisher has to go on with this, and waits meanwhile. */
  fanOut: FanOut | undefined
  readonly counts: PublishCounts
  /** The largest body. */
  readonly messageBytesMax: number
  readonly #routes: Routes
  readonly #session: Session
  readonly #isStorageDurable: boolean
  readonly #turn: Turn | undefined
  #lastRoute: Route | undefined
  #lastKey: Block = EMPTY_BLOCK
  #lastKeyBytes = 0

  /** With a turn, a message that goes to many queues is put into them only until the time is up, see `fanOut`. */
  constructor(vhost: PublishedTo, session: Session, messageBytesMax: number, turn?: Turn) {
    this.#routes = vhost.routes
    this.#session = session
    this.messageBytesMax = messageBytesMax
    this.#isStorageDurable = vhost.isStorageDurable
    this.#turn = turn
    this.counts = new PublishCounts(vhost.figures.messageSizes)
  }

  /** What the session may do has changed: it is asked for anew. */
  forget(): void {
    this.#lastRoute = undefined
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
    const route = this.#route(message)
    const { counts } = this
    if (bodyBytes !== counts.sizeBytes) counts.beginSize(bodyBytes)
    if (route.needs !== NO_NEEDS || !isPlain(message)) {
      const publication = this.#inspect(message, route)
      counts.addInspected(route, publication.queues)
      return this.#enqueue(publication.queues, publication.replyConsumer, publication.message)
    }
    counts.messages++
    const { onlyQueue } = route
    if (onlyQueue === undefined) return this.#enqueue(route.queues, route.replyConsumer, message)
    this.copies = 1
    return onlyQueue.publish(message) ? 'routed' : 'refused'
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

  /** Checks and routes now what is to be published later, see `publishPrepared`. The publication owns its bytes. */
  prepare(message: Message): Publication {
    this.checkSize(message.bodyBytes)
    message.isDurable = this.#isStorageDurable && isPersistent(message)
    const route = this.#route(message)
    const isSimple = route.needs === NO_NEEDS && isPlain(message)
    const { queues, replyConsumer } = route
    const destinations = isSimple ? { message, queues, replyConsumer } : this.#inspect(message, route)
    const isNamed = route.exchange.name === '' && replyConsumer === undefined
    const missing =
      isNamed && !(isSimple && queues.length > 0)
        ? missingAmong(this.#checkedKeys(message), destinations.queues)
        : NONE_MISSING
    const kept = destinations.message.copy()
    const isKept = missing.length > 0 || destinations.queues.some((queue) => queue.keeps(kept))
    return { ...destinations, message: kept, route, missing, isKept: this.#isStorageDurable && isKept }
  }

  /** Puts a message that was prepared into those of its queues that are there. */
  publishPrepared({ message, route, queues, missing, replyConsumer }: Publication): PublishOutcome {
    const there = this.#routes.thoseThere(queues, missing)
    this.forget() // the route that is counted along is another one now
    this.counts.addPrepared(route, there, message.bodyBytes)
    return enqueueTo(there, replyConsumer, message)
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
    const { head, keyStart } = message
    const keyBytes = message.keyEnd - keyStart
    const route = this.#routes.route(message, this.#session)
    const { grant } = this.#session.access
    if (route.allowedTo !== grant) {
      this.#requireKey(route, message)
      route.allowedTo = grant
    }
    this.counts.beginRoute(route)
    this.#lastRoute = route.copies <= KEPT_QUEUES_MAX ? route : undefined
    if (keyBytes > this.#lastKey.size) this.#lastKey = allocateBlock(Math.max(64, keyBytes))
    copyBytes(this.#lastKey, 0, head, keyStart, keyStart + keyBytes)
    this.#lastKeyBytes = keyBytes
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
  #inspect(message: Message, route: Route): Destinations {
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

/** The names among these keys that none of the queues has, each once. */
function missingAmong(keys: readonly string[], queues: readonly Queue[]): readonly string[] {
  const there = new Set(queues.map(({ name }) => name))
  return [...new Set(keys)].filter((key) => !there.has(key))
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
