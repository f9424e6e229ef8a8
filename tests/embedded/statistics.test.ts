import { connect } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SampleTimes, Series } from '../../src/embedded/statistics/series.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'

let started: TestBroker

beforeEach(async () => {
  started = await startTestBroker()
})

afterEach(() => started.stop())

function named(counters: readonly { readonly name: string; readonly value: number }[] | undefined) {
  return Object.fromEntries((counters ?? []).map(({ name, value }) => [name, value]))
}

describe('the counters of a queue', () => {
  test('tell every way in which a message is handed out', async () => {
    const { broker } = started
    broker.declareQueue('q')
    for (const body of ['a', 'b', 'c', 'd']) broker.publish('', 'q', body)
    const first = await broker.get('q')
    if (first === undefined) throw new Error('there is a message')
    broker.nack(first)
    broker.ack((await broker.get('q')) ?? first)
    await broker.get('q', { noAck: true })
    const connection = await connect(started.url)
    const channel = await connection.createChannel()
    const both = new Promise<void>((resolve) => {
      let count = 0
      void channel.consume(
        'q',
        () => {
          if (++count === 2) resolve()
        },
        { noAck: true },
      )
    })
    await both
    await channel.get('q')
    expect(broker.queueInfo('q')).toMatchObject({
      messagesPublished: 4,
      messagesDelivered: 5,
      counts: { delivered: 0, deliveredNoAck: 2, got: 2, gotNoAck: 1, gotEmpty: 1, redelivered: 1, acked: 1 },
    })
    await connection.close()
    broker.deleteQueue('q')
    expect(broker.stats()).toMatchObject({
      messagesAcked: 1,
      messagesGot: 3,
      messagesDeliveredNoAck: 2,
      messagesPublished: 4,
    })
  })
})

describe('what nothing happens to', () => {
  test('is idle since the last change that a sample has seen', async () => {
    const { broker, server } = started
    const { statistics } = server
    broker.declareQueue('q')
    const idleSinceMs = (): number | undefined => statistics.queueIdleSinceMs('/', 'q')
    await statistics.sample()
    expect(idleSinceMs(), 'nothing ever happened to it').toBeUndefined()
    broker.publish('', 'q', 'x')
    await statistics.sample()
    expect(idleSinceMs(), 'it was used').toBeUndefined()
    await statistics.sample()
    const since = idleSinceMs()
    expect(Math.abs(Date.now() - (since ?? 0))).toBeLessThan(60_000)
    await statistics.sample()
    expect(idleSinceMs()).toBe(since)
    await broker.get('q', { noAck: true })
    await statistics.sample()
    expect(idleSinceMs()).toBeUndefined()
  })
})

describe('samples', () => {
  test('tell what queues, exchanges, virtual hosts and the server did', async () => {
    const { broker, server } = started
    broker.declareQueue('q')
    broker.declareQueue('idle')
    await server.statistics.sample()
    expect(server.statistics.queue('/', 'q')).toBeUndefined()
    for (let i = 0; i < 10; i++) broker.publish('', 'q', 'x')
    await server.statistics.sample()
    expect(named(server.statistics.queue('/', 'q'))).toMatchObject({ publish: 10, messages_ready: 10, ack: 0 })
    expect(named(server.statistics.exchange('/', ''))).toEqual({ publish_in: 10, publish_out: 10 })
    expect(named(server.statistics.vhost('/'))).toMatchObject({ messages_ready: 10 })
    expect(named(server.statistics.overview())).toMatchObject({ messages_ready: 10, queue_created: 2 })
    expect(server.statistics.queue('/', 'idle')).toBeUndefined()
    expect(server.statistics.queue('/', 'none')).toBeUndefined()
  })

  test('tell what connections and channels did', async () => {
    const connection = await connect(started.url)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('q')
    channel.publish('', 'q', Buffer.from('x'))
    channel.publish('', 'nowhere', Buffer.from('x'))
    channel.publish('', 'nowhere', Buffer.from('x'), { mandatory: true })
    await channel.waitForConfirms()
    await started.server.statistics.sample()
    const [info] = [...started.server.clients.channels()]
    if (info === undefined) throw new Error('there is a channel')
    const { statistics } = started.server
    expect(named(statistics.channel(info.connection.id, info.number))).toMatchObject({
      publish: 3,
      confirm: 3,
      return_unroutable: 1,
      drop_unroutable: 1,
    })
    expect(named(statistics.connection(info.connection.id)).recv_oct).toBe(info.connection.bytesReceived)
    await channel.close()
    await statistics.sample()
    expect(named(statistics.vhost('/'))).toMatchObject({ publish: 3, confirm: 3, return_unroutable: 1 })
    expect(named(statistics.overview())).toMatchObject({ channel_created: 1, channel_closed: 1, connection_created: 1 })
    await connection.close()
  })
})

describe('a series', () => {
  test('gives rates and samples, and takes what was before it for zero', () => {
    const times = new SampleTimes(5000)
    times.tick(1000)
    times.tick(6000)
    const series = new Series(times, 2, 3)
    series.push([10, 1])
    expect(series.rate(0)).toBe(2)
    times.tick(11_000)
    series.push([30, 1])
    expect(series.rate(0)).toBe(4)
    expect(series.rate(1)).toBe(0)
    expect(series.samples(0, 10, 5)).toEqual([
      { value: 30, timestampMs: 11_000 },
      { value: 10, timestampMs: 6000 },
      { value: 0, timestampMs: 1000 },
    ])
    for (const [at, value] of [16_000, 21_000, 26_000].entries()) {
      times.tick(value)
      series.push([40 + at, 1])
    }
    expect(series.samples(0, 10, 10).map(({ value }) => value)).toEqual([42, 40])
  })
})

