import { connect } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { refusal } from './refusal.ts'

let started: TestBroker
let broker: EmbeddedBroker

beforeEach(async () => {
  started = await startTestBroker({ maxMessageSizeBytes: 100_000 })
  broker = started.broker
})

afterEach(() => started.stop())

describe('exchanges', () => {
  test('are declared, described and deleted', async () => {
    const info = broker.declareExchange('logs', 'topic', { autoDelete: true, arguments: { 'alternate-exchange': 'x' } })
    expect(info).toEqual({
      name: 'logs',
      type: 'topic',
      durable: true,
      autoDelete: true,
      internal: false,
      arguments: { 'alternate-exchange': 'x' },
      user: 'rmq-internal',
      policy: undefined,
      operatorPolicy: undefined,
      effectivePolicyDefinition: {},
      bindings: 0,
      messagesIn: 0,
      messagesOut: 0,
    })
    expect(broker.exchangeInfo('logs')).toEqual(info)
    expect(broker.exchanges().map(({ name }) => name)).toContain('logs')
    broker.deleteExchange('logs')
    broker.deleteExchange('logs')
    expect(broker.exchangeInfo('logs')).toBeUndefined()
  })

  test('are refused with the texts that AMQP clients get', () => {
    broker.declareExchange('e', 'direct')
    expect(refusal(() => broker.declareExchange('e', 'fanout'))).toEqual({
      kind: 'precondition-failed',
      text: "inequivalent arg 'type' for exchange 'e' in vhost '/': received 'fanout' but current is 'direct'",
    })
    expect(refusal(() => broker.declareExchange('amq.mine', 'direct')).kind).toBe('access-refused')
    expect(refusal(() => broker.declareExchange('f', 'nonsense')).text).toBe("unknown exchange type 'nonsense'")
    broker.declareQueue('q')
    broker.bindQueue('q', 'e', 'k')
    expect(refusal(() => broker.deleteExchange('e', { ifUnused: true })).text).toBe("exchange 'e' in vhost '/' in use")
  })

  test('are bound to each other and unbound', () => {
    broker.declareExchange('a', 'topic')
    broker.declareExchange('b', 'fanout')
    broker.declareQueue('q')
    broker.bindQueue('q', 'b')
    broker.bindExchange('b', 'a', 'orders.#')
    expect(broker.publish('a', 'orders.new', 'one').routed).toBe(true)
    broker.unbindExchange('b', 'a', 'orders.#')
    expect(broker.publish('a', 'orders.new', 'two').routed).toBe(false)
    expect(broker.queueInfo('q')?.messagesReady).toBe(1)
  })
})

