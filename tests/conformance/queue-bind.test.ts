import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test('queue.bind: a missing queue is 404', async () => {
  const queue = unique('missing')
  const text = `no queue '${queue}' in vhost '/'`
  await channel.expectRefusal('queue.bind', { queue, exchange: 'amq.direct' }, 404, text)
})

test('queue.bind: of two missing ones the exchange is named', async () => {
  const exchange = unique('missing')
  const binding = { queue: unique('missing-q'), exchange }
  await channel.expectRefusal('queue.bind', binding, 404, `no exchange '${exchange}' in vhost '/'`)
})

test('queue.bind: a missing exchange is 404', async () => {
  const queue = await channel.queue()
  const exchange = unique('missing')
  await channel.expectRefusal('queue.bind', { queue, exchange }, 404, `no exchange '${exchange}' in vhost '/'`)
})

test.each(['exchange', 'queue', 'exchange and queue'])('queue.unbind: a missing %s is fine', async (missing) => {
  const queue = missing.includes('queue') ? unique('missing') : await channel.queue()
  const exchange = missing.includes('exchange') ? unique('missing') : 'amq.direct'
  await channel.call('queue.unbind', { queue, exchange, routingKey: 'k' })
})

test('queue.unbind: the default exchange is 403, even when the queue is missing', async () => {
  const binding = { queue: unique('missing'), exchange: '' }
  await channel.expectRefusal('queue.unbind', binding, 403, 'operation not permitted on the default exchange')
})

test('queue.unbind: arguments are not checked, only compared', async () => {
  const queue = await channel.queue()
  await channel.bind(queue, 'amq.headers', '', { 'x-match': 'any' })
  await channel.call('queue.unbind', { queue, exchange: 'amq.headers', arguments: { 'x-match': 'bogus' } })
  await channel.call('queue.unbind', { queue, exchange: 'amq.headers', arguments: { 'x-match': 'any' } })
})

test('queue.unbind: a missing binding is fine', async () => {
  const queue = await channel.queue()
  await channel.call('queue.unbind', { queue, exchange: 'amq.direct', routingKey: 'never' })
})

test('queue.bind: the same binding twice is one', async () => {
  const queue = await channel.queue()
  const exchange = await channel.exchange('direct', { autoDelete: false })
  await channel.bind(queue, exchange, 'k')
  await channel.bind(queue, exchange, 'k')
  channel.publish({ exchange, routingKey: 'k', body: 'once' })
  expect(await channel.drain(queue)).toEqual(['once'])
  await channel.call('queue.unbind', { queue, exchange, routingKey: 'k' })
  channel.publish({ exchange, routingKey: 'k', body: 'gone', mandatory: true })
  await channel.returned({ exchange })
  await channel.call('exchange.delete', { exchange })
})

test('queue.bind: bindings that differ in arguments are two', async () => {
  const queue = await channel.queue()
  const exchange = await channel.exchange('direct', { autoDelete: false })
  await channel.bind(queue, exchange, 'k', { version: 1 })
  await channel.bind(queue, exchange, 'k', { version: 2 })
  await channel.call('queue.unbind', { queue, exchange, routingKey: 'k', arguments: { version: 1 } })
  channel.publish({ exchange, routingKey: 'k', body: 'still bound' })
  expect(await channel.drain(queue)).toEqual(['still bound'])
  await channel.call('queue.unbind', { queue, exchange, routingKey: 'k', arguments: { version: 2 } })
  channel.publish({ exchange, routingKey: 'k', body: 'gone', mandatory: true })
  await channel.returned({ exchange })
  await channel.call('exchange.delete', { exchange })
})

test('several matching bindings of one queue give one copy', async () => {
  const queue = await channel.queue()
  const exchange = await channel.exchange('topic')
  for (const pattern of ['#', 'a.#', '*.b', 'a.b']) await channel.bind(queue, exchange, pattern)
  channel.publish({ exchange, routingKey: 'a.b', body: 'once' })
  expect(await channel.drain(queue)).toEqual(['once'])
})

test('direct: only equal keys match, byte for byte', async () => {
  const queue = await channel.queue()
  const exchange = await channel.exchange('direct')
  await channel.bind(queue, exchange, 'Key')
  await channel.bind(queue, exchange, 'a.*')
  for (const routingKey of ['Key', 'key', 'Key ', '', 'a.b', 'a.*']) {
    channel.publish({ exchange, routingKey, body: routingKey })
  }
  expect(await channel.drain(queue)).toEqual(['Key', 'a.*'])
})

test('direct: several queues may share a key', async () => {
  const exchange = await channel.exchange('direct')
  const queues = [await channel.queue(), await channel.queue()]
  for (const queue of queues) await channel.bind(queue, exchange, 'k')
  channel.publish({ exchange, routingKey: 'k', body: 'm' })
  for (const queue of queues) expect(await channel.drain(queue)).toEqual(['m'])
})

test('fanout: the routing key does not matter', async () => {
  const exchange = await channel.exchange('fanout')
  const queues = [await channel.queue(), await channel.queue()]
  await channel.bind(queues[0] ?? '', exchange, 'one')
  await channel.bind(queues[1] ?? '', exchange, 'two')
  channel.publish({ exchange, routingKey: 'three', body: 'm' })
  for (const queue of queues) expect(await channel.drain(queue)).toEqual(['m'])
})

test('queue.bind with empty queue and key binds the last declared queue under its name', async () => {
  const queue = await channel.queue()
  await channel.call('queue.bind', { exchange: 'amq.direct' })
  channel.publish({ exchange: 'amq.direct', routingKey: queue, body: 'm' })
  expect(await channel.drain(queue)).toEqual(['m'])
})

test('queue.bind with an empty queue and a key binds the last declared queue under the key', async () => {
  const queue = await channel.queue()
  const routingKey = unique('key')
  await channel.call('queue.bind', { exchange: 'amq.direct', routingKey })
  channel.publish({ exchange: 'amq.direct', routingKey, body: 'm' })
  expect(await channel.drain(queue)).toEqual(['m'])
  await channel.call('queue.unbind', { exchange: 'amq.direct', routingKey })
  channel.publish({ exchange: 'amq.direct', routingKey, body: 'm', mandatory: true })
  await channel.returned({ routingKey })
})

test('bindings go with their queue and do not come back with its name', async () => {
  const queue = await channel.queue()
  const routingKey = unique('key')
  await channel.bind(queue, 'amq.direct', routingKey)
  await channel.call('queue.delete', { queue })
  await channel.queue({}, queue)
  channel.publish({ exchange: 'amq.direct', routingKey, body: 'm', mandatory: true })
  await channel.returned({ routingKey })
  expect(await channel.get(queue)).toBeUndefined()
})

test('routing follows bindings that change all the time', async () => {
  const exchange = await channel.exchange('topic', { autoDelete: false })
  const queue = await channel.queue()
  for (let round = 0; round < 30; round++) {
    const routingKey = `a.${round % 3}`
    await channel.bind(queue, exchange, routingKey)
    channel.publish({ exchange, routingKey, body: `${round}` })
    await channel.call('queue.unbind', { queue, exchange, routingKey })
    channel.publish({ exchange, routingKey, body: 'never', mandatory: true })
    await channel.returned({ routingKey })
  }
  expect(await channel.drain(queue)).toEqual(Array.from({ length: 30 }, (_, n) => `${n}`))
  await channel.call('exchange.delete', { exchange })
})
