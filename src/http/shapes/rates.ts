/** RabbitMQ's `message_stats` and `_details`: counters with their rates, and with samples when they are asked for. */
import type { SampledCounter } from '../../embedded/embedded-statistics.ts'
import { badRequest } from '../api-error.ts'

/** Samples that may be asked for at a time. */
const SAMPLES_MAX = 500

interface Range {
  readonly ageSec: number
  readonly incrSec: number
}

/** Which samples a request asks for: of messages that go through, of lengths, and of bytes. */
export interface SampleRequest {
  readonly rates: Range | undefined
  readonly lengths: Range | undefined
  readonly data: Range | undefined
}

export const NO_SAMPLES: SampleRequest = { rates: undefined, lengths: undefined, data: undefined }

/** Throws ApiError for ranges that make no sense. */
export function sampleRequest(query: URLSearchParams): SampleRequest {
  return {
    rates: range(query, 'msg_rates'),
    lengths: range(query, 'lengths'),
    data: range(query, 'data_rates'),
  }
}

function range(query: URLSearchParams, prefix: string): Range | undefined {
  const [age, incr] = [query.get(`${prefix}_age`), query.get(`${prefix}_incr`)]
  if (age === null || incr === null) return undefined
  const [ageSec, incrSec] = [Number(age), Number(incr)]
  const isRange = Number.isInteger(ageSec) && Number.isInteger(incrSec) && ageSec > 0 && incrSec > 0
  if (!isRange)
    throw badRequest(`Invalid range parameter: ${prefix}_age=${age.slice(0, 20)}, ${prefix}_incr=${incr.slice(0, 20)}`)
  if (ageSec / incrSec > SAMPLES_MAX) throw badRequest('Too many samples')
  return { ageSec, incrSec }
}

type Details = Record<string, unknown>

/** `x` and `x_details` for each of the counters; `now` has what is newer than the last sample. */
export function withDetails(
  now: Readonly<Record<string, number>>,
  counters: readonly SampledCounter[] | undefined,
  asked: Range | undefined,
): Details {
  const result: Details = {}
  for (const [name, value] of Object.entries(now)) {
    result[name] = value
    result[`${name}_details`] = detailsOf(counters, name, asked)
  }
  return result
}

/** How the counter of that name grows: `x_details`. */
export function detailsOf(
  counters: readonly SampledCounter[] | undefined,
  name: string,
  asked: Range | undefined,
): Details {
  return details(
    counters?.find((counter) => counter.name === name),
    asked,
  )
}

export function details(counter: SampledCounter | undefined, asked: Range | undefined): Details {
  const rate = round(counter?.rate ?? 0)
  if (asked === undefined || counter === undefined) return { rate }
  const samples = counter.samples(asked.ageSec, asked.incrSec)
  const [newest, oldest] = [samples[0]?.value ?? 0, samples.at(-1)?.value ?? 0]
  const sum = samples.reduce((total, { value }) => total + value, 0)
  return {
    rate,
    samples: samples.map(({ value, timestampMs }) => ({ sample: value, timestamp: Math.round(timestampMs) })),
    avg_rate: round((newest - oldest) / asked.ageSec),
    avg: sum / samples.length,
  }
}

function round(rate: number): number {
  return Math.round(rate * 10) / 10
}
