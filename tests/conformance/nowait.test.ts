import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test('nowait: exchange declare, bind, unbind and delete work without a reply', async () => {
  const queue = await channel.queue()
  const source = unique('x')
  const destination = unique('x')
  const nowait = true
  channel.send('exchange.declare', { exchange: source, type: 'fanout', nowait })
  channel.send('exchange.declare', { exchange: destination, type: 'fanout', nowait })
  channel.send('exchange.bind', { source, destination, nowait })
  channel.send('queue.bind', { queue, exchange: destination, nowait })
  channel.publish({ exchange: source, body: 'm', mandatory: true })
  await channel.expectQuiet()
  expect(await channel.drain(queue)).toEqual(['m'])
  channel.send('exchange.unbind', { source, destination, nowait })
  channel.publish({ exchange: source, body: 'm', mandatory: true })
  await channel.returned()
  channel.send('exchange.delete', { exchange: source, nowait })
  channel.send('exchange.delete', { exchange: destination, nowait })
  const text = `no exchange '${source}' in vhost '/'`
  await channel.expectRefusal('exchange.declare', { exchange: source, passive: true }, 404, text)
})

test('nowait: queue declare, purge and delete work without a reply', async () => {
  const queue = unique('q')
  channel.send('queue.declare', { queue, exclusive: true, nowait: true })
  channel.publishTo(queue, 'a', 'b')
  await channel.expectCounts(queue, 2, 0)
  channel.send('queue.purge', { queue, nowait: true })
  await channel.expectCounts(queue, 0, 0)
  channel.send('queue.delete', { queue, nowait: true })
  await channel.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('nowait: consume delivers without consume-ok and cancel ends it without cancel-ok', async () => {
  const queue = await channel.queue()
  channel.send('basic.consume', { queue, consumerTag: 'c', noAck: true, nowait: true })
  channel.publishTo(queue, 'a')
  await channel.delivery({ consumerTag: 'c', deliveryTag: 1 })
  channel.send('basic.cancel', { consumerTag: 'c', nowait: true })
  await channel.expectCounts(queue, 0, 0)
  channel.publishTo(queue, 'b')
  await channel.expectQuiet(queue)
  expect(await channel.drain(queue)).toEqual(['b'])
})

test.each([
  ['exchange.declare', { exchange: 'amq.direct', type: 'fanout' }, 406],
  ['exchange.declare', { exchange: 'missing', passive: true }, 404],
  ['exchange.delete', { exchange: 'amq.direct' }, 403],
  ['exchange.bind', { source: 'missing', destination: 'amq.fanout' }, 404],
  ['queue.declare', { queue: 'missing', passive: true }, 404],
  ['queue.bind', { queue: 'missing', exchange: 'amq.direct' }, 404],
  ['queue.purge', { queue: 'missing' }, 404],
  ['basic.consume', { queue: 'missing' }, 404],
] as const)('nowait: %s %j still closes the channel when it fails', async (method, args, code) => {
  await channel.expectRefusal(method, { ...args, nowait: true }, code, /.*/)
})