describe('queues', () => {
  test('are declared, described and deleted', async () => {
    const info = broker.declareQueue('q', { arguments: { 'x-max-priority': 5 } })
    expect(info).toEqual({
      name: 'q',
      type: 'classic',
      replicas: 1,
      singleActiveConsumer: undefined,
      durable: true,
      exclusive: false,
      autoDelete: false,
      arguments: { 'x-max-priority': 5 },
      user: 'rmq-internal',
      policy: undefined,
      operatorPolicy: undefined,
      effectivePolicyDefinition: {},
      messagesReady: 0,
      messagesUnacked: 0,
      messagesDiscarded: 0,
      messagesDelayed: 0,
      bytesReady: 0,
      bytesUnacked: 0,
      headTimestamp: undefined,
      consumers: 0,
      paused: false,
      messagesPublished: 0,
      messagesDelivered: 0,
      counts: { delivered: 0, deliveredNoAck: 0, got: 0, gotNoAck: 0, gotEmpty: 0, redelivered: 0, acked: 0 },
    })
    broker.publish('', 'q', 'x')
    expect(refusal(() => broker.deleteQueue('q', { ifEmpty: true })).text).toBe("queue 'q' in vhost '/' not empty")
    expect(broker.deleteQueue('q')).toBe(1)
    expect(broker.deleteQueue('q')).toBe(0)
    expect(broker.queueInfo('q')).toBeUndefined()
    await expect(broker.get('q')).rejects.toMatchObject({ kind: 'not-found', message: "no queue 'q' in vhost '/'" })
  })

  test('say how many bytes their messages have, and what time the next one has', async () => {
    broker.declareQueue('q')
    const timestamp = new Date('2024-02-29T12:00:00Z')
    broker.publish('', 'q', 'one', { timestamp })
    broker.publish('', 'q', Buffer.alloc(100_000))
    expect(broker.queueInfo('q')).toMatchObject({ bytesReady: 100_003, bytesUnacked: 0, headTimestamp: timestamp })
    const first = await broker.get('q')
    expect(broker.queueInfo('q')).toMatchObject({ bytesReady: 100_000, bytesUnacked: 3, headTimestamp: undefined })
    broker.nack(first as NonNullable<typeof first>)
    expect(broker.queueInfo('q')).toMatchObject({ bytesReady: 100_003, bytesUnacked: 0, headTimestamp: timestamp })
    broker.ack((await broker.get('q')) as NonNullable<typeof first>)
    expect(broker.stats()).toMatchObject({ bytesReady: 100_000, bytesUnacked: 0 })
    broker.purgeQueue('q')
    expect(broker.stats()).toMatchObject({ bytesReady: 0, bytesUnacked: 0 })
  })

  test('get a name of their own when none is given', () => {
    const { name } = broker.declareQueue()
    expect(name).toMatch(/^amq\.gen-/)
    expect(broker.queues().map((queue) => queue.name)).toEqual([name])
  })

  test('refuse arguments that make no sense', () => {
    const text = "invalid arg 'x-max-length' for queue 'q' in vhost '/': {value_negative,-1}"
    expect(refusal(() => broker.declareQueue('q', { arguments: { 'x-max-length': -1 } })).text).toBe(text)
    expect(() => broker.declareQueue('q'.repeat(256))).toThrow(RangeError)
    expect(() => broker.bindQueue('q', 'amq.topic', 'k'.repeat(256))).toThrow(RangeError)
  })

  test('are purged of what is ready', async () => {
    broker.declareQueue('q')
    for (const body of ['a', 'b', 'c']) broker.publish('', 'q', body)
    const first = await broker.get('q')
    expect(broker.purgeQueue('q')).toBe(2)
    expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 0, messagesUnacked: 1 })
    broker.nack(first as NonNullable<typeof first>)
    expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 1, messagesUnacked: 0 })
  })

  test('are unbound with the arguments they were bound with', () => {
    broker.declareQueue('q')
    broker.bindQueue('q', 'amq.headers', '', { 'x-match': 'any', tenant: 'a' })
    expect(broker.publish('amq.headers', '', 'x', { headers: { tenant: 'a' } }).routed).toBe(true)
    broker.unbindQueue('q', 'amq.headers', '', { 'x-match': 'any', tenant: 'b' })
    expect(broker.publish('amq.headers', '', 'x', { headers: { tenant: 'a' } }).routed).toBe(true)
    broker.unbindQueue('q', 'amq.headers', '', { 'x-match': 'any', tenant: 'a' })
    expect(broker.publish('amq.headers', '', 'x', { headers: { tenant: 'a' } }).routed).toBe(false)
  })

  test('that are exclusive belong to the broker object', async () => {
    broker.declareQueue('mine', { exclusive: true })
    expect(broker.declareQueue('mine', { exclusive: true }).exclusive).toBe(true)
    broker.publish('', 'mine', 'x')
    expect((await broker.get('mine', { noAck: true }))?.body.toString()).toBe('x')
    const connection = await connect(started.url)
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    await expect(channel.checkQueue('mine')).rejects.toThrow('RESOURCE_LOCKED')
    const theirs = await (await connection.createChannel()).assertQueue('', { exclusive: true })
    await expect(broker.get(theirs.queue)).rejects.toMatchObject({ kind: 'resource-locked' })
    await connection.close()
    expect(broker.queueInfo(theirs.queue)).toBeUndefined()
    expect(broker.queueInfo('mine')).toBeDefined()
  })
})

