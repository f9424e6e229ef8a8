// Topologies that frameworks declare by themselves, declared and used as they do it.
import { beforeEach, describe, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { deathsOf, headersOf, reject, take } from '../support/dead-letters.ts'
import type { Delivery, RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import type { WireTable } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

/** The next message of the queue, as soon as there is one. */
async function awaited(queue: string): Promise<Delivery> {
  await channel.consume(queue, { noAck: true, consumerTag: queue })
  const delivery = await channel.delivery()
  await channel.call('basic.cancel', { consumerTag: queue })
  return delivery
}

describe('a delay ladder, as NServiceBus declares it', () => {
  const LEVELS = 28

  /** One exchange and one queue for each bit of a delay in seconds: a set bit waits in the queue, the others pass by it. */
  async function ladder(type: 'classic' | 'quorum'): Promise<{ top: string; delivery: string }> {
    const prefix = unique('nsb.delay')
    const name = (level: number): string => `${prefix}-level-${String(level).padStart(2, '0')}`
    const delivery = `${prefix}-delivery`
    const durable = type === 'quorum'
    const strategy = durable ? { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' } : {}
    await channel.call('exchange.declare', { exchange: delivery, type: 'topic', durable: true })
    for (let level = 0; level < LEVELS; level++) {
      const exchange = name(level)
      const next = level === 0 ? delivery : name(level - 1)
      const wildcards = '*.'.repeat(LEVELS - 1 - level)
      await channel.call('exchange.declare', { exchange, type: 'topic', durable: true })
      const options: WireTable = {
        'x-queue-type': type,
        'x-message-ttl': { tag: 'l', value: BigInt(1000 * 2 ** level) },
        'x-dead-letter-exchange': next,
        ...strategy,
      }
      await channel.queue({ durable, exclusive: !durable, arguments: options }, exchange)
      await channel.bind(exchange, exchange, `${wildcards}1.#`)
      await channel.call('exchange.bind', { destination: next, source: exchange, routingKey: `${wildcards}0.#` })
    }
    return { top: name(LEVELS - 1), delivery }
  }

  const bits = (seconds: number): string => seconds.toString(2).padStart(LEVELS, '0').split('').join('.')

  test.each(['classic', 'quorum'] as const)('of %s queues delivers each message after its delay', async (type) => {
    const { top, delivery } = await ladder(type)
    const endpoint = await channel.queue()
    await channel.bind(endpoint, delivery, `#.${endpoint}`)
    const began = performance.now()
    for (const seconds of [2, 1, 0]) {
      const properties = { deliveryMode: 2, headers: { delay: seconds } }
      channel.publish({ exchange: top, routingKey: `${bits(seconds)}.${endpoint}`, body: String(seconds), properties })
    }
    for (const seconds of [0, 1, 2]) {
      const { content } = await awaited(endpoint)
      expect(content.body.toString()).toBe(String(seconds))
      expect(performance.now() - began).toBeGreaterThanOrEqual(1000 * seconds)
    }
  })
})

describe('retries with a dead letter exchange, as Spring applications have them', () => {
  const ATTEMPTS = 3

  test('come back after a while, count in x-death, and end in the parking lot', async () => {
    const work = unique('work')
    const exchange = await channel.exchange('direct')
    const retry = await channel.queue({
      arguments: { 'x-message-ttl': 50, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': work },
    })
    await channel.queue({ arguments: { 'x-dead-letter-exchange': exchange } }, work)
    const parking = await channel.queue()
    await channel.bind(retry, exchange, work)
    const properties = { messageId: 'order-1', headers: { attempt: 'first' } }
    channel.publish({ routingKey: work, body: 'order', properties })

    for (let attempt = 0; ; attempt++) {
      const { args, content } = await awaitedUnacked(work)
      const rejected = (headersOf({ args, content } as Delivery)['x-death'] as { queue: string; count: number }[]) ?? []
      const count = rejected.find(({ queue }) => queue === work)?.count ?? 0
      expect(count).toBe(attempt)
      if (count === ATTEMPTS) {
        channel.publish({ routingKey: parking, body: content.body, properties: content.properties })
        channel.ack(args.deliveryTag as bigint)
        break
      }
      channel.send('basic.reject', { deliveryTag: args.deliveryTag as bigint, requeue: false })
    }
    const parked = await take(channel, parking)
    expect(parked.content.properties.messageId).toBe('order-1')
    expect(headersOf(parked)).toMatchObject({
      attempt: 'first',
      'x-first-death-queue': work,
      'x-first-death-reason': 'rejected',
      'x-last-death-queue': retry,
      'x-last-death-reason': 'expired',
    })
    expect(deathsOf(parked).map(({ queue, count }) => [queue, count])).toEqual([
      [retry, ATTEMPTS],
      [work, ATTEMPTS],
    ])
  })

  async function awaitedUnacked(queue: string): Promise<Delivery> {
    await channel.consume(queue, { consumerTag: queue })
    const delivery = await channel.delivery()
    await channel.call('basic.cancel', { consumerTag: queue })
    return delivery
  }
})

describe('an endpoint as MassTransit declares it', () => {
  test('gets what is published to the exchange of its type; what fails is moved to the error queue, headers and all', async () => {
    const endpoint = unique('submit-order')
    const type = await channel.exchange('fanout', {}, `Orders:${endpoint}`)
    for (const name of [endpoint, `${endpoint}_error`, `${endpoint}_skipped`]) {
      await channel.exchange('fanout', {}, name)
      await channel.queue({}, name)
      await channel.bind(name, name)
    }
    await channel.call('exchange.bind', { destination: endpoint, source: type, routingKey: '' })
    await channel.call('confirm.select')
    const properties = {
      contentType: 'application/vnd.masstransit+json',
      messageId: 'ab12',
      deliveryMode: 2,
      headers: { 'Content-Type': 'application/vnd.masstransit+json' },
    }
    channel.publish({ exchange: type, body: '{}', properties, mandatory: true })
    await channel.expect('basic.ack')
    const { args, content } = await take(channel, endpoint)
    const headers = { ...content.properties.headers, 'MT-Reason': 'fault', 'MT-Fault-RetryCount': 3 }
    channel.publish({
      exchange: `${endpoint}_error`,
      properties: { ...content.properties, headers },
      body: content.body,
    })
    await channel.expect('basic.ack')
    channel.ack(args.deliveryTag as bigint)
    const failed = await take(channel, `${endpoint}_error`)
    expect(failed.content.properties).toMatchObject({ contentType: properties.contentType, messageId: 'ab12' })
    expect(headersOf(failed)).toMatchObject({ 'MT-Reason': 'fault', 'MT-Fault-RetryCount': 3 })
    await channel.expectCounts(endpoint, 0, 0)
  })

  test('its temporary queue goes when it is not used for a while', async () => {
    const temporary = await channel.queue({ exclusive: false, arguments: { 'x-expires': 60 } })
    const began = performance.now()
    // Publishes are no use of a queue; the first one that comes back tells that it is gone.
    let last: string | undefined
    while (last !== 'basic.return') {
      channel.publish({ routingKey: temporary, mandatory: true })
      channel.send('exchange.declare', { exchange: 'amq.direct', passive: true })
      last = (await channel.next()).name
    }
    expect(performance.now() - began).toBeGreaterThanOrEqual(60)
  })
})

describe('Celery and kombu', () => {
  test('tasks of higher priority overtake, and what no worker accepts is a dead letter', async () => {
    const dead = await channel.queue()
    const exchange = await channel.exchange('fanout')
    await channel.bind(dead, exchange)
    const tasks = await channel.queue({ arguments: { 'x-max-priority': 10, 'x-dead-letter-exchange': exchange } })
    for (const [body, priority] of [
      ['low', 0],
      ['high', 9],
      ['middle', 5],
    ] as const) {
      channel.publish({ routingKey: tasks, body, properties: { priority, deliveryMode: 2 } })
    }
    await reject(channel, tasks)
    expect(await channel.drain(tasks)).toEqual(['middle', 'low'])
    const letter = await take(channel, dead)
    expect(letter.content.body.toString()).toBe('high')
    expect(letter.content.properties.priority).toBe(9)
    expect(deathsOf(letter)[0]).toMatchObject({ queue: tasks, reason: 'rejected', count: 1 })
  })
})
