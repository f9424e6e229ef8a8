/**
 * Publishing: find the route, check the properties that have a say, put the message into its queues. A message whose
 * key is that of the one before it, and whose properties ask for nothing, costs a comparison and the copies.
 */
import { BARE_HEADER_BYTES } from '../../protocol/constants.ts'
import { printText } from '../../protocol/erlang-terms.ts'
import type { FieldTable } from '../../protocol/field-table.ts'
import {
  decodeContentHeader,
  encodeContentHeader,
  findProperty,
  PROPERTY_FLAGS,
  type Properties,
  UNUSED_FLAGS,
  validateProperties,
} from '../../protocol/properties.ts'
import { shortstrText } from '../../protocol/short-string.ts'
import { allocateBlock, type Block, copyBytes, EMPTY_BLOCK, equalBytes } from '../lib/block.ts'
import type { Turn } from '../lib/turn.ts'
import { refuse } from './errors.ts'
import { FanOut } from './fan-out.ts'
import { fieldTypeName } from './fields.ts'
import type { Message } from './message.ts'
import type { Queue } from './queue.ts'
import { REPLY_QUEUE, type ReplyConsumer } from './reply-to.ts'
import type { Route } from './router.ts'
import type { Vhost } from './vhost.ts'

const { headers: HEADERS, replyTo: REPLY_TO, expiration: EXPIRATION, userId: USER_ID, deliveryMode } = PROPERTY_FLAGS
/** Properties that must be looked at, and flags that must not be passed on: the lowest would announce more flags. */
const INSPECTED_FLAGS = REPLY_TO.flag | EXPIRATION.flag | USER_ID.flag | UNUSED_FLAGS
const NO_HEADERS: FieldTable = new Map()
const LETTER_C = 0x43
const PERSISTENT = 2

/** Of a header with the delivery mode alone: as in one with no property, nothing in it can be malformed. */
const DELIVERY_MODE_HEADER_BYTES = BARE_HEADER_BYTES + 1

/** A message that goes to more queues than this may be put into them in several turns. */
const ONE_TURN_QUEUES_MAX = 64

const EXPIRATION_MS_MAX = 315_360_000_000n

export interface PublisherUser {
  readonly name: string
  /** May put another name into the user-id property. */
  readonly isImpersonator: boolean
}

/** A message that passed all checks, and where it goes. */
export interface Publication {
  readonly message: Message
  readonly queues: readonly Queue[]
  readonly replyConsumer: ReplyConsumer | undefined
}

export class Publisher {
  /** The reply consumer of this publisher, for messages that ask for direct replies. */
  replyConsumer: ReplyConsumer | undefined
  /** How many queues the last message went to. */
  copies = 0
  /** The last message is not in all of its queues yet: the publisher has to go on with this, and waits meanwhile. */
  fanOut: FanOut | undefined
  /** The largest body. */
  readonly messageBytesMax: number
  readonly #vhost: Vhost
  readonly #user: PublisherUser
  readonly #isStorageDurable: boolean
  readonly #turn: Turn | undefined
  #lastRoute: Route | undefined
  #lastKey: Block = EMPTY_BLOCK
  #lastKeyBytes = 0

  /** With a turn, a message that goes to many queues is put into them only until the time is up, see `fanOut`. */
  constructor(vhost: Vhost, user: PublisherUser, messageBytesMax: number, turn?: Turn) {
    this.#vhost = vhost
    this.#user = user
    this.messageBytesMax = messageBytesMax
    this.#isStorageDurable = vhost.isStorageDurable
    this.#turn = turn
  }

  /** Throws BrokerError when a body of this size is refused. */
  checkSize(bodyBytes: number): void {
    if (bodyBytes > this.messageBytesMax) throw refuse.messageTooLarge(bodyBytes, this.messageBytesMax)
  }