describe('publish', () => {
  test('says whether the message was routed', () => {
    broker.declareQueue('q')
    expect(broker.publish('', 'q', 'x')).toEqual({ routed: true })
    expect(broker.publish('', 'nowhere', 'x')).toEqual({ routed: false })
    expect(refusal(() => broker.publish('missing', 'k', 'x')).text).toBe("no exchange 'missing' in vhost '/'")
  })

  test('refuses what is too large or makes no sense', () => {
    broker.declareQueue('q')
    const large = refusal(() => broker.publish('', 'q', Buffer.alloc(100_001)))
    expect(large.text).toBe('message size 100001 is larger than configured max size 100000')
    expect(refusal(() => broker.publish('', 'q', 'x', { expiration: 'soon' })).text).toContain(
      "invalid expiration 'soon'",
    )
    expect(() => broker.publish('', 'q'.repeat(256), 'x')).toThrow(RangeError)
    expect(() => broker.publish('', 'q', 'x', { priority: 256 })).toThrow(RangeError)
    expect(() => broker.publish('', 'q', 'x', { timestamp: new Date(-1) })).toThrow(RangeError)
    expect(broker.queueInfo('q')?.messagesReady).toBe(0)
  })

  test('may name any user', async () => {
    broker.declareQueue('q')
    broker.publish('', 'q', 'x', { userId: 'another' })
    expect((await broker.get('q', { noAck: true }))?.properties.userId).toBe('another')
  })

  test('takes strings and bytes of any size', async () => {
    broker.declareQueue('q')
    const texts = ['', 'ä€😀', 'x'.repeat(1365), 'ä'.repeat(1366), '€'.repeat(5000), 'y'.repeat(99_999)]
    for (const text of texts) {
      broker.publish('', 'q', text)
      broker.publish('', 'q', new Uint8Array(Buffer.from(`-${text}`)).subarray(1))
      broker.publish('', 'q', text, { contentType: 'text/plain' })
    }
    for (const text of texts) {
      const get = () => broker.get('q', { noAck: true })
      const [one, two, three] = [await get(), await get(), await get()]
      expect([one, two, three].map((message) => String(message?.body))).toEqual([text, text, text])
      expect(one?.properties).toEqual({})
      expect(three?.properties).toEqual({ contentType: 'text/plain' })
    }
  })

  test('goes to another queue when the key is another', async () => {
    broker.declareQueue('a')
    broker.declareQueue('b')
    for (const key of ['a', 'b', 'a', 'a', 'b']) broker.publish('', key, key)
    expect(broker.queueInfo('a')?.messagesReady).toBe(3)
    broker.declareExchange('x', 'fanout')
    expect(broker.publish('x', 'b', 'x').routed).toBe(false)
    expect(await broker.get('b')).toMatchObject({ exchange: '', routingKey: 'b', body: Buffer.from('b') })
  })

  test('in a batch puts in everything, or nothing', () => {
    broker.declareQueue('q')
    const messages = ['a', 'b'].map((body) => ({ exchange: '', routingKey: 'q', body }))
    const stray = { exchange: '', routingKey: 'nowhere', body: 'c' }
    expect(broker.publishBatch([...messages, stray])).toEqual([{ routed: true }, { routed: true }, { routed: false }])
    expect(broker.queueInfo('q')?.messagesReady).toBe(2)
    const bad = { exchange: 'missing', routingKey: '', body: 'd' }
    expect(refusal(() => broker.publishBatch([...messages, bad])).kind).toBe('not-found')
    expect(broker.queueInfo('q')?.messagesReady).toBe(2)
  })

  test('copies the body, so that both sides may change theirs', async () => {
    broker.declareQueue('q')
    for (const size of [10, 50_000]) {
      const body = Buffer.alloc(size, 'a')
      broker.publish('', 'q', body)
      body.fill('b')
      const first = await broker.get('q')
      expect(first?.body.equals(Buffer.alloc(size, 'a'))).toBe(true)
      first?.body.fill('c')
      broker.nack(first as NonNullable<typeof first>)
      const second = await broker.get('q', { noAck: true })
      expect(second?.body.equals(Buffer.alloc(size, 'a'))).toBe(true)
      expect(second).toMatchObject({ redelivered: true, deliveryCount: 1 })
    }
  })

  test('is refused while memory is short, and consumers go on', async () => {
    const small = await startTestBroker({ memoryLimitBytes: 1 })
    small.broker.declareQueue('q')
    expect(refusal(() => small.broker.publish('', 'q', 'x'))).toEqual({ kind: 'resource-error', text: 'low on memory' })
    expect(refusal(() => small.broker.publishBatch([{ exchange: '', routingKey: 'q', body: 'x' }])).kind).toBe(
      'resource-error',
    )
    expect(await small.broker.get('q')).toBeUndefined()
    expect(small.server.health()).toMatchObject({ status: 'degraded' })
    await small.stop()
  })

  test('is not refused for memory that a program has reserved and not used', async () => {
    const limit = process.memoryUsage.rss() + 300 * 1024 * 1024
    const reserved = Array.from({ length: 4 }, () => Buffer.allocUnsafeSlow(limit))
    const small = await startTestBroker({ memoryLimitBytes: limit })
    small.broker.declareQueue('q')
    expect(small.broker.publish('', 'q', 'x')).toEqual({ routed: true })
    expect(small.server.health()).toMatchObject({ status: 'healthy' })
    expect(reserved).toHaveLength(4)
    await small.stop()
  })

  test('of large messages raises the memory alarm by itself', async () => {
    const small = await startTestBroker({ memoryLimitBytes: process.memoryUsage.rss() + 64 * 1024 * 1024 })
    small.broker.declareQueue('q')
    const body = Buffer.alloc(1024 * 1024)
    const fill = (): void => {
      for (let i = 0; i < 1000; i++) small.broker.publish('', 'q', body)
    }
    expect(refusal(fill).kind).toBe('resource-error')
    expect(small.broker.queueInfo('q')?.messagesReady).toBeGreaterThan(0)
    await small.stop()
  })
})

