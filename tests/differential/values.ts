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
  const first = draw.pick(draw.chance(0.6) ? FINE : WRONG)
  return draw.chance(0.3) ? { ...draw.pick(FINE), ...first } : first
}