  /** Puts the message into the queues it is routed to; false when there is none. Throws BrokerError. */
  publish(message: Message): boolean {
    message.isDurable = this.#isStorageDurable && isPersistent(message)
    if (message.bodyEnd - message.bodyStart > this.messageBytesMax) this.checkSize(message.bodyBytes)
    const route = this.#route(message)
    if (route.usesHeaders || !isPlain(message)) {
      const publication = this.#inspect(message, route)
      return this.#enqueue(publication.queues, publication.replyConsumer, publication.message)
    }
    return this.#enqueue(route.queues, route.replyConsumer, message)
  }

  #enqueue(queues: readonly Queue[], replyConsumer: ReplyConsumer | undefined, message: Message): boolean {
    this.copies = queues.length
    if (queues.length <= ONE_TURN_QUEUES_MAX || this.#turn === undefined) {
      return enqueueTo(queues, replyConsumer, message)
    }
    const fanOut = new FanOut(message, queues)
    this.fanOut = fanOut.begin(this.#turn) ? undefined : fanOut
    if (replyConsumer !== undefined) replyConsumer.sink.deliverReply(replyConsumer, message)
    return true
  }

  /** Checks and routes now what is to be enqueued later. The publication owns its bytes. */
  prepare(message: Message): Publication {
    this.checkSize(message.bodyBytes)
    message.isDurable = this.#isStorageDurable && isPersistent(message)
    const route = this.#route(message)
    const publication = route.usesHeaders || !isPlain(message) ? this.#inspect(message, route) : { ...route, message }
    return { ...publication, message: publication.message.copy() }
  }

  /** The message as queues would have got it: what basic.return gives back. */
  asDelivered(message: Message): Message {
    if (isPlain(message)) return message
    const { properties } = decodeContentHeader(message.head.bytes, message.headerStart, message.headerEnd)
    return this.#rewritten(message, properties)
  }

