import { expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { lockedQueue } from '../support/replies.ts'

const broker = useBroker()

test.each([
  ['queue.declare', { exclusive: true }],
  ['queue.declare', { exclusive: false }],
  ['queue.declare', { passive: true }],
  ['queue.declare', { passive: true, exclusive: true }],
  ['queue.bind', { exchange: 'amq.direct', routingKey: 'key' }],
  ['queue.unbind', { exchange: 'amq.direct', routingKey: 'key' }],
  ['queue.purge', {}],
  ['queue.delete', {}],
  ['basic.consume', {}],
  ['basic.get', {}],
] as const)('%s %j from another connection meets a locked exclusive queue', async (method, args) => {
  const owner = await broker.channel()
  const queue = await owner.queue()
  await owner.bind(queue, 'amq.direct', 'key')
  owner.publishTo(queue, 'mine')
  const stranger = await broker.channel()
  await stranger.expectRefusal(method, { queue, ...args }, 405, lockedQueue(queue))
  expect(await owner.drain(queue)).toEqual(['mine'])
})

test('another connection may unbind what is not bound to an exclusive queue', async () => {
  const owner = await broker.channel()
  const queue = await owner.queue()
  await owner.bind(queue, 'amq.direct', 'key')
  const stranger = await broker.channel()
  await stranger.call('queue.unbind', { queue, exchange: 'amq.direct', routingKey: 'another key' })
})

test('a binding that makes no sense is refused as such before its queue is found to be locked', async () => {
  const owner = await broker.channel()
  const queue = await owner.queue()
  const stranger = await broker.channel()
  const binding = { queue, exchange: 'amq.headers', arguments: { 'x-match': 'most' } }
  const text = 'Invalid x-match field value <<"most">>; expected all, any, all-with-x, or any-with-x'
  await stranger.expectRefusal('queue.bind', binding, 406, text)
})

test('another connection may publish to an exclusive queue', async () => {
  const owner = await broker.channel()
  const queue = await owner.queue()
  const stranger = await broker.channel()
  stranger.publishTo(queue, 'hello')
  await stranger.expectQuiet()
  await owner.consume(queue)
  await owner.expectBodies('hello')
})

test('every channel of the owning connection may use an exclusive queue', async () => {
  const client = await broker.open()
  const first = await client.channel(1)
  const second = await client.channel(2)
  const queue = await first.queue()
  second.publishTo(queue, 'shared')
  expect(await second.drain(queue)).toEqual(['shared'])
  await second.call('queue.delete', { queue })
})

test('an exclusive queue outlives the channel that declared it', async () => {
  const client = await broker.open()
  const first = await client.channel(1)
  const queue = await first.queue()
  first.publishTo(queue, 'kept')
  await first.close()
  const second = await client.channel(2)
  expect(await second.drain(queue)).toEqual(['kept'])
})

test('an exclusive queue is gone before connection.close-ok arrives', async () => {
  const stranger = await broker.channel()
  for (let round = 0; round < 20; round++) {
    const client = await broker.open()
    const queue = await (await client.channel(1)).queue()
    client.send(0, 'connection.close', { replyCode: 200 })
    await client.expect(0, 'connection.close-ok')
    const text = `no queue '${queue}' in vhost '/'`
    await stranger.expectRefusal('queue.declare', { queue, passive: true }, 404, text)
  }
})

test('an exclusive queue of a connection that broke off is deleted', async () => {
  const client = await broker.open()
  const queue = await (await client.channel(1)).queue()
  const stranger = await broker.channel()
  client.destroy()
  // The broker learns of the broken socket in its own time: ask until the lock is gone.
  for (;;) {
    stranger.send('queue.declare', { queue, passive: true })
    const { name, args } = await stranger.next()
    expect(name).toBe('channel.close')
    stranger.send('channel.close-ok')
    await stranger.reopen()
    if (args.replyCode === 404) break
    expect(args.replyCode).toBe(405)
  }
})

test('an exclusive queue is deleted when the server ends the connection', async () => {
  const owner = await broker.channel()
  const queue = await owner.queue()
  owner.send('basic.qos', { prefetchSize: 1 })
  await owner.client.expectConnectionClose(540, 'prefetch_size!=0 (1)', 'basic.qos')
  await owner.client.expectSocketClosed()
  const other = await broker.channel()
  await other.call('queue.declare', { queue, exclusive: true })
})

test('the name of an exclusive queue is free for others after its connection', async () => {
  const client = await broker.open()
  const queue = await (await client.channel(1)).queue()
  await client.close()
  const other = await broker.channel()
  await other.call('queue.declare', { queue, exclusive: true })
})
