/** One row of the comparison: options of `leveret perf`, and the number that counts. */
export interface Scenario {
  readonly name: string
  readonly description: string
  readonly measure: 'published' | 'consumed' | 'latency'
  readonly options: readonly string[]
}

const PURGED = ['--consumers', '0', '--purge-ms', '100']
const TOPIC = [
  ...['--exchange', 'leveret-compare', '--exchange-type', 'topic'],
  ...['--routing-key', 'dev.{0000..0999}.room.temp', '--binding-key', 'dev.{0000..0999}.*.temp'],
]

/** All transient messages in transient queues. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'publish',
    description: 'publish only, 16 B, purged every 100 ms',
    measure: 'published',
    options: ['--size', '16', ...PURGED],
  },
  {
    name: 'publish-1k',
    description: 'publish only, 1 KiB, purged every 100 ms',
    measure: 'published',
    options: ['--size', '1024', ...PURGED],
  },
  {
    name: 'one-to-one',
    description: '1 publisher → 1 consumer, no ack, 16 B',
    measure: 'consumed',
    options: ['--size', '16'],
  },
  {
    name: 'single-writes',
    description: 'the same, one write per message',
    measure: 'consumed',
    options: ['--size', '16', '--write-bytes', '1'],
  },
  {
    name: 'one-to-one-1k',
    description: '1 publisher → 1 consumer, no ack, 1 KiB',
    measure: 'consumed',
    options: ['--size', '1024'],
  },
  {
    name: 'ten-to-ten',
    description: '10 publishers → 10 consumers, one queue, no ack, 16 B',
    measure: 'consumed',
    options: ['--size', '16', '--publishers', '10', '--consumers', '10'],
  },
  {
    name: 'confirmed',
    description: '1 → 1, 1000 confirms in flight, every message acked, prefetch 1000, 1 KiB',
    measure: 'consumed',
    options: ['--size', '1024', '--confirm', '1000', '--ack-every', '1', '--prefetch', '1000'],
  },
  {
    name: 'topic',
    description: 'topic exchange, 1000 bindings, keys in turn, 16 B',
    measure: 'consumed',
    options: ['--size', '16', ...TOPIC],
  },
  {
    name: 'latency',
    description: 'latency at 5000 msg/s, 16 B',
    measure: 'latency',
    options: ['--size', '16', '--rate', '5000', '--latency'],
  },
]
