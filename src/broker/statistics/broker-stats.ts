/** The broker in numbers. Counting a message is an addition where it happens; the sums are made when they are asked for. */

/** What goes on counting when queues and virtual hosts are gone. */
export interface MessageCounts {
  /** Messages put into queues: once for each queue that a message went to. */
  readonly messagesPublished: number
  /** Messages handed out to consumers and by get, each time they were. */
  readonly messagesDelivered: number
  /** Of these, to consumers that do not acknowledge. */
  readonly messagesDeliveredNoAck: number
  /** Of these, by get. */
  readonly messagesGot: number
  /** Of those by get, without acknowledgement. */
  readonly messagesGotNoAck: number
  /** How often get found no message. */
  readonly messagesGotEmpty: number
  /** Messages handed out that had been handed out before. */
  readonly messagesRedelivered: number
  readonly messagesAcked: number
}

/** What is in one or more virtual hosts, and what went through them since the server started. */
export interface BrokerStats extends MessageCounts {
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
}

export const NOTHING_COUNTED: MessageCounts = {
  messagesPublished: 0,
  messagesDelivered: 0,
  messagesDeliveredNoAck: 0,
  messagesGot: 0,
  messagesGotNoAck: 0,
  messagesGotEmpty: 0,
  messagesRedelivered: 0,
  messagesAcked: 0,
}

export interface CountedQueue {
  /** It is gone, and only what it has counted is there. */
  readonly isDeleted: boolean
  readonly consumers: { readonly count: number }
  readonly readyCount: number
  readonly unackedCount: number
  readonly readyBytes: number
  readonly unackedBytes: number
  readonly publishedCount: number
  readonly deliveredCount: number
  readonly deliveredNoAckCount: number
  readonly gotCount: number
  readonly gotNoAckCount: number
  readonly gotEmptyCount: number
  readonly redeliveredCount: number
  readonly ackedCount: number
}

interface CountedVhost {
  /** The same for all that is in it. */
  readonly isGoing: boolean
  readonly exchangeCount: number
  readonly queueCount: number
  /** What went through queues that are gone. */
  readonly counts: { readonly removedQueues: MessageCounts }
  heldQueues(): Iterable<CountedQueue>
}

type Sums<T> = { -readonly [N in keyof T]: number }

/** The counts of queues, added to one another. */
export class CountSum implements MessageCounts {
  messagesPublished: number
  messagesDelivered: number
  messagesDeliveredNoAck: number
  messagesGot: number
  messagesGotNoAck: number
  messagesGotEmpty: number
  messagesRedelivered: number
  messagesAcked: number

  constructor(start: MessageCounts) {
    this.messagesPublished = start.messagesPublished
    this.messagesDelivered = start.messagesDelivered
    this.messagesDeliveredNoAck = start.messagesDeliveredNoAck
    this.messagesGot = start.messagesGot
    this.messagesGotNoAck = start.messagesGotNoAck
    this.messagesGotEmpty = start.messagesGotEmpty
    this.messagesRedelivered = start.messagesRedelivered
    this.messagesAcked = start.messagesAcked
  }

  add(counts: MessageCounts): this {
    this.messagesPublished += counts.messagesPublished
    this.messagesDelivered += counts.messagesDelivered
    this.messagesDeliveredNoAck += counts.messagesDeliveredNoAck
    this.messagesGot += counts.messagesGot
    this.messagesGotNoAck += counts.messagesGotNoAck
    this.messagesGotEmpty += counts.messagesGotEmpty
    this.messagesRedelivered += counts.messagesRedelivered
    this.messagesAcked += counts.messagesAcked
    return this
  }

  addQueue(queue: CountedQueue): this {
    this.messagesPublished += queue.publishedCount
    this.messagesDelivered += queue.deliveredCount
    this.messagesDeliveredNoAck += queue.deliveredNoAckCount
    this.messagesGot += queue.gotCount
    this.messagesGotNoAck += queue.gotNoAckCount
    this.messagesGotEmpty += queue.gotEmptyCount
    this.messagesRedelivered += queue.redeliveredCount
    this.messagesAcked += queue.ackedCount
    return this
  }
}

/** Walks over all queues. `past` is what was counted for virtual hosts that are gone. */
export function brokerStats(vhosts: Iterable<CountedVhost>, past: MessageCounts = NOTHING_COUNTED): BrokerStats {
  const content: Sums<Omit<BrokerStats, keyof MessageCounts>> = {
    exchanges: 0,
    queues: 0,
    consumers: 0,
    messagesReady: 0,
    messagesUnacked: 0,
    bytesReady: 0,
    bytesUnacked: 0,
  }
  const counts = new CountSum(past)
  for (const vhost of vhosts) {
    counts.add(vhost.counts.removedQueues)
    if (!vhost.isGoing) {
      content.exchanges += vhost.exchangeCount
      content.queues += vhost.queueCount
    }
    for (const queue of vhost.heldQueues()) {
      counts.addQueue(queue)
      if (queue.isDeleted || vhost.isGoing) continue
      content.consumers += queue.consumers.count
      content.messagesReady += queue.readyCount
      content.messagesUnacked += queue.unackedCount
      content.bytesReady += queue.readyBytes
      content.bytesUnacked += queue.unackedBytes
    }
  }
  return { ...content, ...counts }
}
