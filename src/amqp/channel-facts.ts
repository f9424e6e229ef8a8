/** What a channel tells of itself when it is looked at. */
import type { ChannelCounts } from '../broker/clients/channel-counts.ts'
import type { ChannelState } from '../broker/clients/client-info.ts'
import type { ChannelCounters } from './channel-counters.ts'

interface KnownChannel {
  readonly id: number
  readonly counts: ChannelCounters
  readonly publisher: {
    readonly counts: {
      readonly messages: number
      byExchange(): Iterable<readonly [exchange: string, count: number]>
    }
  }
  readonly confirms: { readonly unconfirmedCount: number } | undefined
  readonly transaction: { readonly publishCount: number; readonly pendingCount: number } | undefined
  readonly unacked: { readonly count: number; readonly newest: number }
  readonly settling: { readonly ackedCount: number }
  readonly consumers: {
    readonly count: number
    readonly prefetchCount: number
    readonly sharedLimit: number
    readonly deliveredCount: number
  }
}

export function channelState(channel: KnownChannel): ChannelState {
  const { id, confirms, transaction, consumers, unacked, publisher } = channel
  const publishes = transaction?.publishCount ?? 0
  const counts = channelCounts(channel)
  // Field by field: lists make very many of these, and a spread is slow.
  return {
    number: id,
    publishedTo: () => publisher.counts.byExchange(),
    isConfirming: confirms !== undefined,
    isTransactional: transaction !== undefined,
    consumers: consumers.count,
    prefetchCount: consumers.prefetchCount,
    globalPrefetchCount: consumers.sharedLimit,
    messagesUnacked: unacked.count,
    messagesUnconfirmed: confirms?.unconfirmedCount ?? 0,
    messagesUncommitted: publishes,
    acksUncommitted: (transaction?.pendingCount ?? 0) - publishes,
    published: counts.published,
    confirmed: counts.confirmed,
    returnedUnroutable: counts.returnedUnroutable,
    droppedUnroutable: counts.droppedUnroutable,
    delivered: counts.delivered,
    deliveredNoAck: counts.deliveredNoAck,
    got: counts.got,
    gotNoAck: counts.gotNoAck,
    gotEmpty: counts.gotEmpty,
    redelivered: counts.redelivered,
    acked: counts.acked,
  }
}

export function channelCounts(channel: KnownChannel): ChannelCounts {
  const { counts, confirms, unacked, settling } = channel
  const { messages: published } = channel.publisher.counts
  const { deliveredCount: delivered } = channel.consumers
  const { returnedUnroutable, droppedUnroutable, redelivered } = counts
  const { pulled, pulledNoAck, gotEmpty } = counts
  return {
    published,
    confirmed: confirms === undefined ? 0 : Math.max(0, published - confirms.unconfirmedCount),
    returnedUnroutable,
    droppedUnroutable,
    delivered,
    // Every delivery has a tag.
    deliveredNoAck: unacked.newest - delivered - pulled,
    got: pulled - pulledNoAck,
    gotNoAck: pulledNoAck,
    gotEmpty,
    redelivered,
    acked: settling.ackedCount,
  }
}
