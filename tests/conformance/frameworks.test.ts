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

/** Seconds are counted in so many bits, each with an exchange and a queue: a set bit waits in the queue, the others pass by it. */
const LEVELS = 28

interface Ladder {
  /** Where messages go that have waited. */
  readonly delivery: string
  level(level: number): string
  /** Of a queue, beside its time and where it goes from there. */
  readonly arguments: WireTable
}

async function declareLadder({ delivery, level: name, arguments: more }: Ladder): Promise<void> {
  await channel.call('exchange.declare', { exchange: delivery, type: 'topic', durable: true })
  for (let level = 0; level < LEVELS; level++) {
    const exchange = name(level)
    const next = level === 0 ? delivery : name(level - 1)
    const wildcards = '*.'.repeat(LEVELS - 1 - level)
    await channel.call('exchange.declare', { exchange, type: 'topic', durable: true })
    const queueArguments: WireTable = {
      ...more,
      'x-message-ttl': { tag: 'l', value: BigInt(1000 * 2 ** level) },
      'x-dead-letter-exchange': next,
    }
    await channel.queue({ durable: true, exclusive: false, arguments: queueArguments }, exchange)
    await channel.bind(exchange, exchange, `${wildcards}1.#`)
    await channel.call('exchange.bind', { destination: next, source: exchange, routingKey: `${wildcards}0.#` })
  }
}

async function deleteLadder({ delivery, level }: Ladder): Promise<void> {
  for (const name of [delivery, ...Array.from({ length: LEVELS }, (_, at) => level(at))]) {
    await channel.call('exchange.delete', { exchange: name })
    await channel.call('queue.delete', { queue: name })
  }
}

const bits = (seconds: number): string => seconds.toString(2).padStart(LEVELS, '0').split('').join('.')

const TYPES = ['classic', 'quorum'] as const

