import type { Load } from './generator.ts'

/** One row of the comparison: options of `leveret perf`, and the number that counts. */
export interface Scenario extends Load {
  readonly description: string
  readonly measure: 'published' | 'consumed' | 'latency'
  /** Leveret keeps on the disk what is durable, instead of everything in memory. */
  readonly isDurable: boolean
  /** Another load that Leveret gets in the same rounds: which share of its rate this one reaches is told. */
  readonly yardstick?: { readonly description: string; readonly options: readonly string[] }
  /** A durable queue that is there before the load, and is purged every second. */
  readonly target?: string
}

const PURGED = ['--consumers', '0', '--purge-ms', '100']
const TOPIC = [
  ...['--exchange', 'leveret-compare', '--exchange-type', 'topic'],
  ...['--routing-key', 'dev.{0000..0999}.room.temp', '--binding-key', 'dev.{0000..0999}.*.temp'],
]

const PLAIN_QUEUE = { description: 'a queue without', options: ['--size', '16'] }

/** Priorities at random in a queue that has so many, beside the same load without them. */
const priorities = (levelMax: number): Scenario => ({
  name: `priorities-${levelMax}`,
  description: `1 → 1, no ack, 16 B, x-max-priority ${levelMax}, priorities at random`,
  measure: 'consumed',
  isDurable: false,
  options: ['--size', '16', '--queue-args', `x-max-priority=${levelMax}`, '--priority', String(levelMax)],
  yardstick: PLAIN_QUEUE,
})

/** A queue that keeps the newest 10,000 messages, beside one that is purged. */
const dropHead = (name: string, size: string): Scenario => ({
  name,
  description: `publish only, ${size} B, x-max-length 10,000`,
  measure: 'published',
  isDurable: false,
  options: ['--size', size, '--consumers', '0', '--queue-args', 'x-max-length=10000'],
  yardstick: { description: 'purged', options: ['--size', size, ...PURGED] },
})

const NONE_DUE = ['x-message-ttl=3600000', 'x-max-length=100000000', 'x-dead-letter-exchange=amq.fanout']

const DURABLE_1K = ['--size', '1024', '--durable', '--persistent', '--confirm', '1000']
const DURABLE_LARGE = ['--durable', '--persistent', '--ack-every', '1']
const DURABLE_ACKED = [...DURABLE_1K, '--ack-every', '1', '--prefetch', '1000']
const DEAD = 'leveret-dead'
const AT_LEAST_ONCE = [
  ...['x-queue-type=quorum', 'x-dead-letter-strategy=at-least-once', 'x-overflow=reject-publish'],
  ...['x-dead-letter-exchange=', `x-dead-letter-routing-key=${DEAD}`],
]
const PURGED_SLOWLY = ['--consumers', '0', '--purge-ms', '1000']

/** Persistent messages in a durable queue, confirmed when they are on the disk. */
export const DURABLE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'durable-confirmed',
    description: 'durable, 1 → 1, 1000 confirms in flight, every message acked, prefetch 1000, 1 KiB',
    measure: 'consumed',
    isDurable: true,
    options: DURABLE_ACKED,
  },
  {
    name: 'dead-lettered',
    description: 'the same, every message rejected and dead-lettered at least once, from a quorum queue',
    measure: 'consumed',
    isDurable: true,
    options: [...DURABLE_ACKED, '--reject', '--queue-args', ...AT_LEAST_ONCE],
    yardstick: { description: 'all of them acked, in a classic queue', options: DURABLE_ACKED },
    target: DEAD,
  },
  {
    name: 'durable-publish',
    description: 'durable, publish only, 1000 confirms in flight, 1 KiB, purged every second',
    measure: 'published',
    isDurable: true,
    options: [...DURABLE_1K, ...PURGED_SLOWLY],
    yardstick: { description: 'transient and unconfirmed', options: ['--size', '1024', ...PURGED_SLOWLY] },
  },
  {
    name: 'durable-64k',
    description: 'durable, 1 → 1, 100 confirms in flight, every message acked, prefetch 100, 64 KiB',
    measure: 'consumed',
    isDurable: true,
    options: ['--size', '65536', '--confirm', '100', '--prefetch', '100', ...DURABLE_LARGE],
  },
  {
    name: 'durable-1m',
    description: 'durable, 1 → 1, 10 confirms in flight, every message acked, prefetch 10, 1 MiB',
    measure: 'consumed',
    isDurable: true,
    options: ['--size', '1048576', '--confirm', '10', '--prefetch', '10', ...DURABLE_LARGE],
  },
]

/** Transient messages in transient queues, and the durable ones. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'publish',
    description: 'publish only, 16 B, purged every 100 ms',
    measure: 'published',
    isDurable: false,
    options: ['--size', '16', ...PURGED],
  },
  {
    name: 'publish-1k',
    description: 'publish only, 1 KiB, purged every 100 ms',
    measure: 'published',
    isDurable: false,
    options: ['--size', '1024', ...PURGED],
  },
  dropHead('drop-head', '16'),
  dropHead('drop-head-1k', '1024'),
  {
    name: 'none-due',
    description: '1 → 1, no ack, 16 B, with a time to live, a limit and a dead letter exchange, none of them due',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '16', '--queue-args', ...NONE_DUE],
    yardstick: PLAIN_QUEUE,
  },
  {
    name: 'one-to-one',
    description: '1 publisher → 1 consumer, no ack, 16 B',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '16'],
  },
  {
    name: 'single-writes',
    description: 'the same, one write per message',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '16', '--write-bytes', '1'],
  },
  {
    name: 'one-to-one-1k',
    description: '1 publisher → 1 consumer, no ack, 1 KiB',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '1024'],
  },
  {
    name: 'one-to-one-64k',
    description: 'the same, 64 KiB',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '65536'],
  },
  {
    name: 'one-to-one-1m',
    description: 'the same, 1 MiB',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '1048576'],
  },
  {
    name: 'ten-to-ten',
    description: '10 publishers → 10 consumers, one queue, no ack, 16 B',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '16', '--publishers', '10', '--consumers', '10'],
  },
  {
    name: 'confirmed',
    description: '1 → 1, 1000 confirms in flight, every message acked, prefetch 1000, 1 KiB',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '1024', '--confirm', '1000', '--ack-every', '1', '--prefetch', '1000'],
  },
  {
    name: 'topic',
    description: 'topic exchange, 1000 bindings, keys in turn, 16 B',
    measure: 'consumed',
    isDurable: false,
    options: ['--size', '16', ...TOPIC],
  },
  priorities(10),
  priorities(255),
  {
    name: 'latency',
    description: 'latency at 5000 msg/s, 16 B',
    measure: 'latency',
    isDurable: false,
    options: ['--size', '16', '--rate', '5000', '--latency'],
  },
  ...DURABLE_SCENARIOS,
]
