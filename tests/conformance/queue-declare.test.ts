import { beforeEach, expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { lockedQueue } from '../support/replies.ts'
import { unique } from '../support/unique.ts'

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

test('queue.declare: a server-named queue is not declared again under its name', async () => {
  const { args } = await channel.call('queue.declare', { exclusive: true })
  const queue = String(args.queue)
  const text = `queue name '${queue}' contains reserved prefix 'amq.*'`
  await channel.expectRefusal('queue.declare', { queue, exclusive: true }, 403, text)
  await channel.call('queue.declare', { queue, passive: true })
})

test.each([
  ['x-expires', 0, /invalid arg 'x-expires' for queue 'amq\.gen-[\w-]{22}' in vhost '\/': \{value_zero,0\}$/],
  [
    'x-dead-letter-exchange',
    5,
    /invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'amq\.gen-[\w-]{22}' in vhost '\/'$/,
  ],
])('queue.declare: a refusal names the queue that the server would have named (%s)', async (arg, value, text) => {
  await channel.expectRefusal('queue.declare', { exclusive: true, arguments: { [arg]: value } }, 406, text)
})

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

differsFromRabbit310('bound to be denied later')('queue.declare: a transient shared queue is allowed', async () => {
  const queue = await channel.queue({ exclusive: false, durable: false })
  await channel.call('queue.delete', { queue })
})
