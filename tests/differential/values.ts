// What names, keys and tables are drawn from.
import type { WireTable, WireValue } from '../support/wire-values.ts'
import { tagged } from '../support/wire-values.ts'
import type { Draw } from './draw.ts'
import { EXCHANGES, GENERATED_QUEUE, QUEUES } from './names.ts'

export const KEYS = ['a', 'b', 'a.b', 'a.b.c', 'b.c', '', 'a.', '.a', 'a..b', '~q0', '~q1', 'k'.repeat(255)]

const PATTERNS = [
  '#',
  '*',
  'a.*',
  '*.b',
  'a.#',
  '#.c',
  '*.*',
  '#.b.#',
  'a.#.c',
  '*.#',
  '#.*',
  '',
  'a',
  'a.b',
  '*a',
  'a#',
]

export const BUILT_IN = ['amq.direct', 'amq.fanout', 'amq.topic', 'amq.headers', 'amq.match', 'amq.rabbitmq.trace']

const DAY_MS = 86_400_000
const TOO_LONG = tagged('l', 999_999_999_999_999)

/** Arguments of queues that are as they should be. Times are so long that nothing is due within a sequence, or none at all. */
const FINE: readonly WireTable[] = [
  { 'x-message-ttl': DAY_MS },
  { 'x-message-ttl': tagged('l', DAY_MS) },
  { 'x-expires': DAY_MS },
  { 'x-message-ttl': 0 },
  { 'x-max-length': 0 },
  { 'x-max-length': 2 },
  { 'x-max-length': 2, 'x-overflow': 'reject-publish' },
  { 'x-max-length-bytes': 30 },
  { 'x-max-length-bytes': 30, 'x-overflow': 'reject-publish-dlx' },
  { 'x-max-length': 1_000_000 },
  { 'x-max-length': tagged('s', 30_000) },
  { 'x-max-length-bytes': tagged('l', 1_000_000_000) },
  { 'x-dead-letter-exchange': '~nowhere' },
  { 'x-dead-letter-exchange': '~e0' },
  { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': '~q1' },
  { 'x-overflow': 'drop-head' },
  { 'x-overflow': 'reject-publish' },
  { 'x-max-priority': 0 },
  { 'x-max-priority': 3 },
  { 'x-max-priority': tagged('b', 10) },
  { 'x-single-active-consumer': false },
  { 'x-single-active-consumer': true },
  { 'x-queue-type': 'classic' },
  { 'x-queue-mode': 'lazy' },
  { 'x-queue-mode': 'default' },
  { 'x-queue-version': 1 },
  { 'x-queue-version': 2 },
  { 'x-queue-master-locator': 'client-local' },
  { 'x-unknown': { a: 1 } },
  { foo: 'bar' },
  { foo: 1 },
]

/** Where what dies in a queue goes … */
const DEAD_LETTERS: readonly WireTable[] = [
  ...['~e0', '~e1', 'amq.fanout', 'amq.topic', ''].map((exchange) => ({ 'x-dead-letter-exchange': exchange })),
  ...['~q0', '~q1', '~q2', '~missing'].map((key) => ({
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': key,
  })),
  ...['~e0', 'amq.topic'].map((exchange) => ({
    'x-dead-letter-exchange': exchange,
    'x-dead-letter-routing-key': 'a.b',
  })),
]

/** … and what it dies of, beside what clients do. */
const DEATHS: readonly WireTable[] = [
  {},
  {},
  { 'x-message-ttl': 0 },
  { 'x-max-length': 0 },
  { 'x-max-length': 1 },
  { 'x-max-length': 2, 'x-overflow': 'reject-publish-dlx' },
  { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
  { 'x-max-length-bytes': 10 },
  { 'x-max-priority': 3, 'x-max-length': 2 },
]

/** Of a queue whose messages die in one way or another. */
export function deadlyArguments(draw: Draw): WireTable {
  return { ...draw.pick(DEATHS), ...draw.pick(DEAD_LETTERS) }
}

/** RabbitMQ 3.10 has no limit where none is given, and then puts what comes back behind the others. */
const QUORUM = { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 }

/** What a quorum queue can be told, beside where its dead letters go. */
const QUORUM_FINE: readonly WireTable[] = [
  {},
  {},
  {},
  ...[0, 1, 2, tagged('l', 3)].map((limit) => ({ 'x-delivery-limit': limit })),
  { 'x-message-ttl': DAY_MS },
  { 'x-expires': DAY_MS },
  { 'x-max-length': 1_000_000 },
  { 'x-overflow': 'drop-head' },
  { 'x-single-active-consumer': true },
  { 'x-max-in-memory-length': 1 },
  { 'x-max-in-memory-bytes': 100 },
  { 'x-quorum-initial-group-size': 1 },
  { 'x-queue-leader-locator': 'client-local' },
  { 'x-dead-letter-strategy': 'at-most-once' },
  { 'x-delayed-retry-type': 'disabled' },
  { 'x-consumer-timeout': DAY_MS },
]

/** Of a quorum queue: what dies there dies of its clients, which have a delivery limit for that. */
export function quorumArguments(draw: Draw): WireTable {
  const deadLetters = draw.chance(0.4) ? draw.pick(DEAD_LETTERS) : {}
  return { ...QUORUM, ...draw.pick(QUORUM_FINE), ...deadLetters }
}

/** Arguments that quorum queues have, right and wrong, of one of them or of a queue of another type. */
const OF_QUORUM: readonly WireTable[] = [
  ...[2, -1, '2', 1.5, TOO_LONG].map((value) => ({ 'x-delivery-limit': value })),
  ...['all', 'failed', 'returned', 'disabled', 'bogus', 1].map((value) => ({ 'x-delayed-retry-type': value })),
  ...[DAY_MS, 0, -1, 'a', TOO_LONG].map((value) => ({ 'x-delayed-retry-min': value })),
  ...[DAY_MS, 0, -1, 'a', TOO_LONG].map((value) => ({ 'x-delayed-retry-max': value })),
  ...[DAY_MS, 0, -1, 'a', TOO_LONG].map((value) => ({ 'x-consumer-timeout': value })),
  ...['at-most-once', 'at-least-once', 'bogus', 1].map((value) => ({ 'x-dead-letter-strategy': value })),
  ...[1, 0, -1, 'a'].map((value) => ({ 'x-max-in-memory-length': value })),
  ...[1, 0, -1, 'a'].map((value) => ({ 'x-max-in-memory-bytes': value })),
  ...[1, 0, 'a'].map((value) => ({ 'x-quorum-initial-group-size': value })),
  ...['client-local', 'balanced', 'bogus', 1].map((value) => ({ 'x-queue-leader-locator': value })),
  ...[3, '3'].map((value) => ({ 'x-max-priority': value })),
  { 'x-queue-mode': 'lazy' },
  { 'x-queue-version': 2 },
  { 'x-queue-master-locator': 'client-local' },
]

const WRONG: readonly WireTable[] = [
  ...[-1, '5000', 1.5, null, true, TOO_LONG].map((value) => ({ 'x-message-ttl': value })),
  ...[0, -5, 'a', TOO_LONG].map((value) => ({ 'x-expires': value })),
  ...[-1, '1', tagged('f', 1)].map((value) => ({ 'x-max-length': value })),
  ...[-1, []].map((value) => ({ 'x-max-length-bytes': value as WireValue })),
  ...[-1, '5', 256, tagged('d', 3)].map((value) => ({ 'x-max-priority': value })),
  ...['k', 1].map((value) => ({ 'x-dead-letter-routing-key': value })),
  ...['bogus', 1].map((value) => ({ 'x-overflow': value })),
  ...['true', 1].map((value) => ({ 'x-single-active-consumer': value })),
  ...['bogus', 1, ''].map((value) => ({ 'x-queue-type': value })),
  ...['bogus', 1].map((value) => ({ 'x-queue-mode': value })),
  ...[3, '2', 0].map((value) => ({ 'x-queue-version': value })),
  { 'x-dead-letter-exchange': 1 },
  { 'x-quorum-initial-group-size': 1 },
  { 'x-max-age': '1h' },
  { 'x-dead-letter-strategy': 'at-most-once' },
  { 'x-stream-max-segment-size-bytes': 1000 },
]

const PLAIN_HEADERS: readonly WireValue[] = ['v', 1]
const HEADERS: readonly WireValue[] = [
  ...PLAIN_HEADERS,
  '',
  tagged('l', 1),
  1.5,
  true,
  false,
  null,
  { a: 1 },
  [1, 'x'],
  ...['s', 'b', 'B', 'u', 'i', 'f'].map((tag) => tagged(tag, 1)),
  tagged('T', 1000),
  tagged('x', Buffer.from('v').toString()),
]

export function queueName(draw: Draw): string {
  return draw.weighted([
    [20, draw.pick(QUEUES)],
    [10, '~q0'],
    [1, '~missing'],
    [1, GENERATED_QUEUE],
    [2, ''],
  ])
}

export function exchangeName(draw: Draw): string {
  return draw.weighted([
    [14, draw.pick(EXCHANGES)],
    [5, '~e0'],
    [8, draw.pick(BUILT_IN)],
    [4, ''],
    [1, '~missing'],
  ])
}

export function bindingKey(draw: Draw): string {
  return draw.pick(draw.chance(0.5) ? PATTERNS : KEYS)
}

/** Headers of messages, or what bindings ask of them. */
export function headers(draw: Draw, isWild: boolean): WireTable {
  const table: Record<string, WireValue> = {}
  for (let i = draw.random.below(4); i > 0; i--) {
    const from = isWild || draw.chance(0.3) ? HEADERS : PLAIN_HEADERS
    table[draw.pick(['h1', 'h2', 'h3', 'x-h4'])] = draw.pick(from)
  }
  return table
}

export function bindingArguments(draw: Draw): WireTable {
  if (draw.chance(0.6)) return {}
  const match = draw.weighted<WireTable>([
    [6, {}],
    [4, { 'x-match': 'all' }],
    [4, { 'x-match': 'any' }],
    [2, { 'x-match': 'all-with-x' }],
    [2, { 'x-match': 'any-with-x' }],
    [1, { 'x-match': 'bogus' }],
    [1, { 'x-match': 1 }],
  ])
  return { ...headers(draw, false), ...match }
}

export function queueArguments(draw: Draw): WireTable {
  if (draw.chance(0.7)) return {}
  if (draw.chance(0.15)) return { ...(draw.chance(0.6) ? QUORUM : {}), ...draw.pick(OF_QUORUM) }
  const first = draw.pick(draw.chance(0.6) ? FINE : WRONG)
  return draw.chance(0.3) ? { ...draw.pick(FINE), ...first } : first
}
