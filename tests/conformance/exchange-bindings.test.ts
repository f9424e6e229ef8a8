import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

async function bindExchange(source: string, destination: string, routingKey = ''): Promise<void> {
  await channel.call('exchange.bind', { source, destination, routingKey })
}

async function expectGone(exchange: string): Promise<void> {
  const text = `no exchange '${exchange}' in vhost '/'`
  await channel.expectRefusal('exchange.declare', { exchange, passive: true }, 404, text)
}

test('exchange.bind passes messages on to the other exchange', async () => {
  const source = await channel.exchange('direct')
  const destination = await channel.exchange('topic')
  const queue = await channel.queue()
  await channel.bind(queue, destination, '#.end')
  await bindExchange(source, destination, 'the.end')
  await bindExchange(source, destination, 'the.start')
  channel.publish({ exchange: source, routingKey: 'the.end', body: 'yes' })
  channel.publish({ exchange: source, routingKey: 'the.start', body: 'no' })
  channel.publish({ exchange: source, routingKey: 'another.end', body: 'no' })
  expect(await channel.drain(queue)).toEqual(['yes'])
})

test('a delivery over several exchanges names the one it was published to', async () => {
  const source = await channel.exchange('fanout')
  const destination = await channel.exchange('fanout')
  const queue = await channel.queue()
  await channel.bind(queue, destination)
  await bindExchange(source, destination)
  channel.publish({ exchange: source, routingKey: 'original', body: 'm' })
  expect((await channel.get(queue))?.args).toMatchObject({ exchange: source, routingKey: 'original' })
})

test('several paths to one queue give one copy', async () => {
  const source = await channel.exchange('fanout')
  const queue = await channel.queue()
  await channel.bind(queue, source)
  for (let count = 0; count < 3; count++) {
    const middle = await channel.exchange('fanout')
    await bindExchange(source, middle)
    await channel.bind(queue, middle)
  }
  channel.publish({ exchange: source, body: 'once' })
  expect(await channel.drain(queue)).toEqual(['once'])
})

test('a cycle of exchanges ends and gives one copy', async () => {
  const ring = [await channel.exchange('fanout'), await channel.exchange('fanout'), await channel.exchange('fanout')]
  const queues: string[] = []
  for (const [index, exchange] of ring.entries()) {
    const queue = await channel.queue()
    queues.push(queue)
    await channel.bind(queue, exchange)
    await bindExchange(exchange, ring[(index + 1) % ring.length] ?? '')
  }
  channel.publish({ exchange: ring[1] ?? '', body: 'round' })
  for (const queue of queues) expect(await channel.drain(queue)).toEqual(['round'])
})

test('an exchange bound to itself gives one copy', async () => {
  const exchange = await channel.exchange('fanout')
  const queue = await channel.queue()
  await channel.bind(queue, exchange)
  await bindExchange(exchange, exchange)
  channel.publish({ exchange, body: 'once' })
  expect(await channel.drain(queue)).toEqual(['once'])
})

test('exchange.bind twice is one binding, exchange.unbind of none is fine', async () => {
  const source = await channel.exchange('fanout', { autoDelete: false })
  const destination = await channel.exchange('fanout', { autoDelete: false })
  const queue = await channel.queue()
  await channel.bind(queue, destination)
  await bindExchange(source, destination)
  await bindExchange(source, destination)
  await channel.call('exchange.unbind', { source, destination })
  channel.publish({ exchange: source, mandatory: true, body: 'm' })
  await channel.returned({ exchange: source })
  await channel.call('exchange.unbind', { source, destination })
  await channel.call('exchange.delete', { exchange: source })
  await channel.call('exchange.delete', { exchange: destination })
})

test('exchange.bind with a missing exchange is 404', async () => {
  const missing = unique('missing')
  const text = `no exchange '${missing}' in vhost '/'`
  await channel.expectRefusal('exchange.bind', { source: missing, destination: 'amq.fanout' }, 404, text)
  await channel.expectRefusal('exchange.bind', { source: 'amq.fanout', destination: missing }, 404, text)
})

test('exchange.bind with two missing exchanges names the source', async () => {
  const [source, destination] = [unique('missing'), unique('missing')]
  await channel.expectRefusal('exchange.bind', { source, destination }, 404, `no exchange '${source}' in vhost '/'`)
})

test('exchange.unbind with a missing exchange is fine', async () => {
  const missing = unique('missing')
  await channel.call('exchange.unbind', { source: missing, destination: 'amq.fanout' })
  await channel.call('exchange.unbind', { source: 'amq.fanout', destination: missing })
  await channel.call('exchange.unbind', { source: missing, destination: missing })
})

test('exchange.unbind with the default exchange is 403, even when the other one is missing', async () => {
  const missing = unique('missing')
  const text = 'operation not permitted on the default exchange'
  await channel.expectRefusal('exchange.unbind', { source: '', destination: missing }, 403, text)
  await channel.expectRefusal('exchange.unbind', { source: missing, destination: '' }, 403, text)
})

test('an internal exchange refuses publishes of clients and takes messages of other exchanges', async () => {
  const internal = await channel.exchange('fanout', { internal: true })
  const queue = await channel.queue()
  await channel.bind(queue, internal)
  const source = await channel.exchange('fanout')
  await bindExchange(source, internal)
  channel.publish({ exchange: source, body: 'inside' })
  expect(await channel.drain(queue)).toEqual(['inside'])
  channel.publish({ exchange: internal, body: 'refused' })
  const text = `cannot publish to internal exchange '${internal}' in vhost '/'`
  await channel.expectClose(403, text, 'basic.publish')
})

