import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { Message, RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

/** Takes acks until every tag up to `last` is confirmed exactly once; a nack or anything else fails. */
async function expectConfirmed(last: number, first = 1): Promise<void> {
  const confirmed = new Set<number>()
  while (confirmed.size < last - first + 1) {
    const { args } = await channel.expect('basic.ack')
    const tag = Number(args.deliveryTag)
    const from = args.multiple ? first : tag
    for (let seen = from; seen <= tag; seen++) {
      if (!args.multiple) expect(confirmed, `tag ${seen} was confirmed twice`).not.toContain(seen)
      confirmed.add(seen)
    }
    expect(confirmed, `tag ${tag} was never published`).not.toContain(last + 1)
    expect(tag).toBeGreaterThanOrEqual(first)
    expect(tag).toBeLessThanOrEqual(last)
  }
}

const targets = ['no queue', 'a durable queue', 'a transient queue', 'a queue with a no-ack consumer'] as const
const matrix = [1, 2].flatMap((deliveryMode) =>
  [false, true].flatMap((mandatory) => targets.map((target) => ({ deliveryMode, mandatory, target }))),
)

test.each(matrix)('delivery mode $deliveryMode, mandatory $mandatory, to $target is acked', async (row) => {
  let queue = unique('nowhere')
  if (row.target === 'a durable queue') queue = await channel.queue({ durable: true, exclusive: false })
  else if (row.target !== 'no queue') queue = await channel.queue()
  const consumer = await channel.client.channel(2)
  if (row.target === 'a queue with a no-ack consumer') await consumer.consume(queue, { noAck: true })
  await channel.call('confirm.select')
  const properties = { deliveryMode: row.deliveryMode }
  const { mandatory } = row
  channel.publish({ routingKey: queue, body: 'm', properties, mandatory })
  if (mandatory && row.target === 'no queue') await channel.returned({ replyCode: 312, replyText: 'NO_ROUTE' })
  await channel.expect('basic.ack', { deliveryTag: 1 })
  await channel.expectQuiet()
  if (row.target === 'a durable queue') await channel.call('queue.delete', { queue })
})

test('confirms number the publishes of the channel from 1, counted from the select', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'before', 'before')
  await channel.call('confirm.select')
  channel.publishTo(queue, 'a')
  await channel.expect('basic.ack', { deliveryTag: 1 })
  channel.publishTo(queue, 'b')
  await channel.expect('basic.ack', { deliveryTag: 2 })
})

test('confirm.select twice keeps counting', async () => {
  await channel.call('confirm.select')
  channel.publishTo(unique('nowhere'), 'a')
  await channel.expect('basic.ack', { deliveryTag: 1 })
  await channel.call('confirm.select')
  channel.publishTo(unique('nowhere'), 'b')
  await channel.expect('basic.ack', { deliveryTag: 2 })
})

test('confirm.select with nowait has no reply and works', async () => {
  channel.send('confirm.select', { nowait: true })
  channel.publishTo(unique('nowhere'), 'a')
  await channel.expect('basic.ack', { deliveryTag: 1, multiple: false })
})

test('a thousand pipelined publishes are all confirmed once', async () => {
  const queue = await channel.queue()
  await channel.call('confirm.select')
  const one = channel.publishBytes({ routingKey: queue, body: 'm' })
  channel.client.write(Buffer.concat(Array.from({ length: 1000 }, () => one)))
  await expectConfirmed(1000)
  await channel.expectCounts(queue, 1000, 0)
})

test('a message for several queues is confirmed once', async () => {
  const exchange = await channel.exchange('fanout')
  const queues = [await channel.queue(), await channel.queue(), await channel.queue()]
  for (const queue of queues) await channel.bind(queue, exchange)
  await channel.call('confirm.select')
  channel.publish({ exchange, body: 'm' })
  await channel.expect('basic.ack', { deliveryTag: 1 })
  await channel.expectQuiet()
  for (const queue of queues) expect(await channel.drain(queue)).toEqual(['m'])
})

test('routable and unroutable publishes in a mix are all confirmed', async () => {
  const queue = await channel.queue()
  const nowhere = unique('nowhere')
  await channel.call('confirm.select')
  for (let count = 0; count < 50; count++) {
    channel.publishTo(queue, `${count}`)
    channel.publishTo(nowhere, 'lost')
  }
  await expectConfirmed(100)
})

