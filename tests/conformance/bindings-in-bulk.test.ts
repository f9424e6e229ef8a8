// Queues and exchanges with very many bindings: to remove one keeps no other client waiting, and who asked for it is answered when all is done.
import { beforeEach, expect, test } from 'vitest'
import { leveretOnly, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { methodFrame } from '../support/wire-frames.ts'
import { expectGone } from './gone-queues.ts'

const broker = useBroker()
/** To take away one of them takes some microseconds, and a turn ends after some hundred of them. */
const COUNT = 20_000
const DURABLE = { durable: true, exclusive: false, autoDelete: false }

let channel: RawChannel
let bystander: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
  bystander = await broker.channel()
})

async function bindMany(queue: string, exchange: string): Promise<void> {
  const bind = (i: number): Buffer =>
    methodFrame(channel.id, 'queue.bind', { queue, exchange, routingKey: `a.key.${i}.#`, nowait: true })
  channel.client.write(Buffer.concat(Array.from({ length: COUNT }, (_, i) => bind(i))))
  await channel.expectQuiet()
}

/** How often the bystander is answered before the answer to what was asked is there. */
async function answersUntil(done: Promise<unknown>): Promise<number> {
  let [count, isDone] = [0, false]
  void done.then(() => {
    isDone = true
  })
  for (; !isDone; count++) await bystander.expectQuiet()
  return count
}

leveretOnly('it is about turns')('queue.delete: others are served while very many bindings go', async () => {
  const queue = await channel.queue(DURABLE)
  await bindMany(queue, 'amq.topic')
  expect(await answersUntil(channel.call('queue.delete', { queue }))).toBeGreaterThan(5)
})

leveretOnly('it is about turns')('exchange.delete: others are served while very many bindings go', async () => {
  const exchange = await channel.exchange('topic', { durable: true, autoDelete: false })
  await bindMany(await channel.queue(), exchange)
  expect(await answersUntil(channel.call('exchange.delete', { exchange }))).toBeGreaterThan(5)
})

test('queue.delete: delete-ok comes when the exchange is gone whose last bindings these were', async () => {
  const exchange = await channel.exchange('topic')
  const queue = await channel.queue()
  await bindMany(queue, exchange)
  const text = `no exchange '${exchange}' in vhost '/'`
  // What comes behind it finds all of it done, also without an answer.
  channel.send('queue.delete', { queue, nowait: true })
  await channel.expectRefusal('exchange.declare', { exchange, type: 'topic', passive: true }, 404, text)
})

test('queue.delete: delete-ok comes before the cancel of consumers, on any channel of the client', async () => {
  const queue = await channel.queue(DURABLE)
  await bindMany(queue, 'amq.topic')
  const other = await channel.client.channel(channel.id + 1)
  for (const each of [channel, other]) await each.consume(queue)
  const names: string[] = []
  channel.send('queue.delete', { queue })
  while (names.length < 3) names.push((await channel.client.next()).name)
  expect(names).toEqual(['queue.delete-ok', 'basic.cancel', 'basic.cancel'])
})

/** An auto-delete exchange with very many bindings to an auto-delete queue, which goes with its consumer: their names. */
async function goWithConsumer(): Promise<{ exchange: string; queue: string }> {
  const exchange = await channel.exchange('topic')
  const queue = await channel.queue({ autoDelete: true })
  await bindMany(queue, exchange)
  await channel.call('basic.cancel', { consumerTag: await channel.consume(queue) })
  return { exchange, queue }
}

test('an auto-delete exchange is gone for who asks for it when its bindings go with a queue, whatever took that away', async () => {
  const { exchange } = await goWithConsumer()
  const text = `no exchange '${exchange}' in vhost '/'`
  await channel.expectRefusal('exchange.declare', { exchange, type: 'topic', passive: true }, 404, text)
})

test('an auto-delete exchange that is declared while its bindings go with a queue is a new one, and stays', async () => {
  const { exchange, queue } = await goWithConsumer()
  await channel.call('exchange.declare', { exchange, type: 'fanout', autoDelete: true })
  // Answered when the last binding of the old one has gone.
  await channel.call('queue.delete', { queue })
  await channel.call('exchange.declare', { exchange, type: 'fanout', autoDelete: true, passive: true })
})

test('a queue that is declared again by another client has none of the old bindings', async () => {
  const queue = await channel.queue(DURABLE)
  await bindMany(queue, 'amq.topic')
  channel.send('queue.delete', { queue, nowait: true })
  // It is there, or not, or new: the bindings are those of the old one at most.
  await bystander.call('queue.declare', { queue, ...DURABLE })
  await channel.expectQuiet()
  await bystander.call('queue.declare', { queue, ...DURABLE })
  bystander.publish({ exchange: 'amq.topic', routingKey: `a.key.${COUNT - 1}.x`, mandatory: true })
  await bystander.returned({ replyCode: 312 })
  await bystander.call('queue.delete', { queue })
})

test('exclusive queues, however many, go before close-ok, and their names are free', async () => {
  const names = Array.from({ length: COUNT / 10 }, (_, i) => `own-${i}`)
  const { client, id } = channel
  const make = (queue: string): Buffer[] => [
    methodFrame(id, 'queue.declare', { queue, exclusive: true, nowait: true }),
    methodFrame(id, 'queue.bind', { queue, exchange: 'amq.fanout', nowait: true }),
    methodFrame(id, 'basic.consume', { queue, consumerTag: queue, nowait: true }),
  ]
  client.write(Buffer.concat(names.flatMap(make)))
  await channel.expectQuiet()
  client.send(0, 'connection.close', { replyCode: 200 })
  expect((await client.next()).name).toBe('connection.close-ok')
  await expectGone(bystander, names)
})

test('an exclusive queue with very many bindings goes before close-ok', async () => {
  const queue = await channel.queue()
  await bindMany(queue, 'amq.topic')
  await channel.client.close()
  const text = `no queue '${queue}' in vhost '/'`
  await bystander.expectRefusal('queue.declare', { queue, passive: true }, 404, text)
  await bystander.queue({}, queue)
  bystander.publish({ exchange: 'amq.topic', routingKey: 'a.key.1.x', mandatory: true })
  await bystander.returned({ replyCode: 312, exchange: 'amq.topic' })
})
