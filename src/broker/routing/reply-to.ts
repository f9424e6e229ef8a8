/**
 * Direct reply-to: a requester consumes from the pseudo-queue `amq.rabbitmq.reply-to` and publishes with that as its
 * reply-to property; the broker puts an address that cannot be guessed in its place, and what is published to the default
 * exchange under that address goes straight to the requester. Nothing is ever stored.
 */
import { randomBytes } from 'node:crypto'
import type { Message } from '../messages/message.ts'

export const REPLY_QUEUE = 'amq.rabbitmq.reply-to'
const ADDRESS_PREFIX = `${REPLY_QUEUE}.`

export interface ReplySink {
  deliverReply(consumer: ReplyConsumer, message: Message): void
}

export interface ReplyConsumer {
  readonly tag: string
  readonly address: string
  readonly sink: ReplySink
}

export function isReplyAddress(name: string): boolean {
  return name.startsWith(ADDRESS_PREFIX)
}

/** The requesters of one vhost that are waiting for replies, by address. */
export class ReplyConsumers {
  readonly #byAddress = new Map<string, ReplyConsumer>()

  add(tag: string, sink: ReplySink): ReplyConsumer {
    const consumer = { tag, sink, address: ADDRESS_PREFIX + randomBytes(18).toString('base64url') }
    this.#byAddress.set(consumer.address, consumer)
    return consumer
  }

  remove(consumer: ReplyConsumer): void {
    this.#byAddress.delete(consumer.address)
  }

  at(address: string): ReplyConsumer | undefined {
    return this.#byAddress.get(address)
  }
}
