// How many there may be of everything in the whole server: RabbitMQ's limits and its texts, and one line in the log for each.
import { hostname } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import type { Logger } from '../../src/lib/logger.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'

const PREDECLARED = 7

let broker: TestBroker
const clients: RawClient[] = []
const logged: string[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  logged.length = 0
  await broker.stop()
})

async function start(config: Partial<ServerConfig>): Promise<void> {
  const note = (_: object, message: string) => void logged.push(message)
  const logger: Logger = { debug: () => {}, info: note, warn: note, error: note }
  broker = await startTestBroker({ ...config, logger })
}

async function connect(): Promise<RawClient> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return client
}

async function open(): Promise<RawClient> {
  return await (await connect()).handshake()
}

async function channel(): Promise<RawChannel> {
  return await (await open()).channel(1)
}

test('connections: one more is refused until one has gone', async () => {
  await start({ connectionMax: 2 })
  const first = await open()
  await open()
  const refused = await connect()
  await refused.login()
  refused.send(0, 'connection.open', { virtualHost: '/' })
  const text = 'connection refused: node connection limit (2) is reached'
  await refused.expectConnectionClose(530, text, 'connection.open')
  expect(logged).toContain(`connection closed: NOT_ALLOWED - ${text}`)
  await first.close()
  await open()
})

test('connections: those that never open a virtual host do not count', async () => {
  await start({ connectionMax: 1 })
  await connect()
  await (await connect()).login()
  await open()
})

test('channels of all connections: one more ends its connection, and one that closes makes room', async () => {
  await start({ channelMaxPerNode: 3 })
  const one = await open()
  const first = await one.channel(1)
  await one.channel(2)
  const other = await open()
  await other.channel(1)
  other.send(2, 'channel.open')
  const node = `leveret@${hostname()}`
  const text = `number of channels opened on node '${node}' has reached the maximum allowed limit of (3)`
  await other.expectConnectionClose(530, text)
  expect(logged).toContain(`connection closed: NOT_ALLOWED - ${text}`)
  await first.call('channel.close', { replyCode: 200 })
  const third = await open()
  await third.channel(1)
  await third.channel(2)
})

test('consumers of a channel: one more ends the connection, and one that is cancelled makes room', async () => {
  await start({ consumerMaxPerChannel: 2 })
  const consuming = await channel()
  const queue = await consuming.queue()
  const tag = await consuming.consume(queue)
  await consuming.consume(queue)
  await consuming.call('basic.cancel', { consumerTag: tag })
  await consuming.consume(queue)
  consuming.send('basic.consume', { queue })
  const text = 'reached maximum (2) of consumers per channel'
  await consuming.client.expectConnectionClose(530, text, 'basic.consume')
  expect(logged).toContain(`connection closed: NOT_ALLOWED - ${text}`)
})

test('consumers of all connections: one more ends its connection, and one whose connection ends makes room', async () => {
  await start({ consumerMax: 2 })
  const first = await channel()
  const other = await channel()
  const queue = await other.queue({ exclusive: false })
  await first.consume(queue)
  await other.consume(queue)
  const third = await channel()
  third.send('basic.consume', { queue })
  const text = 'node consumer limit (2) is reached'
  await third.client.expectConnectionClose(530, text, 'basic.consume')
  expect(logged).toContain(`connection closed: NOT_ALLOWED - ${text}`)
  await first.client.close()
  await (await channel()).consume(queue)
})

interface OwnerLimit {
  readonly of: string
  readonly what: 'maxConsumers' | 'maxChannels'
  readonly set: (values: Record<string, number>) => Promise<void>
  readonly text: string
}

test.each<OwnerLimit>([
  {
    of: 'a virtual host',
    what: 'maxConsumers',
    set: (values) => broker.broker.limits.set(values),
    text: "consumer limit (2) of vhost '/' is reached",
  },
  {
    of: 'a user',
    what: 'maxConsumers',
    set: (values) => broker.server.userLimits.set('guest', values),
    text: "consumer limit (2) of user 'guest' is reached",
  },
  {
    of: 'a virtual host',
    what: 'maxChannels',
    set: (values) => broker.broker.limits.set(values),
    text: "number of channels opened in vhost '/' has reached the maximum allowed limit of (2)",
  },
])('$what of $of: one more ends its connection, those that are there stay', async ({ what, set, text }) => {
  await start({})
  const first = await channel()
  const queue = await first.queue({ exclusive: false })
  const tag = await first.consume(queue)
  const other = await channel()
  await other.consume(queue)
  await set({ [what]: 2 })
  const third = await open()
  if (what === 'maxChannels') third.send(1, 'channel.open')
  else other.send('basic.consume', { queue })
  if (what === 'maxChannels') await third.expectConnectionClose(530, text)
  else await other.client.expectConnectionClose(530, text, 'basic.consume')
  expect(logged).toContain(`connection closed: NOT_ALLOWED - ${text}`)
  if (what === 'maxConsumers') await first.call('basic.cancel', { consumerTag: tag })
  else await first.client.close()
  const again = await channel()
  await again.consume(queue)
  await set({ [what]: -1 })
  await (await channel()).consume(queue)
})

test('virtual hosts: one more is refused, one that is there is not', async () => {
  await start({ vhostMax: 2 })
  broker.broker.createVhost('second')
  broker.broker.createVhost('second')
  expect(() => broker.broker.createVhost('third')).toThrow("cannot create vhost 'third': vhost limit of 2 is reached")
  broker.broker.deleteVhost('second')
  broker.broker.createVhost('third')
})

