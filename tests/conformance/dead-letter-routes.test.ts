import { beforeEach, describe, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { deathsOf, headersOf, pair, reject, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

describe('where a dead letter goes', () => {
  test('without a key of its own it keeps the routing key, and CC leads it as well', async () => {
    const exchange = await channel.exchange('direct')
    const source = await channel.queue({ arguments: { 'x-dead-letter-exchange': exchange } })
    const [byKey, byCopy] = [await channel.queue(), await channel.queue()]
    const copyKey = unique('copy')
    await channel.bind(byKey, exchange, source)
    await channel.bind(byCopy, exchange, copyKey)
    channel.publish({ routingKey: source, body: 'm', properties: { headers: { CC: [copyKey] } } })
    await reject(channel, source)
    const letter = await take(channel, byKey)
    expect(letter.args).toMatchObject({ exchange, routingKey: source })
    expect(headersOf(letter).CC).toEqual([copyKey])
    expect(deathsOf(letter)).toMatchObject([{ 'routing-keys': [source, copyKey] }])
    expect(await channel.drain(byCopy)).toEqual(['m'])
  })

  test('BCC leads it as well, and is not told', async () => {
    const exchange = await channel.exchange('direct')
    const source = await channel.queue({ arguments: { 'x-dead-letter-exchange': exchange } })
    const hidden = await channel.queue()
    await channel.bind(hidden, exchange, hidden)
    channel.publish({ routingKey: source, body: 'm', properties: { headers: { BCC: [hidden] } } })
    expect(await channel.drain(hidden)).toEqual(['m'])
    await reject(channel, source)
    const letter = await take(channel, hidden)
    expect(headersOf(letter).BCC).toBeUndefined()
    expect(deathsOf(letter)).toMatchObject([{ 'routing-keys': [source] }])
  })

  test('a key of its own stands for all keys', async () => {
    const { source, dead } = await pair(channel)
    const other = await channel.queue()
    channel.publish({ routingKey: source, body: 'm', properties: { headers: { CC: [other] } } })
    await channel.drain(other)
    await reject(channel, source)
    const letter = await take(channel, dead)
    expect(letter.args).toMatchObject({ routingKey: dead })
    expect(headersOf(letter).CC).toEqual([other])
    await channel.expectCounts(other, 0, 0)
  })

  test('an exchange that is not there takes it silently, and one that is made later is used', async () => {
    const exchange = unique('later')
    const source = await channel.queue({ arguments: { 'x-dead-letter-exchange': exchange } })
    channel.publishTo(source, 'a', 'b')
    await reject(channel, source)
    await channel.expectCounts(source, 1, 0)
    await channel.exchange('fanout', {}, exchange)
    const dead = await channel.queue()
    await channel.bind(dead, exchange)
    await reject(channel, source)
    expect(await channel.drain(dead)).toEqual(['b'])
  })

  test('bindings that change count at once', async () => {
    const exchange = await channel.exchange('fanout', { autoDelete: false })
    const source = await channel.queue({ arguments: { 'x-dead-letter-exchange': exchange } })
    const [first, second] = [await channel.queue(), await channel.queue()]
    channel.publishTo(source, 'a', 'b', 'c')
    await channel.bind(first, exchange)
    await reject(channel, source)
    await channel.bind(second, exchange)
    await reject(channel, source)
    await channel.call('queue.unbind', { queue: first, exchange })
    await reject(channel, source)
    expect([await channel.drain(first), await channel.drain(second)]).toEqual([
      ['a', 'b'],
      ['b', 'c'],
    ])
    await channel.call('exchange.delete', { exchange })
  })

  test('an internal exchange takes it, and one that looks at headers sees them', async () => {
    const exchange = await channel.exchange('headers', { internal: true })
    const source = await channel.queue({ arguments: { 'x-dead-letter-exchange': exchange } })
    const dead = await channel.queue()
    await channel.bind(dead, exchange, '', { 'x-match': 'all-with-x', 'x-first-death-reason': 'rejected', kind: 1 })
    for (const kind of [1, 2])
      channel.publish({ routingKey: source, body: `${kind}`, properties: { headers: { kind } } })
    await reject(channel, source)
    await reject(channel, source)
    expect(await channel.drain(dead)).toEqual(['1'])
  })

  test('many queues all have it, in order, and other queues are not held up', async () => {
    const exchange = await channel.exchange('fanout')
    const source = await channel.queue({ arguments: { 'x-dead-letter-exchange': exchange } })
    const queues = await Promise.all(Array.from({ length: 300 }, () => unique('many')))
    for (const queue of queues) {
      channel.send('queue.declare', { queue, exclusive: true, nowait: true })
      channel.send('queue.bind', { queue, exchange, nowait: true })
    }
    const bodies = Array.from({ length: 40 }, (_, at) => `m${at}`)
    channel.publishTo(source, ...bodies)
    await channel.consume(source)
    const tags = await channel.expectBodies(...bodies)
    channel.nack(tags.at(-1) ?? 0, { multiple: true, requeue: false })
    const last = queues.at(-1) ?? ''
    await channel.consume(last, { noAck: true })
    await channel.expectBodies(...bodies)
    for (const queue of queues.slice(0, -1)) await channel.expectCounts(queue, 40, 0)
    await channel.expectCounts(source, 0, 1)
  })
})

describe('a queue that is full', () => {
  test('has its oldest messages go there', async () => {
    const { source, dead } = await pair(channel, { 'x-max-length': 2 })
    channel.publishTo(source, 'a', 'b', 'c', 'd')
    await channel.expectCounts(source, 2, 0)
    const letter = await take(channel, dead)
    expect(letter.content.body.toString()).toBe('a')
    expect(deathsOf(letter)).toMatchObject([{ reason: 'maxlen', queue: source, count: 1 }])
    expect(await channel.drain(dead)).toEqual(['b'])
  })

  test('sends a copy of what it refuses there, where it is told to', async () => {
    const { source, dead } = await pair(channel, { 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx' })
    await channel.call('confirm.select')
    channel.publishTo(source, 'a')
    await channel.expect('basic.ack', { deliveryTag: 1, multiple: false })
    const body = Buffer.alloc(50_000, 'y')
    channel.publish({ routingKey: source, body, properties: { messageId: 'm' } })
    await channel.expect('basic.nack', { deliveryTag: 2, multiple: false, requeue: false })
    const letter = await take(channel, dead)
    expect(letter.content.body.equals(body)).toBe(true)
    expect(letter.content.properties.messageId).toBe('m')
    expect(deathsOf(letter)).toMatchObject([{ reason: 'maxlen', queue: source, 'routing-keys': [source] }])
    expect(await channel.drain(source)).toEqual(['a'])
  })

  test('does not when it refuses without being told to', async () => {
    const { source, dead } = await pair(channel, { 'x-max-length': 1, 'x-overflow': 'reject-publish' })
    channel.publishTo(source, 'a', 'b')
    await channel.expectCounts(dead, 0, 0)
  })

  test('may refuse a dead letter, which is gone then, or goes on from there', async () => {
    const end = await channel.queue()
    const full = { 'x-max-length': 0 }
    const refusing = await channel.queue({ arguments: { ...full, 'x-overflow': 'reject-publish' } })
    const passing = await channel.queue({
      arguments: {
        ...full,
        'x-overflow': 'reject-publish-dlx',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': end,
      },
    })
    for (const target of [refusing, passing]) {
      const source = await channel.queue({
        arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': target },
      })
      channel.publishTo(source, target)
      await reject(channel, source)
    }
    const letter = await take(channel, end)
    expect(letter.content.body.toString()).toBe(passing)
    expect(deathsOf(letter).map(({ reason }) => reason)).toEqual(['maxlen', 'rejected'])
    await channel.expectCounts(end, 0, 0)
  })

  test('pushes out the oldest of the next one, and that of the next, however many there are', async () => {
    const names = Array.from({ length: 3000 }, () => unique('chain'))
    for (const [at, queue] of names.entries()) {
      const next = names[at + 1]
      const onward = next === undefined ? {} : { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': next }
      const options = { exclusive: true, nowait: true, arguments: { ...onward, 'x-max-length': 1 } }
      channel.send('queue.declare', { queue, ...options })
    }
    for (const queue of names) channel.publishTo(queue, queue)
    channel.publishTo(names[0] ?? '', 'new')
    const consumer = await channel.client.channel(2)
    await consumer.consume(names.at(-1) ?? '', { noAck: true })
    await consumer.expectBodies(...names.slice(-2).reverse())
    expect(await channel.drain(names[0] ?? '')).toEqual(['new'])
    for (const [at, queue] of names.slice(1, -1).entries()) expect(await channel.drain(queue)).toEqual([names[at]])
  })
})
