/** Waiting until a queue is as a test wants it. Queues do not announce their counts, so it looks at them again and again. */

import { type Checks, checkOptions, wholeNumber } from '../lib/checks.ts'
import type { EmbeddedBroker } from './embedded-broker.ts'
import type { QueueInfo } from './entities.ts'

/** Counts that a queue is to have; what is not given may be anything. */
export type QueueCounts = Partial<
  Pick<QueueInfo, 'messagesReady' | 'messagesUnacked' | 'consumers' | 'messagesPublished' | 'messagesDelivered'>
>

/** Exact counts, or a function that says when it is so. */
export type QueueCondition = QueueCounts | ((queue: QueueInfo) => boolean)

export interface WaitOptions {
  /** In milliseconds, default 5000. */
  readonly timeoutMs?: number
}

const LOOK_MS = 5
const DEFAULT_TIMEOUT_MS = 5000
const count = wholeNumber(0, Number.MAX_SAFE_INTEGER)

const COUNTS: Checks<QueueCounts> = {
  messagesReady: count,
  messagesUnacked: count,
  consumers: count,
  messagesPublished: count,
  messagesDelivered: count,
}

// Taken when the module is loaded: a test that turns the clock by hand does not mean this one.
const realSetTimeout = setTimeout
const nowMs = performance.now.bind(performance)

export async function waitForQueue(
  broker: EmbeddedBroker,
  name: string,
  wanted: QueueCondition,
  options: WaitOptions = {},
): Promise<QueueInfo> {
  checkOptions('waitForQueue', options, { timeoutMs: count })
  if (typeof wanted !== 'function') checkOptions('waitForQueue', wanted, COUNTS, { noun: 'count' })
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options
  const giveUpAtMs = nowMs() + timeoutMs
  for (;;) {
    const queue = broker.queueInfo(name)
    if (queue !== undefined && isAsWanted(queue, wanted)) return queue
    if (nowMs() >= giveUpAtMs) throw new Error(`${missed(name, wanted)} within ${timeoutMs} ms: ${found(queue)}`)
    await new Promise((resolve) => realSetTimeout(resolve, LOOK_MS))
  }
}

function isAsWanted(queue: QueueInfo, wanted: QueueCondition): boolean {
  if (typeof wanted === 'function') return wanted(queue)
  return Object.entries(wanted).every(
    ([name, value]) => value === undefined || queue[name as keyof QueueCounts] === value,
  )
}

function missed(name: string, wanted: QueueCondition): string {
  return typeof wanted === 'function'
    ? `queue '${name}' was not as wanted`
    : `queue '${name}' did not come to ${countsText(wanted)}`
}

function found(queue: QueueInfo | undefined): string {
  if (queue === undefined) return 'it is not there'
  return `it has ${countsText(Object.fromEntries(Object.keys(COUNTS).map((name) => [name, queue[name as keyof QueueCounts]])))}`
}

function countsText(counts: QueueCounts): string {
  return Object.entries(counts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
