/** `message_stats` of queues, channels, exchanges, and of all together. */

import type { ChannelCounts } from '../../broker/clients/channel-counts.ts'
import type { SampledCounter } from '../../embedded/embedded-statistics.ts'
import type { ExchangeInfo, QueueInfo } from '../../embedded/entities.ts'
import { details, detailsOf, type SampleRequest, withDetails } from './rates.ts'

type Stats = Record<string, unknown>

/** Undefined while nothing has happened: RabbitMQ leaves it out then. */
function unlessIdle(
  counts: Readonly<Record<string, number>>,
  counters: readonly SampledCounter[] | undefined,
  { rates }: SampleRequest,
): Stats | undefined {
  if (Object.values(counts).every((count) => count === 0)) return undefined
  return withDetails(counts, counters, rates)
}

export function queueStats(
  { messagesPublished, messagesDelivered, counts }: QueueInfo,
  counters: readonly SampledCounter[] | undefined,
  asked: SampleRequest,
): Stats | undefined {
  return unlessIdle(
    {
      ack: counts.acked,
      deliver: counts.delivered,
      deliver_get: messagesDelivered,
      deliver_no_ack: counts.deliveredNoAck,
      get: counts.got,
      get_empty: counts.gotEmpty,
      get_no_ack: counts.gotNoAck,
      publish: messagesPublished,
      redeliver: counts.redelivered,
    },
    counters,
    asked,
  )
}

export function exchangeStats(
  { messagesIn, messagesOut }: ExchangeInfo,
  counters: readonly SampledCounter[] | undefined,
  asked: SampleRequest,
): Stats | undefined {
  return unlessIdle({ publish_in: messagesIn, publish_out: messagesOut }, counters, asked)
}

export function channelStats(
  counts: ChannelCounts,
  counters: readonly SampledCounter[] | undefined,
  asked: SampleRequest,
): Stats | undefined {
  const { delivered, deliveredNoAck, got, gotNoAck } = counts
  return unlessIdle(
    {
      ack: counts.acked,
      confirm: counts.confirmed,
      deliver: delivered,
      deliver_get: delivered + deliveredNoAck + got + gotNoAck,
      deliver_no_ack: deliveredNoAck,
      drop_unroutable: counts.droppedUnroutable,
      get: got,
      get_empty: counts.gotEmpty,
      get_no_ack: gotNoAck,
      publish: counts.published,
      redeliver: counts.redelivered,
      return_unroutable: counts.returnedUnroutable,
    },
    counters,
    asked,
  )
}

const LENGTHS = new Set(['messages_ready', 'messages_unacknowledged'])
const BYTES = new Set(['recv_oct', 'send_oct'])
const CHURN = /^(?:connection|channel|queue)_/

/** Of a virtual host, or of the server: as of the last sample. */
export function sampledStats(counters: readonly SampledCounter[], asked: SampleRequest) {
  const valuesOf = (isWanted: (name: string) => boolean): Record<string, number> =>
    Object.fromEntries(counters.filter(({ name }) => isWanted(name)).map(({ name, value }) => [name, value]))
  const isMessage = (name: string): boolean => !LENGTHS.has(name) && !BYTES.has(name) && !CHURN.test(name)
  return {
    messageStats: unlessIdle(valuesOf(isMessage), counters, asked),
    bytes: withDetails(
      valuesOf((name) => BYTES.has(name)),
      counters,
      asked.data,
    ),
    churn: withDetails(
      valuesOf((name) => CHURN.test(name)),
      counters,
      asked.rates,
    ),
  }
}

/** `messages`, `messages_ready` and `messages_unacknowledged`, as they are now. */
export function lengths(
  ready: number,
  unacked: number,
  counters: readonly SampledCounter[] | undefined,
  asked: SampleRequest,
) {
  const sum = sumOf(counters, 'messages', ['messages_ready', 'messages_unacknowledged'])
  return {
    messages: ready + unacked,
    messages_details: details(sum, asked.lengths),
    messages_ready: ready,
    messages_ready_details: detailsOf(counters, 'messages_ready', asked.lengths),
    messages_unacknowledged: unacked,
    messages_unacknowledged_details: detailsOf(counters, 'messages_unacknowledged', asked.lengths),
  }
}

function sumOf(
  counters: readonly SampledCounter[] | undefined,
  name: string,
  parts: readonly string[],
): SampledCounter | undefined {
  if (counters === undefined) return undefined
  const summed = counters.filter((counter) => parts.includes(counter.name))
  return {
    name,
    value: summed.reduce((sum, { value }) => sum + value, 0),
    rate: summed.reduce((sum, { rate }) => sum + rate, 0),
    samples: (ageSec, incrSec) => {
      const [first, second] = summed.map((counter) => counter.samples(ageSec, incrSec))
      return (first ?? []).map((sample, at) => ({ ...sample, value: sample.value + (second?.[at]?.value ?? 0) }))
    },
  }
}