test('two channels of a connection confirm on their own', async () => {
  const second = await channel.client.channel(2)
  await channel.call('confirm.select')
  await second.call('confirm.select')
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  second.publishTo(queue, 'b')
  await channel.expect('basic.ack', { deliveryTag: 1 })
  await second.expect('basic.ack', { deliveryTag: 1 })
})

test('a channel without confirm.select gets no confirms', async () => {
  const second = await channel.client.channel(2)
  await second.call('confirm.select')
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  await channel.expectQuiet(queue)
})

test('a returned message is confirmed after its return, each in its turn', async () => {
  const nowhere = unique('nowhere')
  await channel.call('confirm.select')
  const message: Message = { routingKey: nowhere, mandatory: true }
  channel.client.write(
    Buffer.concat(Array.from({ length: 20 }, (_, n) => channel.publishBytes({ ...message, body: `${n}` }))),
  )
  let returned = 0
  let confirmed = 0
  while (confirmed < 20) {
    const received = await channel.next()
    if (received.name === 'basic.return') {
      expect(received.content?.body.toString()).toBe(`${returned}`)
      returned++
    } else {
      expect(received.name).toBe('basic.ack')
      confirmed = Number(received.args.deliveryTag)
      expect(confirmed).toBeLessThanOrEqual(returned)
    }
  }
})

test('publishes to an internal consumer’s queue, an alternate exchange and an exchange binding are confirmed', async () => {
  const queue = await channel.queue()
  const alternate = await channel.exchange('fanout')
  await channel.bind(queue, alternate)
  const source = await channel.exchange('direct', { arguments: { 'alternate-exchange': alternate } })
  const upstream = await channel.exchange('fanout')
  await channel.call('exchange.bind', { source: upstream, destination: alternate })
  await channel.call('confirm.select')
  channel.publish({ exchange: source, routingKey: 'unbound', mandatory: true, body: 'through the alternate' })
  channel.publish({ exchange: upstream, mandatory: true, body: 'through the binding' })
  channel.publish({ routingKey: 'x', properties: { headers: { CC: [queue] } }, mandatory: true, body: 'through CC' })
  await expectConfirmed(3)
  expect(await channel.drain(queue)).toEqual(['through the alternate', 'through the binding', 'through CC'])
})

test.each(['queue.purge', 'queue.delete'] as const)('messages that %s removes stay confirmed', async (method) => {
  const queue = await channel.queue()
  await channel.call('confirm.select')
  const other = await channel.client.channel(2)
  for (let count = 0; count < 20; count++) {
    channel.publish({ routingKey: queue, body: `${count}`, properties: { deliveryMode: 2 } })
  }
  await other.call(method, { queue })
  await expectConfirmed(20)
})

test('messages that a consumer rejects stay confirmed', async () => {
  const queue = await channel.queue()
  await channel.call('confirm.select')
  const consumer = await channel.client.channel(2)
  await consumer.consume(queue)
  for (let count = 0; count < 10; count++) channel.publishTo(queue, `${count}`)
  for (let count = 0; count < 10; count++) {
    const { args } = await consumer.delivery()
    consumer.send('basic.reject', { deliveryTag: Number(args.deliveryTag), requeue: false })
  }
  await expectConfirmed(10)
})

test('confirm.select on a transactional channel is 406', async () => {
  await channel.call('tx.select')
  await channel.expectRefusal('confirm.select', {}, 406, 'cannot switch from tx to confirm mode')
})

test('tx.select on a confirm channel is 406', async () => {
  await channel.call('confirm.select')
  await channel.expectRefusal('tx.select', {}, 406, 'cannot switch from confirm to tx mode')
})

test('a publish that closes the channel is not confirmed, those before it are', async () => {
  const queue = await channel.queue()
  const missing = unique('missing')
  await channel.call('confirm.select')
  channel.publishTo(queue, 'good')
  await channel.expect('basic.ack', { deliveryTag: 1 })
  channel.publish({ exchange: missing, body: 'bad' })
  await channel.expectClose(404, `no exchange '${missing}' in vhost '/'`, 'basic.publish')
})

test('a reopened channel is out of confirm mode', async () => {
  await channel.call('confirm.select')
  await channel.close()
  await channel.reopen()
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  await channel.expectQuiet(queue)
})

test('an empty body and a body of several frames are confirmed', async () => {
  const queue = await channel.queue()
  await channel.call('confirm.select')
  channel.publish({ routingKey: queue })
  channel.publish({ routingKey: queue, body: Buffer.alloc(300_000, 7) })
  await expectConfirmed(2)
})
