import { beforeEach, expect, test } from 'vitest'
import { leveretOnly, useBroker } from '../support/broker.ts'
import { deathsOf, headersOf, pair, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

const limitTest = leveretOnly('RabbitMQ has the limit on quorum queues only')

limitTest.each([0, 1, 3])('with a limit of %i a message is delivered once more than that', async (limit) => {
  const { source, dead } = await pair(channel, { 'x-delivery-limit': limit })
  channel.publish({ routingKey: source, body: 'a', properties: { headers: { mine: 1 }, messageId: 'm' } })
  for (let returns = 0; returns <= limit; returns++) {
    const { args, content } = await take(channel, source)
    expect(args.redelivered).toBe(returns > 0)
    const counted = returns > 0 ? { 'x-delivery-count': { tag: 'l', value: returns } } : {}
    expect(content.properties.headers).toMatchObject({ mine: { value: 1 }, ...counted })
    expect(Object.keys(content.properties.headers ?? {}).length).toBe(returns > 0 ? 2 : 1)
    expect(content.properties.messageId).toBe('m')
    channel.nack(Number(args.deliveryTag))
  }
  await channel.expectCounts(source, 0, 0)
  const letter = await take(channel, dead)
  expect(deathsOf(letter)).toMatchObject([{ reason: 'delivery_limit', queue: source }])
  expect(headersOf(letter)['x-delivery-count']).toBeUndefined()
})

limitTest('consumers are told in the header as well, and what a publisher wrote there does not count', async () => {
  const { source } = await pair(channel, { 'x-delivery-limit': 5 })
  await channel.consume(source)
  const body = Buffer.alloc(150_000, 'x')
  for (const headers of [{ 'x-delivery-count': 100 }, undefined]) {
    channel.publish({
      routingKey: source,
      body,
      properties: { priority: 4, ...(headers === undefined ? {} : { headers }) },
    })
    const first = await channel.delivery()
    expect(first.content.properties.headers?.['x-delivery-count']?.value).toBe(headers?.['x-delivery-count'])
    channel.nack(Number(first.args.deliveryTag))
    const second = await channel.delivery({ redelivered: true })
    expect(headersOf(second)).toEqual({ 'x-delivery-count': 1 })
    expect(second.content.properties.priority).toBe(4)
    expect(second.content.body.equals(body)).toBe(true)
    channel.ack(Number(second.args.deliveryTag))
  }
})

limitTest('the end of a channel and basic.recover count as well', async () => {
  const { source, dead } = await pair(channel, { 'x-delivery-limit': 2 })
  channel.publishTo(source, 'a')
  await take(channel, source)
  await channel.call('basic.recover', { requeue: true })
  await take(channel, source)
  await channel.close()
  await channel.reopen()
  await take(channel, source)
  await channel.close()
  await channel.reopen()
  await channel.expectCounts(source, 0, 0)
  expect(await channel.drain(dead)).toEqual(['a'])
})

limitTest('a negative limit is none, and counts', async () => {
  const queue = await channel.queue({ arguments: { 'x-delivery-limit': -1 } })
  channel.publishTo(queue, 'a')
  for (let returns = 0; returns < 300; returns++) channel.nack(Number((await take(channel, queue)).args.deliveryTag))
  expect(headersOf(await take(channel, queue))['x-delivery-count']).toBe(300)
})

test('without a limit there is no such header', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'a')
  channel.nack(Number((await take(channel, queue)).args.deliveryTag))
  expect((await take(channel, queue)).content.properties.headers).toBeUndefined()
})
