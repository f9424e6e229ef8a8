/** What went through a virtual host, besides what its queues and channels count themselves. */
import { type ChannelCounts, NO_CHANNEL_COUNTS, sumOfChannels } from './clients/channel-counts.ts'
import type { Publisher } from './publishing/publisher.ts'
import type { Queue } from './queues/queue.ts'
import { CountSum, NOTHING_COUNTED } from './statistics/broker-stats.ts'

export class VhostCounts {
  /** What went through queues that are gone. */
  readonly removedClassicQueues = new CountSum(NOTHING_COUNTED)
  readonly removedQuorumQueues = new CountSum(NOTHING_COUNTED)
  /** What went through channels that are gone. */
  endedChannels: ChannelCounts = NO_CHANNEL_COUNTS
  /** Those that tell later what they have published. */
  readonly #publishers = new Set<Publisher>()

  /** What went through queues of all types that are gone. */
  get removedQueues(): CountSum {
    return new CountSum(this.removedClassicQueues).add(this.removedQuorumQueues)
  }

  queueRemoved(queue: Queue): void {
    const counts = queue.type === 'quorum' ? this.removedQuorumQueues : this.removedClassicQueues
    counts.addQueue(queue)
  }

  channelEnded(counts: ChannelCounts): void {
    this.endedChannels = sumOfChannels(this.endedChannels, counts)
  }

  publisherBegan(publisher: Publisher): void {
    this.#publishers.add(publisher)
    publisher.counts.mayTellLater = true
  }

  publisherEnded(publisher: Publisher): void {
    this.#publishers.delete(publisher)
    publisher.counts.end()
  }

  /** Has publishers tell what they have counted: before the sizes of messages are read. */
  hear(): void {
    for (const publisher of this.#publishers) publisher.counts.tell()
  }
}
