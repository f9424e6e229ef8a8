/** What others do to the broker meanwhile. */
export interface Neighbour {
  readonly name: string
  readonly description: string
  /** Leveret keeps on the disk what is durable, instead of everything in memory. */
  readonly isDurable: boolean
  /** Options of `leveret perf`, for a load that lasts; without them, the name is one of `ATTACKS`. */
  readonly load?: readonly string[]
  readonly measure?: 'published' | 'consumed'
  /** What is to be reached, in milliseconds. */
  readonly wanted: { readonly p50?: number; readonly p99: number; readonly max?: number }
}

const BESIDE_LOAD = { p50: 0.8, p99: 2.5, max: 10 }
const BESIDE_ATTACK = { p99: 50 }

function attack(name: string, description: string, isDurable = false): Neighbour {
  return { name, description, isDurable, wanted: BESIDE_ATTACK }
}

export const NEIGHBOURS: readonly Neighbour[] = [
  {
    name: 'none',
    description: 'no other client',
    isDurable: false,
    wanted: BESIDE_LOAD,
  },
  {
    name: 'pair',
    description: '1 publisher → 1 consumer, no ack, 16 B',
    isDurable: false,
    load: ['--size', '16'],
    measure: 'consumed',
    wanted: BESIDE_LOAD,
  },
  {
    name: 'flood',
    description: '1 publisher, no consumer, 100 B',
    isDurable: false,
    load: ['--size', '100', '--consumers', '0'],
    measure: 'published',
    wanted: BESIDE_LOAD,
  },
  {
    name: 'durable',
    description: 'durable, 1 → 1, 1000 confirms in flight, every message acked, 1 KiB',
    isDurable: true,
    load: [
      ...['--size', '1024', '--durable', '--persistent'],
      ...['--confirm', '1000', '--ack-every', '1', '--prefetch', '1000'],
    ],
    measure: 'consumed',
    wanted: BESIDE_LOAD,
  },
  attack('topic', 'publishes through 3,000 topic bindings of 60 words with many #'),
  attack('headers', 'publishes through 10,000 headers bindings'),
  attack('fanout', 'publishes to 20,000 queues at once'),
  attack('purge', 'a purge of 2,000,000 messages'),
  attack('delete', 'a delete of a queue with 2,000,000 messages'),
  attack('purge-durable', 'a purge of 500,000 durable messages', true),
  attack('delete-durable', 'a delete of a queue with 500,000 durable messages', true),
  attack('bind', '40,000 bindings made and taken away in a row'),
  attack('unacked', 'the end of a client with 1,000,000 unacked messages'),
  attack('ack', '1,000,000 messages acked at once'),
  attack('ack-durable', '500,000 durable messages acked at once', true),
  attack('nack', '1,000,000 messages given back at once'),
  attack('recover', '1,000,000 messages recovered'),
  attack('commit', 'a transaction that acks 500,000 messages'),
  attack('rollback', 'a transaction that acks 500,000 messages, rolled back'),
  attack('commit-durable', 'a transaction that publishes 200,000 durable messages', true),
  attack('exclusive', 'the end of a client with 100,000 exclusive queues'),
  attack('exclusive-consumers', 'the end of a client with 100,000 exclusive queues and a consumer of each'),
  attack('auto-delete', 'the end of a client with a consumer of each of 100,000 auto-delete queues'),
  attack('auto-delete-durable', 'the same with durable queues', true),
  attack('consumers', 'the end of a client with a consumer of each of 100,000 queues that stay'),
  attack('vhost-connections', 'a delete of a virtual host with 5,000 connections'),
  attack('vhost', 'a delete of a virtual host with 100,000 queues'),
  attack('declare', '40,000 queues declared in a row'),
]
