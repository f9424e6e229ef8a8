import { beforeEach, expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { lockedQueue } from '../support/replies.ts'
import { unique } from '../support/unique.ts'
import { tagged } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test('queue.declare: declare-ok names the queue and counts ready messages and consumers', async () => {
  const queue = unique('q')
  const declared = await channel.call('queue.declare', { queue, exclusive: true })
  expect(declared.args).toEqual({ queue, messageCount: 0, consumerCount: 0 })
  channel.publishTo(queue, 'one', 'two')
  await channel.expectCounts(queue, 2, 0)
  const other = await channel.client.channel(2)
  await other.consume(queue)
  await other.expectBodies('one', 'two')
  await channel.expectCounts(queue, 0, 1)
  await other.close()
  await channel.expectCounts(queue, 2, 0)
})

test('queue.declare: an identical declaration is fine and keeps the messages', async () => {
  const queue = await channel.queue({ exclusive: false, autoDelete: true })
  channel.publishTo(queue, 'kept')
  const again = await channel.call('queue.declare', { queue, autoDelete: true })
  expect(again.args).toMatchObject({ queue, consumerCount: 0 })
  await channel.expectCounts(queue, 1, 0)
})

test.each([
  ['durable', { durable: true }, 'durable', { durable: false }, 'false', 'true'],
  ['transient', { autoDelete: true }, 'durable', { durable: true, autoDelete: true }, 'true', 'false'],
  ['auto-delete', { autoDelete: true }, 'auto_delete', { autoDelete: false }, 'false', 'true'],
  ['durable auto-delete', { durable: true, autoDelete: true }, 'durable', { durable: false }, 'false', 'true'],
])(
  'queue.declare: a %s queue is not declared again with other flags',
  async (_, first, arg, second, received, current) => {
    const queue = await channel.queue({ exclusive: false, ...first })
    await channel.expectRefusal(
      'queue.declare',
      { queue, ...second },
      406,
      `inequivalent arg '${arg}' for queue '${queue}' in vhost '/': received '${received}' but current is '${current}'`,
    )
    await channel.call('queue.delete', { queue })
  },
)

test('queue.declare: the exclusive flag cannot change on the connection that owns the queue', async () => {
  const queue = await channel.queue({ exclusive: true })
  await channel.expectRefusal('queue.declare', { queue, exclusive: false }, 405, lockedQueue(queue))
})

test('queue.declare: a shared queue is not declared again as exclusive', async () => {
  const queue = await channel.queue({ exclusive: false, autoDelete: true })
  await channel.expectRefusal('queue.declare', { queue, exclusive: true, autoDelete: true }, 405, lockedQueue(queue))
})

test('queue.declare: an exclusive queue is transient, whatever the durable flag', async () => {
  const queue = await channel.queue({ exclusive: true, durable: true })
  for (const durable of [true, false]) {
    const again = await channel.call('queue.declare', { queue, exclusive: true, durable })
    expect(again.args).toMatchObject({ queue })
  }
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

test('queue.declare: the checks go by owner, durable, auto-delete and arguments', async () => {
  const queue = await channel.queue({ exclusive: false, durable: true, arguments: { 'x-max-length': 5 } })
  const all = { queue, exclusive: true, durable: false, autoDelete: true, arguments: { 'x-max-length': 6 } }
  const inequivalentArg = `inequivalent arg '%' for queue '${queue}' in vhost '/': received`
  await channel.expectRefusal('queue.declare', all, 405, lockedQueue(queue))
  await channel.expectRefusal(
    'queue.declare',
    { ...all, exclusive: false },
    406,
    `${inequivalentArg.replace('%', 'durable')} 'false' but current is 'true'`,
  )
  await channel.expectRefusal(
    'queue.declare',
    { ...all, exclusive: false, durable: true },
    406,
    `${inequivalentArg.replace('%', 'auto_delete')} 'true' but current is 'false'`,
  )
  await channel.expectRefusal(
    'queue.declare',
    { ...all, exclusive: false, durable: true, autoDelete: false },
    406,
    `${inequivalentArg.replace('%', 'x-max-length')} '6' but current is '5'`,
  )
  await channel.call('queue.delete', { queue })
})

test('queue.declare passive: a missing queue is 404', async () => {
  const queue = unique('missing')
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('queue.declare passive: flags and arguments are not compared', async () => {
  const queue = await channel.queue({ exclusive: false, autoDelete: true, arguments: { 'x-max-length': 5 } })
  const { args } = await channel.call('queue.declare', {
    queue,
    passive: true,
    durable: true,
    arguments: { 'x-max-length': 6 },
  })
  expect(args).toEqual({ queue, messageCount: 0, consumerCount: 0 })
})

test('queue.declare passive: the empty name stands for no queue', async () => {
  await channel.queue()
  await channel.expectRefusal('queue.declare', { queue: '', passive: true }, 404, "no queue '' in vhost '/'")
})

test('queue.declare: a classic queue does not become a quorum queue', async () => {
  const queue = await channel.queue({ exclusive: false, durable: true })
  const args = { queue, durable: true, arguments: { 'x-queue-type': 'quorum' } }
  const text = new RegExp(`inequivalent arg 'x-queue-type' for queue '${queue}' in vhost '/': received .*quorum.*`)
  await channel.expectRefusal('queue.declare', args, 406, text)
  await channel.call('queue.delete', { queue })
})

test('queue.declare: a client may not make names that start with amq.', async () => {
  const queue = unique('amq.test')
  const text = `queue name '${queue}' contains reserved prefix 'amq.*'`
  await channel.expectRefusal('queue.declare', { queue, exclusive: true }, 403, text)
})

test('queue.declare passive: a missing name that starts with amq. is 404', async () => {
  const queue = unique('amq.test')
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('queue.declare: without a name the server makes unique ones', async () => {
  const first = await channel.call('queue.declare', { exclusive: true })
  const second = await channel.call('queue.declare', { exclusive: true })
  expect(first.args.queue).toMatch(/^amq\.gen-[A-Za-z0-9_-]{22}$/)
  expect(second.args.queue).toMatch(/^amq\.gen-[A-Za-z0-9_-]{22}$/)
  expect(second.args.queue).not.toBe(first.args.queue)
})

differsFromRabbit310('was 403 for every amq. name')(
  'queue.declare: a server-named queue may be declared again under its name',
  async () => {
    const first = await channel.call('queue.declare', { exclusive: true })
    const again = await channel.call('queue.declare', { queue: first.args.queue ?? '', exclusive: true })
    expect(again.args.queue).toBe(first.args.queue)
  },
)

test('queue.declare: line breaks are stripped from the name', async () => {
  const queue = unique('q')
  const declared = await channel.call('queue.declare', { queue: `\n${queue}\r\n`, exclusive: true })
  expect(declared.args.queue).toBe(queue)
})

test('queue.declare: names may have 255 bytes of any UTF-8', async () => {
  const queue = unique('žluťoučký-кролик-兎-🐇').padEnd(230, 'x')
  const declared = await channel.call('queue.declare', { queue, exclusive: true })
  expect(declared.args.queue).toBe(queue)
  channel.publishTo(queue, 'hop')
  expect(await channel.drain(queue)).toEqual(['hop'])
})

test('queue.declare: the empty name stands for the last declared queue of the channel', async () => {
  const first = await channel.queue()
  const second = await channel.queue()
  channel.publishTo(first, 'first')
  channel.publishTo(second, 'second')
  expect(await channel.drain('')).toEqual(['second'])
  await channel.call('queue.declare', { queue: first, passive: true })
  expect(await channel.drain('')).toEqual(['first'])
})

test('consume, purge and delete with the empty name take the last declared queue', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a', 'b')
  await channel.expectCounts(queue, 2, 0)
  expect((await channel.call('queue.purge', {})).args).toEqual({ messageCount: 2 })
  await channel.call('basic.consume', { queue: '', noAck: true, consumerTag: 'c' })
  channel.publishTo(queue, 'c')
  await channel.expectBodies('c')
  await channel.call('basic.cancel', { consumerTag: 'c' })
  await channel.call('queue.delete', {})
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('a fresh channel has no last declared queue', async () => {
  const fresh = await channel.client.channel(7)
  await fresh.expectRefusal('basic.get', { queue: '' }, 404, 'no previously declared queue')
  await fresh.expectRefusal('basic.consume', { queue: '' }, 404, 'no previously declared queue')
  await fresh.expectRefusal('queue.bind', { exchange: 'amq.direct' }, 404, 'no previously declared queue')
  await fresh.expectRefusal('queue.purge', {}, 404, 'no previously declared queue')
  await fresh.expectRefusal('queue.delete', {}, 404, 'no previously declared queue')
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

test.each([
  ['x-max-age', '1h'],
  ['x-delivery-limit', 4],
])('queue.declare: %s is an argument of other queue types', async (arg, value) => {
  const queue = unique('q')
  const text = `invalid arg '${arg}' for queue '${queue}' in vhost '/' of queue type rabbit_classic_queue`
  await channel.expectRefusal('queue.declare', { queue, exclusive: true, arguments: { [arg]: value } }, 406, text)
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

differsFromRabbit310('bound to be denied later')('queue.declare: a transient shared queue is allowed', async () => {
  const queue = await channel.queue({ exclusive: false, durable: false })
  await channel.call('queue.delete', { queue })
})
