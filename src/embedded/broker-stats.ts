import type { Vhost } from '../broker/vhost.ts'

/** What is in one or more virtual hosts, and what went through them since the server started. */
export interface BrokerStats {
  readonly exchanges: number
  readonly queues: number
  readonly consumers: number
  /** Messages waiting for a consumer. */
  readonly messagesReady: number
  /** Messages delivered and not settled. */
  readonly messagesUnacked: number
  /** Messages put into queues: once for each queue that a message went to. */
  readonly messagesPublished: number
  /** Messages handed out to consumers and by get, each time they were. */
  readonly messagesDelivered: number
}

/** `past` is what had been counted for vhosts that are gone. */
export function brokerStats(vhosts: Iterable<Vhost>, past: MessageCounts = NOTHING): BrokerStats {
  let [exchanges, queues, consumers, messagesReady, messagesUnacked] = [0, 0, 0, 0, 0]
  let { messagesPublished, messagesDelivered } = past
  for (const vhost of vhosts) {
    exchanges += vhost.exchangeCount
    queues += vhost.queueCount
    messagesPublished += vhost.removedQueues.publishedCount
    messagesDelivered += vhost.removedQueues.deliveredCount
    for (const queue of vhost.queues()) {
      consumers += queue.consumers.count
      messagesReady += queue.readyCount
      messagesUnacked += queue.unackedCount
      messagesPublished += queue.publishedCount
      messagesDelivered += queue.deliveredCount
    }
  }
  return { exchanges, queues, consumers, messagesReady, messagesUnacked, messagesPublished, messagesDelivered }
}

export type MessageCounts = Pick<BrokerStats, 'messagesPublished' | 'messagesDelivered'>

const NOTHING: MessageCounts = { messagesPublished: 0, messagesDelivered: 0 }