describe('messages', () => {
  const properties = {
    contentType: 'application/json',
    contentEncoding: 'gzip',
    headers: { text: 'a', number: 1, large: 2 ** 40, ratio: 0.5, yes: true, none: null, nested: { list: [1, 'b'] } },
    deliveryMode: 2,
    priority: 3,
    correlationId: 'c',
    replyTo: 'r',
    expiration: '60000',
    messageId: 'm',
    timestamp: new Date('2024-05-06T07:08:09Z'),
    type: 't',
    userId: 'guest',
    appId: 'a',
    clusterId: 'k',
  }

  test('keep their properties', async () => {
    broker.declareQueue('q')
    broker.publish('', 'q', '{}', properties)
    const message = await broker.get('q')
    expect(message).toEqual({
      queue: 'q',
      exchange: '',
      routingKey: 'q',
      deliveryTag: expect.any(Number),
      redelivered: false,
      deliveryCount: 0,
      properties,
      body: Buffer.from('{}'),
    })
  })

  test('keep header bytes when the queue reuses its memory', async () => {
    broker.declareQueue('q')
    broker.publish('', 'q', 'x', { headers: { bytes: Buffer.alloc(200, 'a') } })
    const message = await broker.get('q', { noAck: true })
    for (let i = 0; i < 100; i++) broker.publish('', 'q', Buffer.alloc(1000, 'z'))
    expect(Buffer.from(message?.properties.headers?.bytes as Uint8Array).equals(Buffer.alloc(200, 'a'))).toBe(true)
  })

  test('go from this process to AMQP clients and back', async () => {
    broker.declareQueue('there')
    broker.declareQueue('back')
    const connection = await connect(started.url)
    const channel = await connection.createChannel()
    broker.publish('', 'there', 'hello', { headers: { n: 1 }, contentType: 'text/plain', timestamp: new Date(5000) })
    const received = await channel.get('there', { noAck: true })
    if (received === false) throw new Error('nothing came')
    expect(received.content.toString()).toBe('hello')
    expect(received.properties).toMatchObject({ headers: { n: 1 }, contentType: 'text/plain', timestamp: 5 })
    const came = new Promise<string>((resolve) => {
      broker.consume('back', ({ body, properties: { correlationId } }) => resolve(`${body} ${correlationId}`), {
        noAck: true,
      })
    })
    channel.sendToQueue('back', Buffer.from('hi'), { correlationId: '7' })
    expect(await came).toBe('hi 7')
    await connection.close()
  })

  test('answer requests over direct reply-to', async () => {
    broker.declareQueue('rpc')
    broker.consume(
      'rpc',
      ({ body, properties: { replyTo = '', correlationId = '' } }) => {
        broker.publish('', replyTo, `${body}!`, { correlationId })
      },
      { noAck: true },
    )
    const connection = await connect(started.url)
    const channel = await connection.createChannel()
    const answer = new Promise<string>((resolve) => {
      void channel.consume('amq.rabbitmq.reply-to', (message) => resolve(String(message?.content)), { noAck: true })
    })
    channel.sendToQueue('rpc', Buffer.from('ping'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: '1' })
    expect(await answer).toBe('ping!')
    await connection.close()
  })
})