  #route(message: Message): Route {
    const last = this.#lastRoute
    const { head, keyStart } = message
    const keyBytes = message.keyEnd - keyStart
    if (
      last !== undefined &&
      last.version === this.#vhost.topologyVersion &&
      keyBytes === this.#lastKeyBytes &&
      last.replyConsumer === undefined &&
      equalBytes(this.#lastKey, 0, head, keyStart, keyBytes)
    ) {
      return last
    }
    const route = this.#vhost.route(message)
    if (keyBytes > this.#lastKey.size) this.#lastKey = allocateBlock(Math.max(64, keyBytes))
    copyBytes(this.#lastKey, 0, head, keyStart, keyStart + keyBytes)
    this.#lastKeyBytes = keyBytes
    this.#lastRoute = route
    return route
  }

  /** The slow way: for properties that change the route or must be checked. */
  #inspect(message: Message, route: Route): Publication {
    const { head, headerStart, headerEnd } = message
    if (!validateProperties(head.bytes, headerStart, headerEnd)) throw refuse.malformedContent()
    const { properties } = decodeContentHeader(head.bytes, headerStart, headerEnd)
    const { replyTo, expiration, userId, headers = NO_HEADERS } = properties
    if (replyTo === REPLY_QUEUE && this.replyConsumer === undefined) throw refuse.noReplyConsumer()
    if (expiration !== undefined) checkExpiration(expiration)
    const carbonCopies = routingKeysIn(headers, 'CC')
    const blindCopies = routingKeysIn(headers, 'BCC')
    if (userId !== undefined && userId !== this.#user.name && !this.#user.isImpersonator) {
      throw refuse.foreignUserId(userId, this.#user.name)
    }
    const keys = [message.routingKey, ...carbonCopies, ...blindCopies]
    const { replyConsumer } = route
    const queues =
      route.usesHeaders || keys.length > 1 ? this.#vhost.queuesFor(route.exchange, keys, headers) : route.queues
    return { message: this.#rewritten(message, properties), queues, replyConsumer }
  }

  /** The reply address filled in, blind copies and flags of no meaning taken out; the message itself if there is nothing to do. */
  #rewritten(message: Message, properties: Properties): Message {
    const { headers, ...rest } = properties
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
    return message.withHeader(encodeContentHeader(message.bodyBytes, delivered))
  }
}

/** Puts a publication into its queues; false when there is none (any more). */
export function enqueue({ message, queues, replyConsumer }: Publication): boolean {
  return enqueueTo(
    queues.filter((queue) => !queue.isDeleted),
    replyConsumer,
    message,
  )
}

function enqueueTo(queues: readonly Queue[], replyConsumer: ReplyConsumer | undefined, message: Message): boolean {
  for (let i = 0; i < queues.length; i++) (queues[i] as Queue).publish(message)
  if (replyConsumer !== undefined) replyConsumer.sink.deliverReply(replyConsumer, message)
  return queues.length > 0 || replyConsumer !== undefined
}

/** True when the properties are well-formed and none of them needs a look. */
function isPlain(message: Message): boolean {
  const { head, headerStart, headerEnd } = message
  const flags = message.propertyFlags
  const headerBytes = headerEnd - headerStart
  if (flags === deliveryMode.flag && headerBytes === DELIVERY_MODE_HEADER_BYTES) return true
  if (flags === 0 && headerBytes === BARE_HEADER_BYTES) return true
  if ((flags & INSPECTED_FLAGS) !== 0) return false
  if (!validateProperties(head.bytes, headerStart, headerEnd)) throw refuse.malformedContent()
  return (flags & HEADERS.flag) === 0 || !mayCopy(head, headerStart + BARE_HEADER_BYTES, headerEnd)
}

/** Whether the delivery mode is 2. Malformed properties are found out later; these looks stay within the header. */
function isPersistent(message: Message): boolean {
  const { head, headerStart, headerEnd } = message
  const flags = message.propertyFlags
  if ((flags & deliveryMode.flag) === 0) return false
  const at =
    flags === deliveryMode.flag ? headerStart + BARE_HEADER_BYTES : deliveryModeAt(head, headerStart, headerEnd)
  return at >= 0 && at < headerEnd && head.bytes[at] === PERSISTENT
}

function deliveryModeAt(head: Block, headerStart: number, headerEnd: number): number {
  return findProperty(head.bytes, headerStart, headerEnd, deliveryMode.flag)
}

/** Whether the letters CC occur: the quick check for the headers CC and BCC. */
function mayCopy({ bytes }: Block, start: number, end: number): boolean {
  for (let i = start + 1; i < end; i++) {
    if (bytes[i] === LETTER_C && bytes[i - 1] === LETTER_C) return true
  }
  return false
}

function routingKeysIn(headers: FieldTable, name: 'CC' | 'BCC'): string[] {
  const header = headers.get(name)
  if (header === undefined) return []
  if (header.type !== 'A') throw refuse.invalidRouteHeader(name, fieldTypeName(header))
  // RabbitMQ passes over what is no text.
  return header.value.flatMap(({ type, value }) => (type === 'S' ? [longstrText(value)] : []))
}

/** As a routing key is read from a short string, lossless where it is not UTF-8. */
function longstrText(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : shortstrText(Buffer.from(value), 0, value.length)
}

/** RabbitMQ: the expiration is a string of decimal milliseconds. */
function checkExpiration(text: string): void {
  const digits = /^[+-]?\d+/.exec(text)?.[0]
  if (digits === undefined) throw refuse.invalidExpiration(text, 'no_integer')
  const rest = text.slice(digits.length)
  if (rest !== '') throw refuse.invalidExpiration(text, `{leftover_string,${printText(rest)}}`)
  const value = BigInt(digits.replace(/^\+/, ''))
  if (value < 0n) throw refuse.invalidExpiration(text, `{value_negative,${value}}`)
  if (value > EXPIRATION_MS_MAX) throw refuse.invalidExpiration(text, `{value_too_large,${value}}`)
}
