import { beforeEach, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { tagged, type WireValue } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

const inequivalent = [
  ['x-expires', { 'x-expires': 60_000 }, {}, "received none but current is the value '60000' of type 'signedint'"],
  ['x-expires', {}, { 'x-expires': 10 }, "received the value '10' of type 'signedint' but current is none"],
  ['x-expires', { 'x-expires': 60_000 }, { 'x-expires': 70_000 }, "received '70000' but current is '60000'"],
  ['x-message-ttl', { 'x-message-ttl': 1 }, { 'x-message-ttl': 2 }, "received '2' but current is '1'"],
  ['x-max-length', { 'x-max-length': 1 }, { 'x-max-length': 2 }, "received '2' but current is '1'"],
  [
    'x-dead-letter-exchange',
    { 'x-dead-letter-exchange': 'a' },
    { 'x-dead-letter-exchange': 'b' },
    "received 'b' but current is 'a'",
  ],
  [
    'x-dead-letter-exchange',
    {},
    { 'x-dead-letter-exchange': 'b' },
    "received the value 'b' of type 'longstr' but current is none",
  ],
  [
    'x-queue-master-locator',
    { 'x-queue-master-locator': 'random' },
    { 'x-queue-master-locator': 'min-masters' },
    "received 'min-masters' but current is 'random'",
  ],
  ['x-overflow', { 'x-overflow': 'drop-head' }, { 'x-overflow': 5 }, "received '5' but current is 'drop-head'"],
  ['x-overflow', { 'x-overflow': 'drop-head' }, { 'x-overflow': null }, "received none but current is 'drop-head'"],
  ['x-overflow', {}, { 'x-overflow': null }, "received the value 'undefined' of type 'void' but current is none"],
  ['x-overflow', {}, { 'x-overflow': [] }, "received the value '[]' of type 'array' but current is none"],
  ['x-overflow', {}, { 'x-overflow': {} }, "received the value '[]' of type 'table' but current is none"],
  [
    'x-overflow',
    {},
    { 'x-overflow': [1, 'a'] },
    "received the value '[{signedint,1},{longstr,<<\"a\">>}]' of type 'array' but current is none",
  ],
  ['x-overflow', {}, { 'x-overflow': tagged('d', 3) }, "received the value '3.0' of type 'double' but current is none"],
  [
    'x-overflow',
    {},
    { 'x-overflow': tagged('D', { scale: 1, unscaled: 5 }) },
    "received the value '{1,5}' of type 'decimal' but current is none",
  ],
  [
    'x-overflow',
    {},
    { 'x-overflow': tagged('x', Buffer.from('abc')) },
    "received the value 'abc' of type 'binary' but current is none",
  ],
] as const

test.each(inequivalent)(
  'queue.declare: another value of %s is refused (%j, then %j)',
  async (arg, first, second, tail) => {
    const queue = await channel.queue({ arguments: first })
    await channel.expectRefusal(
      'queue.declare',
      { queue, exclusive: true, arguments: second },
      406,
      `inequivalent arg '${arg}' for queue '${queue}' in vhost '/': ${tail}`,
    )
  },
)

differsFromRabbit310('was refused for classic queues')(
  'queue.declare: x-queue-leader-locator is checked and compared',
  async () => {
    const argument = 'x-queue-leader-locator'
    const bogus = { queue: unique('q'), exclusive: true, arguments: { [argument]: 'bogus' } }
    const invalidArg = `invalid arg '${argument}' for queue '${bogus.queue}' in vhost '/': invalid_queue_locator_arg`
    await channel.expectRefusal('queue.declare', bogus, 406, invalidArg)
    const queue = await channel.queue({ arguments: { [argument]: 'balanced' } })
    const again = { queue, exclusive: true, arguments: { [argument]: 'client-local' } }
    const differs = `inequivalent arg '${argument}' for queue '${queue}' in vhost '/': received 'client-local' but current is 'balanced'`
    await channel.expectRefusal('queue.declare', again, 406, differs)
  },
)

/** In the order in which RabbitMQ compares them. */
const compared: readonly (readonly [name: string, value: WireValue])[] = [
  ['x-expires', 6000],
  ['x-message-ttl', 3],
  ['x-dead-letter-exchange', 'y'],
  ['x-dead-letter-routing-key', 'k'],
  ['x-max-length', 5],
  ['x-max-length-bytes', 4],
  ['x-max-priority', 3],
  ['x-overflow', 'reject-publish'],
  ['x-queue-mode', 'lazy'],
  ['x-queue-version', 2],
  ['x-single-active-consumer', true],
  ['x-queue-type', 'quorum'],
  ['x-queue-master-locator', 'random'],
]

test('queue.declare: of several arguments that differ the first in the order of RabbitMQ is named', async () => {
  const queue = await channel.queue()
  for (const [index, [name]] of compared.entries()) {
    const again = { queue, exclusive: true, arguments: Object.fromEntries(compared.slice(index).toReversed()) }
    const text = new RegExp(`inequivalent arg '${name}' for queue '${queue}' in vhost '/': received .*`)
    await channel.expectRefusal('queue.declare', again, 406, text)
  }
})

test('queue.declare: of several arguments that are wrong the first in the order of RabbitMQ is named', async () => {
  const wrong = ['x-queue-type', 'x-expires', 'x-message-ttl', 'x-max-length', 'x-max-priority', 'x-overflow']
  const late = ['x-queue-mode', 'x-queue-version', 'x-single-active-consumer']
  const all = [...wrong, ...late].map((name) => [name, []] as const)
  for (const [index, [name]] of all.entries()) {
    const queue = unique('q')
    const declaration = {
      queue,
      exclusive: true,
      arguments: { 'x-max-age': '1h', ...Object.fromEntries(all.slice(index).toReversed()) },
    }
    const text = new RegExp(`invalid arg '${name}' for queue '${queue}' in vhost '/': .*`)
    await channel.expectRefusal('queue.declare', declaration, 406, text)
  }
})

test('queue.declare: equal octets are equivalent, whatever their type', async () => {
  const queue = await channel.queue({ arguments: { 'x-dead-letter-exchange': 'x' } })
  const again = { queue, exclusive: true, arguments: { 'x-dead-letter-exchange': tagged('x', Buffer.from('x')) } }
  await channel.call('queue.declare', again)
})

test('queue.declare: the same number in another integer type is equivalent', async () => {
  const queue = await channel.queue({ arguments: { 'x-message-ttl': tagged('I', 100) } })
  for (const tag of ['b', 'B', 's', 'u', 'i', 'l']) {
    const again = { queue, exclusive: true, arguments: { 'x-message-ttl': tagged(tag, 100) } }
    await channel.call('queue.declare', again)
  }
})

test('queue.declare: x-queue-type classic and no type are equivalent', async () => {
  const queue = await channel.queue({ arguments: { 'x-queue-type': 'classic' } })
  await channel.call('queue.declare', { queue, exclusive: true })
  const other = await channel.queue()
  await channel.call('queue.declare', { queue: other, exclusive: true, arguments: { 'x-queue-type': 'classic' } })
})

test('queue.declare: unknown arguments are accepted and not compared', async () => {
  const queue = await channel.queue({ arguments: { 'x-whatever': 1, colour: 'red' } })
  await channel.call('queue.declare', { queue, exclusive: true, arguments: { colour: 'blue' } })
})

const invalid = [
  ['x-queue-type', 'banana', `"unsupported queue type 'banana'"`],
  ['x-expires', 0, '{value_zero,0}'],
  ['x-expires', -1, '{value_negative,-1}'],
  ['x-expires', 315_360_000_001n, '{value_too_large,315360000001}'],
  ['x-expires', 'ten', '"expected integer, got longstr"'],
  ['x-expires', 1.5, '"expected integer, got double"'],
  ['x-message-ttl', -1, '{value_negative,-1}'],
  ['x-message-ttl', 315_360_000_001n, '{value_too_large,315360000001}'],
  ['x-message-ttl', 'ten', '"expected integer, got longstr"'],
  ['x-message-ttl', 1.5, '"expected integer, got double"'],
  ['x-max-length', -1, '{value_negative,-1}'],
  ['x-max-length', 'ten', '"expected integer, got longstr"'],
  ['x-max-length-bytes', -1, '{value_negative,-1}'],
  ['x-max-priority', -1, '{value_negative,-1}'],
  ['x-max-priority', 256, '{max_value_exceeded,256}'],
  ['x-max-priority', 'high', '"expected integer, got longstr"'],
  ['x-overflow', 'spill', 'invalid_overflow'],
  ['x-queue-mode', 'bogus', `"unsupported queue mode 'bogus'"`],
  ['x-queue-mode', '"', `"unsupported queue mode '\\"'"`],
  ['x-queue-mode', 5, '{unacceptable_type,signedint}'],
  ['x-queue-version', 3, `"unsupported queue version '3'"`],
  ['x-queue-version', 0, `"unsupported queue version '0'"`],
  ['x-queue-version', -1, '{value_negative,-1}'],
  ['x-queue-version', 'two', '"expected integer, got longstr"'],
  ['x-overflow', 5, '{unacceptable_type,signedint}'],
  ['x-queue-type', 5, '{unacceptable_type,signedint}'],
  ['x-dead-letter-routing-key', 5, '{unacceptable_type,signedint}'],
  ['x-dead-letter-routing-key', 'key', 'routing_key_but_no_dlx_defined'],
  ['x-single-active-consumer', 'yes', '{unacceptable_type,longstr}'],
] as const

test.each(invalid)('queue.declare: %s = %s is refused', async (arg, value, detail) => {
  const queue = unique('q')
  const text = `invalid arg '${arg}' for queue '${queue}' in vhost '/': ${detail}`
  const args = { queue, exclusive: true, arguments: { [arg]: value } }
  await channel.expectRefusal('queue.declare', args, 406, text)
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('queue.declare: x-max-age is an argument of other queue types', async () => {
  const queue = unique('q')
  const text = `invalid arg 'x-max-age' for queue '${queue}' in vhost '/' of queue type rabbit_classic_queue`
  await channel.expectRefusal('queue.declare', { queue, exclusive: true, arguments: { 'x-max-age': '1h' } }, 406, text)
})

test('queue.declare: a dead letter exchange that is no string is refused', async () => {
  const queue = unique('q')
  const args = { queue, exclusive: true, arguments: { 'x-dead-letter-exchange': 5 } }
  const text = `invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue '${queue}' in vhost '/'`
  await channel.expectRefusal('queue.declare', args, 406, text)
})

test('queue.declare: zero is a valid TTL and a valid length', async () => {
  await channel.queue({ arguments: { 'x-message-ttl': 0, 'x-max-length': 0, 'x-max-length-bytes': 0 } })
})