interface EntityLimit {
  readonly what: string
  readonly config: Partial<ServerConfig>
  readonly ofVhost?: { readonly maxQueues?: number; readonly maxExchanges?: number; readonly maxBindings?: number }
  readonly add: MethodName
  readonly args: (i: number) => MethodArguments
  readonly remove: MethodName
  /** What `remove` is told to take the first one away again. */
  readonly first: MethodArguments
  readonly text: (i: number) => string
}

const queueNamed = (i: number) => ({ queue: `q${i}`, durable: i % 2 === 0 })
const exchangeNamed = (i: number) => ({ exchange: `x${i}`, type: 'direct', durable: i % 2 === 0 })
const bindingTo = (i: number) => ({ queue: 'bound', exchange: 'amq.topic', routingKey: `key.${i}` })
const bindingBetween = (i: number) => ({ destination: 'amq.fanout', source: 'amq.topic', routingKey: `key.${i}` })

const ENTITIES: readonly EntityLimit[] = [
  {
    what: 'queues of the server',
    config: { queueMax: 3 },
    add: 'queue.declare',
    args: queueNamed,
    remove: 'queue.delete',
    first: { queue: 'q0' },
    text: (i) => `cannot declare queue 'q${i}': queue limit in cluster (3) is reached`,
  },
  {
    what: 'exchanges of the server',
    config: { exchangeMax: PREDECLARED + 2 },
    add: 'exchange.declare',
    args: exchangeNamed,
    remove: 'exchange.delete',
    first: { exchange: 'x0' },
    text: (i) => `cannot declare exchange 'x${i}' in vhost '/': exchange limit of 9 is reached`,
  },
  {
    what: 'bindings of the server',
    config: { bindingMax: 2 },
    add: 'queue.bind',
    args: bindingTo,
    remove: 'queue.unbind',
    first: bindingTo(0),
    text: () => "cannot bind to exchange 'amq.topic' in vhost '/': binding limit of 2 is reached",
  },
  {
    what: 'bindings of the server, between exchanges',
    config: { bindingMax: 2 },
    add: 'exchange.bind',
    args: bindingBetween,
    remove: 'exchange.unbind',
    first: bindingBetween(0),
    text: () => "cannot bind to exchange 'amq.topic' in vhost '/': binding limit of 2 is reached",
  },
  {
    what: 'exchanges of a virtual host',
    config: {},
    ofVhost: { maxExchanges: PREDECLARED + 2 },
    add: 'exchange.declare',
    args: exchangeNamed,
    remove: 'exchange.delete',
    first: { exchange: 'x0' },
    text: (i) => `cannot declare exchange 'x${i}': exchange limit in vhost '/' (9) is reached`,
  },
  {
    what: 'bindings of a virtual host',
    config: {},
    ofVhost: { maxBindings: 2 },
    add: 'queue.bind',
    args: bindingTo,
    remove: 'queue.unbind',
    first: bindingTo(0),
    text: () => "cannot bind to exchange 'amq.topic': binding limit in vhost '/' (2) is reached",
  },
]

describe.each(ENTITIES)('$what', ({ config, ofVhost, add, args, remove, first, text }) => {
  test('one more is refused on its channel and told in the log, the others stay, and one that goes makes room', async () => {
    await start(config)
    if (ofVhost !== undefined) await broker.server.limits.set(ofVhost)
    const declaring = await channel()
    await declaring.call('queue.declare', { queue: 'bound' })
    for (const i of [0, 1]) await declaring.call(add, args(i))
    await declaring.call(add, args(0)) // what is there already is no further one
    await declaring.expectRefusal(add, args(2), 406, text(2))
    expect(logged).toContain(`channel closed: PRECONDITION_FAILED - ${text(2)}`)
    await declaring.call(remove, first)
    await declaring.call(add, args(2))
    await declaring.expectRefusal(add, args(0), 406, text(0))
  })
})

test('what goes with its queue, its exchange or its virtual host makes room, too', async () => {
  await start({ queueMax: 3, exchangeMax: 2 * PREDECLARED + 1, bindingMax: 2 })
  const declaring = await channel()
  const fill = async (): Promise<void> => {
    await declaring.call('exchange.declare', { exchange: 'x', type: 'fanout' })
    await declaring.call('queue.declare', { queue: 'q' })
    await declaring.call('queue.bind', { queue: 'q', exchange: 'x' })
    await declaring.call('queue.bind', { queue: 'q', exchange: 'amq.fanout' })
    await declaring.expectRefusal(
      'queue.bind',
      { queue: 'q', exchange: 'amq.direct' },
      406,
      /cannot bind .* binding limit of 2/,
    )
  }
  await fill()
  await declaring.call('queue.delete', { queue: 'q' })
  await declaring.call('exchange.delete', { exchange: 'x' })
  await fill()
  await declaring.call('queue.delete', { queue: 'q' })
  await declaring.call('exchange.delete', { exchange: 'x' })
  const other = broker.broker.createVhost('other')
  other.declareExchange('x', 'fanout')
  for (const queue of ['a', 'b']) other.declareQueue(queue)
  for (const queue of ['a', 'b']) other.bindQueue(queue, 'x')
  expect(() => other.declareExchange('y', 'fanout')).toThrow(/exchange limit of 15 is reached/)
  broker.broker.deleteVhost('other')
  await fill()
})
