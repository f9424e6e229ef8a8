/** The time that messages of one queue have: noted beside each when it arrives, and never changed. */
import { findProperty, PROPERTY_FLAGS } from '../../../protocol/properties.ts'
import { ExpiryStamp } from '../../../storage/record-extension.ts'
import type { Message } from '../messages/message.ts'
import { expirationAt, expiresAtMs } from './expiry.ts'

const EXPIRATION = PROPERTY_FLAGS.expiration.flag

/** Lies beside a message on its way to queues whose publisher has said how long it may wait, unless something else does. */
export const NOTHING_BESIDE: Uint8Array = new Uint8Array(0)

/** Whether its publisher has said how long the message may wait. */
export function hasExpiration(message: Message): boolean {
  return message.extension !== undefined && saysExpiration(message)
}

/** The same of a message that was stored, and has nothing beside it yet. */
export function saysExpiration({ propertyFlags }: Message): boolean {
  return (propertyFlags & EXPIRATION) !== 0
}

export class MessageTtl {
  #queueMs: number | undefined
  readonly #stamp = new ExpiryStamp()
  /** What the last message had beside it, when it expires, and when it came: the next one of the same turn has the same. */
  #last: Uint8Array | undefined
  #lastAtMs = 0
  #lastNowMs = Number.NaN

  /** What the queue allows every message, if it says so. */
  set queueMs(ms: number | undefined) {
    this.#queueMs = ms
    this.#lastNowMs = Number.NaN
  }

  /** Notes beside a message that arrives now when it expires: the time of that, infinite for never. */
  stamp(message: Message, nowMs: number): number {
    if (nowMs !== this.#lastNowMs || message.extension !== undefined) return this.#stampAnew(message, nowMs)
    message.extension = this.#last
    return this.#lastAtMs
  }

  #stampAnew(message: Message, nowMs: number): number {
    const rest = message.extension
    const isEmpty = rest === undefined || rest.length === 0
    const atMs = this.#expiresAtMs(message, nowMs)
    if (atMs !== Number.POSITIVE_INFINITY) message.extension = this.#stamp.write(atMs, isEmpty ? undefined : rest)
    else if (isEmpty) message.extension = undefined
    this.#last = message.extension
    this.#lastAtMs = atMs
    this.#lastNowMs = rest === undefined ? nowMs : Number.NaN
    return atMs
  }

  #expiresAtMs(message: Message, nowMs: number): number {
    if (!hasExpiration(message)) return expiresAtMs(nowMs, this.#queueMs) ?? Number.POSITIVE_INFINITY
    const { head, headerStart, headerEnd } = message
    const ownMs = expirationAt(head.bytes, findProperty(head.bytes, headerStart, headerEnd, EXPIRATION))
    return expiresAtMs(nowMs, this.#queueMs, ownMs) ?? Number.POSITIVE_INFINITY
  }
}
