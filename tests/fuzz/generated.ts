// Frames made from the method table itself: well-formed, and of values that no client sends.
import { type FieldTable, fieldTable, type PlainTable } from '../../protocol/index.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import { type FieldKind, METHODS, type MethodInput, type MethodName } from '../../protocol/methods.ts'
import type { Random } from '../malice/random.ts'
import { bodyFrames, headerFrame, type WireProperties } from '../support/wire-frames.ts'

const METHOD_NAMES = Object.keys(METHODS) as MethodName[]
/** Connection methods end a session at once: they are made less often. */
const CHANNEL_METHODS = METHOD_NAMES.filter(
  (name) => !name.startsWith('connection.') && METHODS[name].sentBy !== 'server',
)
const CHANNELS = [0, 1, 1, 1, 1, 2, 3, 20, 2047]

const TEXTS = [
  ...['', 'fuzz-consuming', 'fuzz-confirming', 'fuzz-tx', 'fuzz-rpc', 'fuzz-many-0', 'fuzz-queue-topic', 'bystander'],
  ...[
    'fuzz-direct',
    'fuzz-fanout',
    'fuzz-topic',
    'fuzz-headers',
    'amq.direct',
    'amq.fanout',
    'amq.topic',
    'amq.headers',
  ],
  ...[
    'amq.rabbitmq.trace',
    'amq.rabbitmq.reply-to',
    'amq.rabbitmq.reply-to.x',
    'amq.gen-x',
    'direct',
    'topic',
    'headers',
  ],
  ...['#', '*', '#.#.#', 'a.b.c', 'a..b', '.', 'a.*.#', 'fuzz-consumer', 'replies', 'two', 'many-0', '__proto__', '/'],
  ...['x'.repeat(255), '\r\n', '\0', 'ü'.repeat(120)],
]
const ARGUMENTS = [
  'x-match',
  'x-priority',
  'x-expires',
  'x-message-ttl',
  'x-max-length',
  'x-max-priority',
  'alternate-exchange',
  'x-queue-type',
  'x-dead-letter-exchange',
  'CC',
  'BCC',
  'kind',
  '',
]
const NUMBERS = [0, 1, 2, 3, 5, 10, 255, 65_535]

function table(random: Random, depth = 0): PlainTable {
  const value = (): PlainTable[string] => {
    const kind = random.below(depth > 3 ? 7 : 9)
    if (kind === 0) return random.onceIn(2)
    if (kind === 1) return random.pick(NUMBERS) * (random.onceIn(3) ? -1 : 1)
    if (kind === 2) return BigInt(random.pick(NUMBERS)) << 40n
    if (kind === 3) return random.below(1000) / 7
    if (kind === 4) return null
    if (kind === 5) return random.bytes(random.below(20))
    if (kind === 6) return random.pick(['all', 'any', 'all-with-x', 'any-with-x', ...TEXTS])
    if (kind === 7) return Array.from({ length: random.below(4) }, value)
    return table(random, depth + 1)
  }
  return Object.fromEntries(Array.from({ length: random.below(4) }, () => [random.pick(ARGUMENTS), value()]))
}

function argument(kind: FieldKind, random: Random): boolean | number | string | Buffer | FieldTable | undefined {
  switch (kind) {
    case 'bit':
      return random.onceIn(3)
    case 'octet':
      return random.below(256)
    case 'short':
      return random.pick([...NUMBERS, random.below(65_536)])
    case 'long':
      return random.onceIn(2) ? 0 : random.pick([...NUMBERS, 2 ** 31, 2 ** 32 - 1])
    case 'deliveryTag':
      return random.pick([...NUMBERS, 2 ** 32, Number.MAX_SAFE_INTEGER])
    case 'shortstr':
      return random.pick(TEXTS)
    case 'longstr':
      return random.bytes(random.below(40))
    case 'table':
      return fieldTable(random.onceIn(2) ? {} : table(random))
    default:
      return undefined // reserved: the codec writes them
  }
}

/** Any method on any channel. */
export function methodFrameOf(random: Random): Buffer {
  const name = random.pick(random.onceIn(8) ? METHOD_NAMES : CHANNEL_METHODS)
  const args: Record<string, unknown> = {}
  for (const [field, kind] of Object.entries<FieldKind>(METHODS[name].fields)) {
    const value = argument(kind, random)
    if (value !== undefined) args[field] = value
  }
  // The arguments are made from the row of this name, which the compiler cannot follow.
  return encodeMethodFrame(random.pick(CHANNELS), name, args as unknown as MethodInput<MethodName>)
}

/** A whole publish with unusual properties. */
export function publishFramesOf(random: Random): Buffer[] {
  const texts = (['contentType', 'correlationId', 'replyTo', 'expiration', 'messageId', 'userId'] as const).filter(() =>
    random.onceIn(6),
  )
  const properties: WireProperties = {
    ...(random.onceIn(2) ? { deliveryMode: random.pick([0, 1, 2, 255]) } : {}),
    ...(random.onceIn(3)
      ? { headers: { CC: [random.pick(TEXTS)], number: random.pick(NUMBERS), '': random.pick(TEXTS) } }
      : {}),
    ...Object.fromEntries(texts.map((name) => [name, random.pick([...TEXTS, '0', '-1', '60000', 'guest'])])),
  }
  const channel = random.pick([1, 1, 1, 2])
  const body = Buffer.alloc(random.pick([0, 1, 100, 4096, 40_000, 200_000]), 'b')
  const args = {
    exchange: random.pick(TEXTS),
    routingKey: random.pick(TEXTS),
    mandatory: random.onceIn(2),
    immediate: random.onceIn(50),
  }
  const size = random.onceIn(30) ? random.pick([body.length + 1, 2 ** 40]) : body.length
  return [
    encodeMethodFrame(channel, 'basic.publish', args),
    headerFrame(channel, size, properties),
    ...bodyFrames(channel, body, 100_000),
  ]
}