test('an auto-delete exchange goes with its last binding as source', async () => {
  const exchange = await channel.exchange('direct')
  const queue = await channel.queue()
  await channel.bind(queue, exchange, 'a')
  await channel.bind(queue, exchange, 'b')
  await channel.call('queue.unbind', { queue, exchange, routingKey: 'a' })
  await channel.call('exchange.declare', { exchange, passive: true })
  await channel.call('queue.unbind', { queue, exchange, routingKey: 'b' })
  await expectGone(exchange)
})

test('an auto-delete exchange goes when its bound queue is deleted', async () => {
  const exchange = await channel.exchange('fanout')
  const queue = await channel.queue()
  await channel.bind(queue, exchange)
  await channel.call('queue.delete', { queue })
  await expectGone(exchange)
})

test('an auto-delete exchange goes when the connection that owns the bound queue closes', async () => {
  const exchange = await channel.exchange('fanout')
  const guest = await broker.channel()
  await guest.bind(await guest.queue(), exchange)
  await guest.client.close()
  await expectGone(exchange)
})

test('an auto-delete exchange that was never a source stays', async () => {
  const source = await channel.exchange('fanout', { autoDelete: false })
  const exchange = await channel.exchange('fanout')
  await bindExchange(source, exchange)
  await channel.call('exchange.unbind', { source, destination: exchange })
  await channel.call('exchange.declare', { exchange, passive: true })
  await channel.call('exchange.delete', { exchange })
  await channel.call('exchange.delete', { exchange: source })
})

test('auto-delete cascades along exchange bindings', async () => {
  const chain = [await channel.exchange('fanout'), await channel.exchange('fanout'), await channel.exchange('fanout')]
  const [first = '', second = '', third = ''] = chain
  const queue = await channel.queue()
  await bindExchange(first, second)
  await bindExchange(second, third)
  await channel.bind(queue, third)
  await channel.call('queue.delete', { queue })
  for (const exchange of [third, second, first]) await expectGone(exchange)
})

test('deleting the destination exchange removes the auto-delete source', async () => {
  const source = await channel.exchange('fanout')
  const destination = await channel.exchange('fanout', { autoDelete: false })
  await bindExchange(source, destination)
  await channel.call('exchange.delete', { exchange: destination })
  await expectGone(source)
})

test('an alternate exchange gets what its exchange could not route', async () => {
  const alternate = await channel.exchange('fanout')
  const exchange = await channel.exchange('direct', { arguments: { 'alternate-exchange': alternate } })
  const direct = await channel.queue()
  const rest = await channel.queue()
  await channel.bind(direct, exchange, 'known')
  await channel.bind(rest, alternate)
  channel.publish({ exchange, routingKey: 'known', body: 'a' })
  channel.publish({ exchange, routingKey: 'unknown', body: 'b', mandatory: true })
  await channel.expectQuiet()
  expect(await channel.drain(direct)).toEqual(['a'])
  expect(await channel.drain(rest)).toEqual(['b'])
})

test('a message via the alternate exchange keeps its exchange and key', async () => {
  const alternate = await channel.exchange('fanout')
  const exchange = await channel.exchange('direct', { arguments: { 'alternate-exchange': alternate } })
  const queue = await channel.queue()
  await channel.bind(queue, alternate)
  channel.publish({ exchange, routingKey: 'unknown', body: 'm' })
  expect((await channel.get(queue))?.args).toMatchObject({ exchange, routingKey: 'unknown' })
})

test('mandatory is judged after the alternate exchanges', async () => {
  const last = await channel.exchange('direct')
  const middle = await channel.exchange('direct', { arguments: { 'alternate-exchange': last } })
  const exchange = await channel.exchange('direct', { arguments: { 'alternate-exchange': middle } })
  const queue = await channel.queue()
  await channel.bind(queue, last, 'far')
  channel.publish({ exchange, routingKey: 'far', body: 'arrives', mandatory: true })
  channel.publish({ exchange, routingKey: 'nowhere', body: 'returns', mandatory: true })
  await channel.returned({ replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey: 'nowhere' })
  expect(await channel.drain(queue)).toEqual(['arrives'])
})

test('a missing alternate exchange drops the message or returns it', async () => {
  const exchange = await channel.exchange('direct', { arguments: { 'alternate-exchange': unique('missing') } })
  channel.publish({ exchange, routingKey: 'k', body: 'dropped' })
  channel.publish({ exchange, routingKey: 'k', body: 'returned', mandatory: true })
  expect((await channel.returned()).content.body.toString()).toBe('returned')
  await channel.expectQuiet()
})

test('a cycle of alternate exchanges ends', async () => {
  const [first, second] = [unique('ae'), unique('ae')]
  const declare = (exchange: string, alternate: string) =>
    channel.exchange('direct', { arguments: { 'alternate-exchange': alternate } }, exchange)
  await declare(first, second)
  await declare(second, first)
  channel.publish({ exchange: first, routingKey: 'k', body: 'm', mandatory: true })
  await channel.returned({ exchange: first })
  const queue = await channel.queue()
  await channel.bind(queue, second, 'k')
  channel.publish({ exchange: first, routingKey: 'k', body: 'found' })
  expect(await channel.drain(queue)).toEqual(['found'])
})
