// What no compiler has looked at: JavaScript programs, casts, configuration from elsewhere.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UserList } from '../../src/auth/user-list.ts'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { ackOperation, publishOperation, type TransactionOperation } from '../../src/embedded/transaction-operations.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'

let started: TestBroker
let broker: EmbeddedBroker

beforeAll(async () => {
  started = await startTestBroker()
  broker = started.broker
  broker.declareQueue('q')
})

afterAll(() => started.stop())

/** The compiler would say so, too. */
const wrong = (value: unknown): never => value as never

describe('an unknown option is refused with the nearest name', () => {
  test.each<[string, () => unknown, string]>([
    ['withConfig', () => new ServerBuilder().withConfig(wrong({ chanelMax: 5 })), "did you mean 'channelMax'?"],
    ['withConfig', () => new ServerBuilder().withConfig(wrong({ heartbeat: 5 })), "did you mean 'heartbeatSec'?"],
    ['withHooks', () => new ServerBuilder().withHooks(wrong({ onConect: () => {} })), "did you mean 'onConnect'?"],
    ['declareQueue', () => broker.declareQueue('x', wrong({ durabel: true })), "did you mean 'durable'?"],
    ['declareQueue', () => broker.declareQueue('x', wrong({ messageTtl: 1 })), "arguments: { 'x-message-ttl': … }?"],
    ['declareQueue', () => broker.declareQueue('x', wrong({ 'x-max-length': 1 })), "arguments: { 'x-max-length': … }?"],
    [
      'declareExchange',
      () => broker.declareExchange('x', 'topic', wrong({ intrenal: true })),
      "did you mean 'internal'?",
    ],
    ['deleteQueue', () => broker.deleteQueue('x', wrong({ ifUnsued: true })), "did you mean 'ifUnused'?"],
    ['deleteExchange', () => broker.deleteExchange('x', wrong({ ifEmpty: true })), 'it takes ifUnused'],
    ['a message', () => broker.publish('', 'q', 'x', wrong({ persistant: true })), "did you mean 'persistent'?"],
    ['a message', () => broker.publish('', 'q', 'x', wrong({ ttl: 5 })), 'it takes contentType'],
    ['a message', () => broker.publishBatch([wrong({ exchange: '', routingKey: 'q', content: 'x' })]), 'it takes body'],
    ['get', () => broker.get('q', wrong({ noack: true })), "did you mean 'noAck'?"],
    ['consume', () => broker.consume('q', () => {}, wrong({ prefecth: 5 })), "did you mean 'prefetch'?"],
    ['ack', () => broker.ack(1, wrong({ multipel: true })), "did you mean 'multiple'?"],
    ['nack', () => broker.nack(1, wrong({ requeu: true })), "did you mean 'requeue'?"],
    ['reject', () => broker.reject(1, wrong({ multiple: true })), 'it takes requeue'],
    ['publishOperation', () => publishOperation('', 'q', { body: '' }, wrong({ mandatroy: true })), "'mandatory'?"],
    ['LevelStorage', () => new LevelStorage(wrong({ folder: 'x', durablity: 'os' })), "did you mean 'durability'?"],
    ['UserList', () => new UserList(wrong({ loopbackUser: [] })), "did you mean 'loopbackUsers'?"],
  ])('by %s', async (subject, act, text) => {
    const failed = (async () => act())()
    await expect(failed).rejects.toThrow(TypeError)
    await expect(failed).rejects.toThrow(new RegExp(`^unknown (option|property|hook) '[\\w-]+' of ${subject}; `))
    await expect(failed).rejects.toThrow(text)
  })

  test('by startTestBroker, shutdown and waitForQueue', async () => {
    await expect(startTestBroker(wrong({ prot: 0 }))).rejects.toThrow(
      "unknown option 'prot' of withConfig; did you mean 'port'?",
    )
    await expect(started.server.shutdown(wrong({ grace: 0 }))).rejects.toThrow("did you mean 'graceMs'?")
    await expect(started.waitForQueue('q', wrong({ messages: 0 }))).rejects.toThrow("unknown count 'messages'")
    expect(started.server.state).toBe('running')
  })

  test('and a name that every object has is one of them', () => {
    expect(() => broker.declareQueue('x', wrong({ toString: true }))).toThrow("unknown option 'toString'")
  })
})

