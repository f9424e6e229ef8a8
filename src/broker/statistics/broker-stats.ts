/** The broker in numbers. Counting a message is an addition where it happens; the sums are made when they are asked for. */

/** What is in one or more virtual hosts, and what went through them since the server started. */
export interface BrokerStats {
  readonly exchanges: number
  readonly queues: number
  readonly consumers: number
  /** Messages waiting for a consumer. */
  readonly messagesReady: number
  /** Messages delivered and not settled. */
  readonly messagesUnacked: number
  /** Bytes of the bodies of messages waiting for a consumer. */
  readonly bytesReady: number
  /** Bytes of the bodies of messages delivered and not settled. */
  readonly bytesUnacked: number
  /** Messages put into queues: once for each queue that a message went to. */
  readonly messagesPublished: number
  /** Messages handed out to consumers and by get, each time they were. */
  readonly messagesDelivered: number
}

/** What goes on counting when queues and virtual hosts are gone. */
export type MessageCounts = Pick<BrokerStats, 'messagesPublished' | 'messagesDelivered'>

export const NOTHING_COUNTED: MessageCounts = { messagesPublished: 0, messagesDelivered: 0 }

interface CountedQueue {
  readonly consumers: { readonly count: number }
  readonly readyCount: number
  readonly unackedCount: number
  readonly readyBytes: number
  readonly unackedBytes: number
  readonly publishedCount: number
  readonly deliveredCount: number
}

interface CountedVhost {
  readonly exchangeCount: number
  readonly queueCount: number
  /** What went through queues that are gone. */
  readonly removedQueues: MessageCounts
  queues(): Iterable<CountedQueue>
}

/** Walks over all queues. `past` is what was counted for virtual hosts that are gone. */
export function brokerStats(vhosts: Iterable<CountedVhost>, past: MessageCounts = NOTHING_COUNTED): BrokerStats {
  let [exchanges, queues, consumers, messagesReady, messagesUnacked, bytesReady, bytesUnacked] = [0, 0, 0, 0, 0, 0, 0]
  let { messagesPublished, messagesDelivered } = past
  for (const vhost of vhosts) {
    exchanges += vhost.exchangeCount
    queues += vhost.queueCount
    messagesPublished += vhost.removedQueues.messagesPublished
    messagesDelivered += vhost.removedQueues.messagesDelivered
    for (const queue of vhost.queues()) {
      consumers += queue.consumers.count
      messagesReady += queue.readyCount
      messagesUnacked += queue.unackedCount
      bytesReady += queue.readyBytes
      bytesUnacked += queue.unackedBytes
      messagesPublished += queue.publishedCount
      messagesDelivered += queue.deliveredCount
    }
  }
  return {
    exchanges,
    queues,
    consumers,
    messagesReady,
    messagesUnacked,
    bytesReady,
    bytesUnacked,
    messagesPublished,
    messagesDelivered,
  }
}
