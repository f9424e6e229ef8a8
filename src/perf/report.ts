import { describeBroker, parseBrokerUri } from './broker-uri.ts'
import type { Fleet } from './fleet.ts'
import { Histogram, type HistogramCounts, type Percentiles } from './histogram.ts'
import { rounded } from './numbers.ts'
import type { PerfOptions } from './options.ts'
import { sumTallies } from './tally.ts'
import type { UsageWatch } from './usage-watch.ts'
import type { WorkerResult } from './worker-messages.ts'

export interface Throughput {
  readonly messages: number
  readonly perSecond: number
}

/** What a run brought. This is the JSON output. */
export interface PerfReport {
  readonly broker: string
  readonly settings: Omit<PerfOptions, 'uri' | 'json' | 'verbose'>
  readonly isInterrupted: boolean
  readonly seconds: number
  readonly published: Throughput
  readonly confirmed: Throughput
  readonly consumed: Throughput & { readonly bytesPerSecond: number }
  readonly nacked: number
  /** Publishes that the broker had not confirmed when the run gave up waiting. */
  readonly unconfirmed: number
  readonly purged: number
  readonly blocked: { readonly seconds: number; readonly reason: string | null }
  readonly latencyUs: Percentiles | null
  readonly confirmLatencyUs: Percentiles | null
  readonly brokerProcess: {
    readonly cpuUsPerMessage: number
    readonly cpuPercent: number
    readonly rssBytes: number
  } | null
  /** How busy the processes of the load generator were, in percent of a processor. */
  readonly generatorCpuPercent: readonly number[]
}

interface Extras {
  readonly purged: number
  readonly usage: UsageWatch
  readonly isInterrupted: boolean
}

export function makeReport(options: PerfOptions, fleet: Fleet, extras: Extras): PerfReport {
  const results = fleet.results
  const total = sumTallies(results.map((result) => result.measured))
  const publishSeconds = longest(results, (result) => result.publishSeconds)
  const consumeSeconds = longest(results, (result) => result.consumeSeconds)
  const { uri, json, verbose, ...settings } = options
  const reason = results.find((result) => result.blockedReason !== undefined)?.blockedReason
  return {
    broker: describeBroker(parseBrokerUri(uri)),
    settings,
    isInterrupted: extras.isInterrupted,
    seconds: rounded(Math.max(publishSeconds, consumeSeconds), 3),
    published: throughput(total.published, publishSeconds),
    confirmed: throughput(total.confirmed, publishSeconds),
    consumed: {
      ...throughput(total.consumed, consumeSeconds),
      bytesPerSecond: perSecond(total.consumedBytes, consumeSeconds),
    },
    nacked: total.nacked,
    unconfirmed: sum(results, (result) => result.unconfirmed),
    purged: extras.purged,
    blocked: {
      seconds: rounded(
        sum(results, (result) => result.blockedSeconds),
        3,
      ),
      reason: reason ?? null,
    },
    latencyUs: percentiles(results.map((result) => result.deliveryTimes)),
    confirmLatencyUs: percentiles(results.map((result) => result.confirmTimes)),
    brokerProcess: brokerProcess(extras.usage, options.consumers > 0 ? total.consumed : total.published),
    generatorCpuPercent: results.map((result) => {
      return result.cpuOfSeconds > 0 ? Math.round((100 * result.cpuSeconds) / result.cpuOfSeconds) : 0
    }),
  }
}

function brokerProcess(usage: UsageWatch, messages: number): PerfReport['brokerProcess'] {
  const { measured } = usage
  if (measured === undefined || measured.seconds === 0) return null
  return {
    cpuUsPerMessage: messages === 0 ? 0 : rounded((measured.cpuSeconds * 1_000_000) / messages, 3),
    cpuPercent: Math.round((100 * measured.cpuSeconds) / measured.seconds),
    rssBytes: measured.rssBytes,
  }
}

function percentiles(counts: readonly HistogramCounts[]): Percentiles | null {
  const all = new Histogram()
  for (const each of counts) all.merge(each)
  const found = all.percentiles()
  if (found === undefined) return null
  const { count, p50, p90, p99, p999, max } = found
  const us = (value: number): number => rounded(value, 1)
  return { count, p50: us(p50), p90: us(p90), p99: us(p99), p999: us(p999), max: us(max) }
}

function throughput(messages: number, seconds: number): Throughput {
  return { messages, perSecond: perSecond(messages, seconds) }
}

function perSecond(count: number, seconds: number): number {
  return seconds > 0 ? Math.round(count / seconds) : 0
}

function longest(results: readonly WorkerResult[], of: (result: WorkerResult) => number): number {
  return results.reduce((most, result) => Math.max(most, of(result)), 0)
}

function sum(results: readonly WorkerResult[], of: (result: WorkerResult) => number): number {
  return results.reduce((total, result) => total + of(result), 0)
}
