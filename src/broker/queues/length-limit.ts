/**
 * How long a queue may become: ready messages, and bytes of their bodies. What has died and waits to go counts, as with RabbitMQ; what
 * was delivered and is not settled never does.
 */
import type { QueueSettings } from './queue-arguments.ts'

/** What is counted. */
export interface Length {
  readonly readyCount: number
  readonly readyBytes: number
  readonly discards?: { readonly count: number; readonly bytes: number }
}

export class LengthLimit {
  readonly #count: number
  readonly #bytes: number
  /** What gives way: the oldest messages, or the new one. */
  readonly overflow: QueueSettings['overflow']
  readonly #dropsHead: boolean

  private constructor(count: number, bytes: number, overflow: QueueSettings['overflow']) {
    this.#count = count
    this.#bytes = bytes
    this.overflow = overflow
    this.#dropsHead = overflow === 'drop-head'
  }

  /** Undefined when these settings have no limit. */
  static of({ maxLength, maxLengthBytes, overflow }: QueueSettings): LengthLimit | undefined {
    if (maxLength === undefined && maxLengthBytes === undefined) return undefined
    return new LengthLimit(maxLength ?? Number.POSITIVE_INFINITY, maxLengthBytes ?? Number.POSITIVE_INFINITY, overflow)
  }

  /** Whether the oldest messages have to go. */
  isOver(length: Length): boolean {
    if (!this.#dropsHead) return false
    return countOf(length) > this.#count || this.#areTooMany(length, 0)
  }

  /** Whether a new message with so many bytes has to be refused. */
  refuses(length: Length, bodyBytes: number): boolean {
    return !this.#dropsHead && this.isExceededBy(length, bodyBytes)
  }

  /** Whether a new message with so many bytes is one too many: something has to give way. */
  isExceededBy(length: Length, bodyBytes: number): boolean {
    return countOf(length) >= this.#count || this.#areTooMany(length, bodyBytes)
  }

  /** The bytes are only asked for when they are limited: they may have to be added up. */
  #areTooMany(length: Length, moreBytes: number): boolean {
    if (this.#bytes === Number.POSITIVE_INFINITY) return false
    return length.readyBytes + (length.discards?.bytes ?? 0) + moreBytes > this.#bytes
  }
}

function countOf({ readyCount, discards }: Length): number {
  return discards === undefined ? readyCount : readyCount + discards.count
}