describe('clients', () => {
  test('are seen with their channels and closed with a reason', async () => {
    const connection = await connect(started.url, { clientProperties: { connection_name: 'one' } })
    const channel = await connection.createChannel()
    await channel.prefetch(7)
    await channel.assertQueue('q')
    await channel.consume('q', () => {})
    const [info] = [...started.server.clients.channels()]
    expect(info).toMatchObject({
      number: 1,
      consumers: 1,
      prefetchCount: 7,
      isConfirming: false,
      connection: { name: 'one', vhost: '/', state: 'running', authMechanism: 'PLAIN', channels: 1, heartbeatSec: 60 },
    })
    expect(info?.connection.route).toMatch(/^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/)
    expect(info?.connection.clientProperties).toMatchObject({ product: 'amqplib', connection_name: 'one' })
    expect([...started.broker.inventory.consumers()][0]?.origin).toEqual({
      connection: info?.connection.id,
      channel: 1,
    })
    const error = new Promise<Error>((resolve) => connection.once('close', resolve))
    expect(started.server.clients.close(info?.connection.id ?? 0, 'enough of it')).toBe(true)
    expect((await error).message).toContain('CONNECTION_FORCED - enough of it')
    expect(started.server.clients.close(4711, 'there is none')).toBe(false)
  })
})

describe('global parameters', () => {
  test('are set, read and deleted, within limits', async () => {
    const { globalParameters } = started.server
    await globalParameters.set('mqtt_port_to_vhost_mapping', { '1883': '/' })
    expect(globalParameters.get('mqtt_port_to_vhost_mapping')).toEqual({ '1883': '/' })
    await expect(globalParameters.set('large', 'x'.repeat(70_000))).rejects.toMatchObject({
      kind: 'precondition-failed',
    })
    expect(globalParameters.names()).toEqual(['mqtt_port_to_vhost_mapping'])
    expect(await globalParameters.delete('mqtt_port_to_vhost_mapping')).toBe(true)
    expect(await globalParameters.delete('mqtt_port_to_vhost_mapping')).toBe(false)
  })
})

describe('virtual hosts of a server', () => {
  test('have metadata, and may be protected', () => {
    const { virtualHosts } = started.server
    virtualHosts.create('v', { description: 'for tests', tags: ['a', 'b'], isProtected: true })
    expect(virtualHosts.get('v')?.info).toEqual({
      defaultQueueType: 'classic',
      description: 'for tests',
      tags: ['a', 'b'],
      isProtected: true,
    })
    expect(() => virtualHosts.delete('v')).toThrow("vhost 'v' is protected from deletion")
    virtualHosts.create('v', { isProtected: false })
    expect(virtualHosts.delete('v')).toBe(true)
    expect(virtualHosts.names()).toEqual(['/'])
    expect(() => virtualHosts.create('w', { tags: Array.from({ length: 33 }, (_, at) => `tag ${at}`) })).toThrow(
      RangeError,
    )
  })

  test('tell their bindings, those of the default exchange among them', () => {
    const { broker } = started
    broker.declareQueue('q')
    broker.bindQueue('q', 'amq.topic', 'a.*', { x: 1 })
    broker.bindExchange('amq.fanout', 'amq.topic', '#')
    const implicit = { source: '', destination: 'q', destinationType: 'queue', routingKey: 'q', arguments: {} }
    const toQueue = {
      source: 'amq.topic',
      destination: 'q',
      destinationType: 'queue',
      routingKey: 'a.*',
      arguments: { x: 1 },
    }
    const toExchange = {
      source: 'amq.topic',
      destination: 'amq.fanout',
      destinationType: 'exchange',
      routingKey: '#',
      arguments: {},
    }
    expect([...broker.inventory.bindings()]).toEqual([implicit, toQueue, toExchange])
    expect([...broker.inventory.bindingsFrom('')]).toEqual([implicit])
    expect([...broker.inventory.bindingsFrom('amq.topic')]).toEqual([toQueue, toExchange])
    expect([...broker.inventory.bindingsTo({ destination: 'q', destinationType: 'queue' })]).toEqual([
      implicit,
      toQueue,
    ])
    expect(() => [...broker.inventory.bindingsFrom('none')]).toThrow("no exchange 'none' in vhost '/'")
  })
})

test('what is forgotten while a sample is taken is gone, also of what had no samples before', async () => {
  const { server, broker } = started
  const names = Array.from({ length: 10_000 }, (_, at) => `q${at}`)
  for (const name of names) {
    broker.declareQueue(name)
    broker.publish('', name, 'x')
  }
  const sampled = server.statistics.sample()
  await server.statistics.forgetSamples()
  await sampled
  for (const name of [names[0], names.at(-1)] as string[]) {
    const publish = server.statistics.queue('/', name)?.find((counter) => counter.name === 'publish')
    expect(publish).toMatchObject({ value: 1, rate: 0 })
  }
})