describe('a delay ladder, as NServiceBus declares it', () => {
  test.each(TYPES)('of %s queues delivers each message after its delay', async (type) => {
    const prefix = unique('nsb.v2')
    const ladder: Ladder = {
      delivery: `${prefix}.delay-delivery`,
      level: (level) => `${prefix}.delay-level-${String(level).padStart(2, '0')}`,
      arguments: {
        'x-queue-type': type,
        ...(type === 'quorum' ? { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' } : {}),
      },
    }
    await declareLadder(ladder)
    const endpoint = await channel.queue()
    await channel.bind(endpoint, ladder.delivery, `#.${endpoint}`)
    const began = performance.now()
    for (const seconds of [2, 1, 0]) {
      const properties = { deliveryMode: 2, headers: { 'NServiceBus.Transport.RabbitMQ.DelayInSeconds': seconds } }
      // It goes to the level of the highest bit that is set.
      const exchange = ladder.level(Math.max(0, Math.floor(Math.log2(seconds))))
      channel.publish({ exchange, routingKey: `${bits(seconds)}.${endpoint}`, body: String(seconds), properties })
    }
    for (const seconds of [0, 1, 2]) {
      const { content } = await awaited(endpoint)
      expect(content.body.toString()).toBe(String(seconds))
      expect(performance.now() - began).toBeGreaterThanOrEqual(1000 * seconds)
    }
    await deleteLadder(ladder)
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

describe('a destination as the binder of Spring Cloud Stream declares it, with dead letters and another try after a while', () => {
  test('a failed message comes back from the dead letter queue, until it has failed too often', async () => {
    const destination = unique('orders')
    const group = `${destination}.billing`
    const dlx = unique('DLX')
    const durable = { durable: true, exclusive: false }
    await channel.call('exchange.declare', { exchange: destination, type: 'topic', durable: true })
    await channel.queue(
      { ...durable, arguments: { 'x-dead-letter-exchange': dlx, 'x-dead-letter-routing-key': group } },
      group,
    )
    await channel.bind(group, destination, '#')
    const back = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': group, 'x-message-ttl': 40 }
    await channel.queue({ ...durable, arguments: back }, `${group}.dlq`)
    await channel.call('exchange.declare', { exchange: dlx, type: 'direct', durable: true })
    await channel.bind(`${group}.dlq`, dlx, group)
    channel.publish({ exchange: destination, routingKey: destination, body: 'x', properties: { deliveryMode: 2 } })
    await channel.call('basic.qos', { prefetchCount: 1 })
    const consumerTag = await channel.consume(group)
    for (let failures = 0; failures < 3; failures++) {
      const delivery = await channel.delivery({ redelivered: false })
      const deaths = failures === 0 ? [] : deathsOf(delivery).map(({ queue, reason, count }) => [queue, reason, count])
      const known = [
        [`${group}.dlq`, 'expired', failures],
        [group, 'rejected', failures],
      ]
      expect(deaths).toEqual(failures === 0 ? [] : known)
      channel.send('basic.reject', { deliveryTag: delivery.args.deliveryTag as bigint, requeue: false })
    }
    channel.ack((await channel.delivery()).args.deliveryTag as bigint)
    await channel.call('basic.cancel', { consumerTag })
    await channel.expectCounts(group, 0, 0)
    for (const queue of [group, `${group}.dlq`]) await channel.call('queue.delete', { queue })
    for (const exchange of [destination, dlx]) await channel.call('exchange.delete', { exchange })
  })
})

describe('an endpoint as MassTransit declares it', () => {
  test('gets what is published to the exchange of its type; what fails is moved to the error queue, headers and all', async () => {
    const endpoint = unique('submit-order')
    const type = await channel.exchange('fanout', { durable: true, autoDelete: false }, `Orders:${endpoint}`)
    // The last two are made when the first message has to go there.
    const names = [endpoint, `${endpoint}_error`, `${endpoint}_skipped`]
    for (const name of names) {
      await channel.exchange('fanout', { durable: true, autoDelete: false }, name)
      await channel.queue({ durable: true, exclusive: false }, name)
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

    // What no consumer of the endpoint knows is moved, too.
    channel.publish({ exchange: type, body: '{"unknown":1}', properties, mandatory: true })
    await channel.expect('basic.ack')
    const unknown = await take(channel, endpoint)
    channel.publish({
      exchange: `${endpoint}_skipped`,
      properties: { ...unknown.content.properties, headers: { ...headersOf(unknown), 'MT-Reason': 'dead-letter' } },
      body: unknown.content.body,
      mandatory: true,
    })
    await channel.expect('basic.ack')
    channel.ack(unknown.args.deliveryTag as bigint)
    expect(headersOf(await take(channel, `${endpoint}_skipped`))).toMatchObject({ 'MT-Reason': 'dead-letter' })
    await channel.expectCounts(endpoint, 0, 0)
    for (const queue of names) {
      await channel.call('queue.delete', { queue })
      await channel.call('exchange.delete', { exchange: queue })
    }
    await channel.call('exchange.delete', { exchange: type })
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
  // kombu.transport.native_delayed_delivery: what Celery uses for times and retries of tasks in quorum queues.
  test.each(TYPES)(
    'tasks wait for their time in the ladder of %s queues, and again when they are retried',
    async (type) => {
      const prefix = unique('app')
      const ladder: Ladder = {
        delivery: `${prefix}_celery_delayed_delivery`,
        level: (level) => `${prefix}_celery_delayed_${level}`,
        arguments: {
          'x-queue-type': type,
          'x-overflow': 'reject-publish',
          ...(type === 'quorum' ? { 'x-dead-letter-strategy': 'at-least-once' } : {}),
        },
      }
      await declareLadder(ladder)
      const tasks = await channel.queue({ durable: true, exclusive: false, arguments: { 'x-queue-type': 'quorum' } })
      await channel.call('exchange.declare', { exchange: tasks, type: 'topic', durable: true })
      await channel.bind(tasks, tasks, tasks)
      await channel.call('exchange.bind', { destination: tasks, source: ladder.delivery, routingKey: `#.${tasks}` })
      await channel.bind(tasks, tasks, `#.${tasks}`)
      const apply = (body: string, countdown: number): void =>
        channel.publish({
          exchange: ladder.level(LEVELS - 1),
          routingKey: `${bits(countdown)}.${tasks}`,
          body,
          properties: { deliveryMode: 2, priority: 0, headers: { task: 'add', retries: 0 } },
        })
      const began = performance.now()
      apply('late', 2)
      apply('soon', 1)
      await channel.call('basic.qos', { prefetchCount: 4 })
      const consumerTag = await channel.consume(tasks)
      const soon = await channel.delivery()
      expect([soon.content.body.toString(), soon.args.routingKey]).toEqual(['soon', `${bits(1)}.${tasks}`])
      expect(performance.now() - began).toBeGreaterThanOrEqual(1000)
      expect(deathsOf(soon)).toMatchObject([
        { queue: ladder.level(0), reason: 'expired', count: 1, exchange: ladder.level(LEVELS - 1) },
      ])
      // The task fails, is published for another try with what it came with, and acknowledged.
      const { properties } = soon.content
      channel.publish({
        exchange: ladder.level(LEVELS - 1),
        routingKey: `${bits(1)}.${tasks}`,
        body: 'again',
        properties,
      })
      channel.ack(soon.args.deliveryTag as bigint)
      const others = [await channel.delivery(), await channel.delivery()]
      expect(others.map(({ content }) => content.body.toString()).toSorted()).toEqual(['again', 'late'])
      expect(performance.now() - began).toBeGreaterThanOrEqual(2000)
      const again = others.find(({ content }) => content.body.toString() === 'again')
      expect(headersOf(again as Delivery)).toMatchObject({ task: 'add', 'x-first-death-queue': ladder.level(0) })
      await channel.call('basic.cancel', { consumerTag })
      await channel.call('queue.delete', { queue: tasks })
      await channel.call('exchange.delete', { exchange: tasks })
      await deleteLadder(ladder)
    },
  )

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