describe('a value of the wrong type names its property', () => {
  test.each<[string, () => unknown]>([
    ["port is '5672'; it must be a whole number from 0 to 65535", () => build({ port: '5672' })],
    ['allowAnonymous is 1; it must be true or false', () => build({ allowAnonymous: 1 })],
    ["loopbackUsers is 'guest'; it must be an array of strings", () => build({ loopbackUsers: 'guest' })],
    ['bind is 5; it must be a string', () => build({ bind: 5 })],
    ['defaultPass must be a string', () => build({ defaultPass: 12345 })],
    ['the name of the queue is undefined; it must be a string', () => broker.get(wrong(undefined))],
    ["durable is 'yes'; it must be true or false", () => broker.declareQueue('x', wrong({ durable: 'yes' }))],
    ['arguments is an array; it must be an object', () => broker.declareQueue('x', wrong({ arguments: [] }))],
    [
      'arguments is an object; it must be a plain object',
      () => broker.declareQueue('x', wrong({ arguments: new Map() })),
    ],
    ['the name is 5; it must be a string', () => broker.declareQueue(wrong(5))],
    ['the type of the exchange is undefined', () => broker.declareExchange('x', wrong(undefined))],
    ['the destination is null; it must be a string', () => broker.bindQueue(wrong(null), 'amq.topic')],
    ['the body is an object; it must be a string or a Uint8Array', () => broker.publish('', 'q', wrong({ a: 1 }))],
    ['the body is undefined', () => broker.publish('', 'q', wrong(undefined), {})],
    ['the routing key is 7; it must be a string', () => broker.publish('', wrong(7), 'x')],
    ["priority is 'high'; it must be a whole number", () => broker.publish('', 'q', 'x', wrong({ priority: 'high' }))],
    ['expiration is 5000; it must be a string', () => broker.publish('', 'q', 'x', wrong({ expiration: 5000 }))],
    ['timestamp is 1; it must be a Date', () => broker.publish('', 'q', 'x', wrong({ timestamp: 1 }))],
    [
      "persistent is 'true'; it must be true or false",
      () => broker.publish('', 'q', 'x', wrong({ persistent: 'true' })),
    ],
    ['the handler is undefined; it must be a function', () => broker.consume('q', wrong(undefined))],
    ["prefetch is '10'; it must be a whole number", () => broker.consume('q', () => {}, wrong({ prefetch: '10' }))],
    ['onError is true; it must be a function', () => broker.consume('q', () => {}, wrong({ onError: true }))],
    ['the message is undefined; it must be a message that was received', () => broker.ack(wrong(undefined))],
    ["the storage must have a method 'close'", () => new ServerBuilder().withStorage(wrong({ open: () => {} }))],
    ['the logger is a function; it must be an object', () => new ServerBuilder().withLogger(wrong(() => {}))],
    [
      "the authenticator must have a method 'anonymous'",
      () => new ServerBuilder().withAuthenticator(wrong({ authenticate: () => {} })),
    ],
    ['onConnect is 5; it must be a function', () => new ServerBuilder().withHooks(wrong({ onConnect: 5 }))],
    ['folder is 5; it must be a string', () => new LevelStorage(wrong({ folder: 5 }))],
    ['LevelStorage needs a folder', () => new LevelStorage(wrong({}))],
    ['the password must be a string', () => new UserList().add('ann', wrong(5))],
    [
      "tags is 'administrator'; it must be an array of strings",
      () => new UserList().add('ann', 'one', wrong('administrator')),
    ],
    ["the operation is 'ack'; it must be made by publishOperation", () => add(wrong('ack'))],
    ["unknown option 'tag' of a transaction's ack", () => add(wrong({ kind: 'ack', tag: 1 }))],
    [
      "unknown option 'persistent' of a message",
      () => add(publishOperation('', 'q', wrong({ body: '', persistent: true }))),
    ],
  ])('%s', async (text, act) => {
    const failed = (async () => act())()
    await expect(failed).rejects.toThrow(TypeError)
    await expect(failed).rejects.toThrow(text)
  })
})

describe('a value out of range is refused', () => {
  test.each<[string, () => unknown]>([
    [
      'deliveryMode is 9; it must be a whole number from 1 to 2',
      () => broker.publish('', 'q', 'x', { deliveryMode: 9 }),
    ],
    ['deliveryMode is 0', () => broker.publish('', 'q', 'x', { deliveryMode: 0 })],
    ['appId must have 0 to 255 bytes', () => broker.publish('', 'q', 'x', { appId: 'ü'.repeat(128) })],
    [
      'persistent is true and deliveryMode is 1',
      () => broker.publish('', 'q', 'x', { persistent: true, deliveryMode: 1 }),
    ],
    ['the name of the virtual host must have 1 to 255 bytes', () => broker.createVhost('')],
    ['the name of the virtual host must have 1 to 255 bytes', () => broker.createVhost('v'.repeat(256))],
    ['syncIntervalMs is 0', () => new LevelStorage({ folder: 'x', syncIntervalMs: 0 })],
    ['the channel is -1', () => broker.transactions.select(-1)],
    ['deliveryTag is -1', () => add(ackOperation('q', -1))],
  ])('%s', (text, act) => {
    expect(act).toThrow(RangeError)
    expect(act).toThrow(text)
  })
})

test('what is refused has changed nothing', () => {
  expect(broker.queues().map(({ name, messagesReady }) => [name, messagesReady])).toEqual([['q', 0]])
  expect(broker.vhosts()).toEqual(['/'])
})

test('persistent is the delivery mode by another name', async () => {
  broker.publish('', 'q', 'kept', { persistent: true })
  broker.publish('', 'q', 'not kept', { persistent: false, deliveryMode: 1 })
  const modes = [await broker.get('q', { noAck: true }), await broker.get('q', { noAck: true })]
  expect(modes.map((message) => message?.properties)).toEqual([{ deliveryMode: 2 }, { deliveryMode: 1 }])
})

test('an option that is undefined is not given', () => {
  expect(broker.declareQueue('undefined', wrong({ durable: undefined })).durable).toBe(true)
  broker.deleteQueue('undefined')
})

function build(config: object): unknown {
  return new ServerBuilder().withConfig(wrong(config)).build()
}

function add(operation: TransactionOperation): void {
  broker.transactions.select(1)
  broker.transactions.addOperation(1, operation)
}
