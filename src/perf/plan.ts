import { availableParallelism } from 'node:os'
import type { FieldTable } from '../../protocol/field-table.ts'
import { type BrokerUri, parseBrokerUri } from './broker-uri.ts'
import { expandPattern } from './name-pattern.ts'
import type { PerfOptions } from './options.ts'
import { PerfError } from './perf-error.ts'
import { parseQueueArguments } from './queue-arguments.ts'
import type { PublisherSetup, WorkerSetup } from './worker-messages.ts'

const DEFAULT_QUEUE = 'leveret-perf'
const NAME_BYTES_MAX = 255

/** What a run does, worked out of the options: who publishes what, who consumes from where, in which process. */
export interface RunPlan {
  readonly options: PerfOptions
  readonly broker: BrokerUri
  readonly queues: readonly string[]
  readonly queueArguments: FieldTable
  /** `undefined`: every queue is bound by its own name. */
  readonly bindingKeys: readonly string[] | undefined
  readonly workers: readonly WorkerSetup[]
}

/** Throws a `PerfError` for options that make no sense. */
export function planRun(options: PerfOptions): RunPlan {
  const broker = parseBrokerUri(options.uri)
  const queues = names('queue', options.queue.length > 0 ? options.queue : [DEFAULT_QUEUE])
  const routingKeys = names('routing-key', options.routingKey)
  const bindingKeys = names('binding-key', options.bindingKey)
  const publishers = planPublishers(options, queues, routingKeys)
  const consumers = Array.from({ length: options.consumers }, (_, i) => shareOf(queues, i, options.consumers))
  const boundKeys = bindingKeys.length > 0 ? bindingKeys : routingKeys
  return {
    options,
    broker,
    queues,
    queueArguments: parseQueueArguments(options.queueArgs),
    bindingKeys: boundKeys.length > 0 ? boundKeys : undefined,
    workers: spread(options, broker, publishers, consumers),
  }
}

function planPublishers(
  options: PerfOptions,
  queues: readonly string[],
  routingKeys: readonly string[],
): readonly PublisherSetup[] {
  const total = options.publishers
  return Array.from({ length: total }, (_, i) => ({
    exchange: options.exchange,
    keys: routingKeys.length > 0 ? routingKeys : shareOf(queues, i, total),
    messagesMax: options.count === undefined ? Number.POSITIVE_INFINITY : partOf(options.count, i, total),
    phase: i / total,
  }))
}

/** With more queues than connections each gets some of them, otherwise some connections get the same. */
function shareOf(queues: readonly string[], index: number, connections: number): readonly string[] {
  return queues.filter((_, q) => q % connections === index % queues.length)
}

function partOf(count: number, index: number, parts: number): number {
  return Math.floor(count / parts) + (index < count % parts ? 1 : 0)
}

function spread(
  options: PerfOptions,
  broker: BrokerUri,
  publishers: readonly PublisherSetup[],
  consumers: readonly (readonly string[])[],
): readonly WorkerSetup[] {
  const connections = publishers.length + consumers.length
  const processes = Math.min(connections, options.processes ?? Math.max(1, availableParallelism() - 1))
  return Array.from({ length: processes }, (_, process) => ({
    broker,
    consumers: consumers.filter((_, i) => i % processes === process),
    publishers: publishers.filter((_, i) => (consumers.length + i) % processes === process),
    size: options.size,
    rate: options.rate,
    confirm: options.confirm,
    writeBytes: options.writeBytes,
    isPersistent: options.persistent,
    priorityMax: options.priority,
    ackEvery: options.ackEvery,
    rejects: options.reject,
    prefetch: options.prefetch,
    hasStamps: options.latency,
    isConsumingOnly: options.publishers === 0,
  }))
}

function names(option: string, patterns: readonly string[]): readonly string[] {
  const expanded = patterns.flatMap(expandPattern)
  const long = expanded.find((name) => Buffer.byteLength(name) > NAME_BYTES_MAX)
  if (long !== undefined) throw new PerfError(`--${option} '${long}' has more than ${NAME_BYTES_MAX} bytes`)
  return expanded
}
