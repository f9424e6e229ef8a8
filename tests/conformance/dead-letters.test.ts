import { beforeEach, describe, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { deathsOf, headersOf, pair, reject, take } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { tagged, type WireTable } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

describe('what a client rejects', () => {
  test('goes to the dead letter exchange, be it by reject, by nack, or by one nack for many', async () => {
    const { source, dead } = await pair(channel)
    channel.publishTo(source, 'a', 'b', 'c', 'd', 'e')
    await reject(channel, source)
    const nacked = await take(channel, source)
    channel.nack(Number(nacked.args.deliveryTag), { requeue: false })
    for (let count = 0; count < 2; count++) await channel.get(source)
    const last = await take(channel, source)
    channel.nack(Number(last.args.deliveryTag), { multiple: true, requeue: false })
    await channel.expectCounts(source, 0, 0)
    expect(await channel.drain(dead)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('arrives in the order in which it was rejected', async () => {
    const { source, dead } = await pair(channel)
    channel.publishTo(source, 'a', 'b', 'c', 'd')
    const tags: number[] = []
    for (let count = 0; count < 4; count++) tags.push(Number((await take(channel, source)).args.deliveryTag))
    for (const at of [2, 0, 3, 1]) channel.nack(tags[at] ?? 0, { requeue: false })
    expect(await channel.drain(dead)).toEqual(['c', 'a', 'd', 'b'])
  })

  test('tells where and why it died', async () => {
    const { source, dead } = await pair(channel)
    const before = Math.floor(Date.now() / 1000)
    channel.publishTo(source, 'a')
    await reject(channel, source)
    const letter = await take(channel, dead)
    expect(letter.args).toMatchObject({ exchange: '', routingKey: dead, redelivered: false })
    const { 'x-death': deaths, ...others } = letter.content.properties.headers ?? {}
    expect(others).toEqual({
      'x-first-death-reason': tagged('S', 'rejected'),
      'x-first-death-queue': tagged('S', source),
      'x-first-death-exchange': tagged('S', ''),
      'x-last-death-reason': tagged('S', 'rejected'),
      'x-last-death-queue': tagged('S', source),
      'x-last-death-exchange': tagged('S', ''),
    })
    const [death] = deathsOf(letter)
    expect(deaths?.tag).toBe('A')
    expect(death).toEqual({
      count: 1,
      reason: 'rejected',
      queue: source,
      time: expect.anything(),
      exchange: '',
      'routing-keys': [source],
    })
    expect(Number(death?.time)).toBeGreaterThanOrEqual(before)
    expect(Number(death?.time)).toBeLessThanOrEqual(Math.floor(Date.now() / 1000))
  })

  test('keeps its properties, its headers and its body', async () => {
    const { source, dead } = await pair(channel)
    const headers = {
      text: 'grün',
      number: tagged('s', -3),
      nested: { list: [1, 'two', null], when: tagged('T', 5n) },
      bytes: Buffer.from([0, 255, 10]),
      double: tagged('d', 0.5),
    }
    const properties = {
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c',
      replyTo: 'r',
      messageId: 'm',
      timestamp: 12345,
      type: 't',
      appId: 'a',
      clusterId: 'k',
    }
    const body = Buffer.from([0, 1, 2, 206, 255])
    channel.publish({ routingKey: source, body, properties: { ...properties, headers } })
    channel.publish({ routingKey: source, body, properties: { ...properties, headers } })
    const original = await take(channel, source)
    await reject(channel, source)
    channel.nack(Number(original.args.deliveryTag), { requeue: false })
    const letter = await take(channel, dead)
    expect(letter.content.body).toEqual(body)
    const { headers: written, ...rest } = letter.content.properties
    expect(rest).toEqual(properties)
    const kept = Object.entries(written ?? {}).filter(([name]) => !name.startsWith('x-'))
    expect(Object.fromEntries(kept)).toEqual(original.content.properties.headers)
  })

  test('is settled with its body, however large', async () => {
    const { source, dead } = await pair(channel)
    const body = Buffer.alloc(200_000, 'x')
    channel.publish({ routingKey: source, body })
    await reject(channel, source)
    expect((await take(channel, dead)).content.body.equals(body)).toBe(true)
  })

  test('waits for the commit in a transaction', async () => {
    const { source, dead } = await pair(channel)
    channel.publishTo(source, 'a')
    await channel.call('tx.select')
    await reject(channel, source)
    await channel.expectCounts(dead, 0, 0)
    await channel.call('tx.commit')
    await channel.expectCounts(dead, 1, 0)
  })

  test('is no dead letter when it goes back to its queue, and none when the queue is deleted or purged', async () => {
    const { source, dead } = await pair(channel)
    channel.publishTo(source, 'a', 'b')
    const { args } = await take(channel, source)
    channel.nack(Number(args.deliveryTag), { requeue: true })
    await channel.call('queue.purge', { queue: source })
    channel.publishTo(source, 'c')
    await channel.call('queue.delete', { queue: source })
    await channel.expectCounts(dead, 0, 0)
  })
})

describe('a message that dies again', () => {
  test('tells of each queue and reason once, the latest in front, and counts', async () => {
    const [first, second] = [unique('first'), unique('second')]
    const to = (key: string): WireTable => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': key })
    await channel.queue({ arguments: to(second) }, first)
    await channel.queue({ arguments: to(first) }, second)
    channel.publishTo(first, 'a')
    for (const queue of [first, second, first]) await reject(channel, queue)
    const letter = await take(channel, second)
    expect(deathsOf(letter).map(({ queue, count }) => [queue, count])).toEqual([
      [first, 2],
      [second, 1],
    ])
    expect(headersOf(letter)).toMatchObject({ 'x-first-death-queue': first, 'x-last-death-queue': first })
  })

  test('is dropped where it would go round by itself, and goes round as long as a client rejects it', async () => {
    const queue = unique('ring')
    const ring = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue, 'x-max-length': 1 }
    await channel.queue({ arguments: ring }, queue)
    channel.publishTo(queue, 'a', 'b')
    await channel.expectCounts(queue, 1, 0)
    for (let round = 1; round <= 5; round++) {
      const letter = await take(channel, queue)
      expect(letter.content.body.toString()).toBe('b')
      if (round > 1) expect(deathsOf(letter)).toMatchObject([{ count: round - 1, reason: 'rejected' }])
      channel.nack(Number(letter.args.deliveryTag), { requeue: false })
    }
    await channel.expectCounts(queue, 1, 0)
  })

  test('tells nothing of what a client wrote into the header, whatever that is', async () => {
    const { source, dead } = await pair(channel)
    const foreign: WireTable[] = [
      { 'x-death': 'text' },
      { 'x-death': 7 },
      { 'x-death': [] },
      { 'x-death': [1, 'two', { count: 'many', queue: source }] },
      { 'x-death': [{ count: 9, queue: source, reason: 'rejected', exchange: 'e', 'routing-keys': ['k'] }] },
      { 'x-first-death-queue': 1, 'x-first-death-reason': 'none', 'x-last-death-exchange': [] },
    ]
    for (const headers of foreign) {
      channel.publish({ routingKey: source, body: 'm', properties: { headers } })
      await reject(channel, source)
      const letter = await take(channel, dead)
      expect(deathsOf(letter)).toMatchObject([{ count: 1, queue: source, reason: 'rejected' }])
      expect(headersOf(letter)).toMatchObject({
        'x-first-death-queue': source,
        'x-first-death-reason': 'rejected',
        'x-last-death-exchange': '',
      })
    }
  })

  test('begins anew when a client publishes it again with its headers', async () => {
    const { source, dead } = await pair(channel)
    channel.publishTo(source, 'a')
    await reject(channel, source)
    const letter = await take(channel, dead)
    channel.publish({ routingKey: source, body: 'a', properties: letter.content.properties as never })
    await reject(channel, source)
    expect(deathsOf(await take(channel, dead))).toMatchObject([{ count: 1 }])
  })

  test('has its expiration told, and does not expire any more', async () => {
    const { source, dead } = await pair(channel)
    channel.publish({ routingKey: source, body: 'a', properties: { expiration: '3600000', priority: 1 } })
    await reject(channel, source)
    const letter = await take(channel, dead)
    expect(letter.content.properties).toMatchObject({ priority: 1 })
    expect(letter.content.properties.expiration).toBeUndefined()
    expect(deathsOf(letter)).toMatchObject([{ 'original-expiration': '3600000' }])
  })
})
