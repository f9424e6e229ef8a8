import { beforeEach, describe, expect, test } from 'vitest'
import { fieldTable, type PlainTable } from '../../protocol/field-table-plain.ts'
import { bindExchange, bindQueue, unbindExchange, unbindQueue } from '../../src/broker/operations/binding-operations.ts'
import { declareExchange, deleteExchange } from '../../src/broker/operations/exchange-declaration.ts'
import { accessQueue, declareQueue, deleteQueue } from '../../src/broker/operations/queue-declaration.ts'
import { Publisher } from '../../src/broker/publishing/publisher.ts'
import { ALLOW_ALL, Session } from '../../src/broker/session.ts'
import { drain, Model, message, refusal } from './model.ts'

let model: Model
/** What was asked, in order, and from where on the answer is no. */
let asked: string[]
let deniedFrom: number
let session: Session

beforeEach(() => {
  model = new Model()
  asked = []
  deniedFrom = Number.POSITIVE_INFINITY
  session = new Session({ name: 'eve', tags: [] }, '/', {
    ...ALLOW_ALL,
    resource: (user, vhost, kind, name, permission) => {
      asked.push(`${permission} ${kind} '${name}'`)
      expect([user.name, vhost]).toEqual(['eve', '/'])
      return asked.length <= deniedFrom
    },
  })
  model.queue('q')
  model.exchange('x', 'direct')
  model.exchange('y', 'direct')
})

const flags = { durable: false, autoDelete: false }

function queueLike(name: string, table: PlainTable = {}) {
  return declareQueue(model.vhost, { ...flags, name, exclusive: false, arguments: fieldTable(table) }, session)
}

function exchangeLike(name: string, table: PlainTable = {}) {
  const declaration = { ...flags, name, type: 'direct', internal: false, arguments: fieldTable(table) }
  return declareExchange(model.vhost, declaration, session)
}

const between = (source: string, destination: string) => ({
  source,
  destination,
  routingKey: 'k',
  arguments: new Map(),
})

/** Every operation that names a queue or an exchange, and the permissions that RabbitMQ asks for, in its order. */
const operations: readonly (readonly [name: string, act: () => unknown, asks: readonly string[]])[] = [
  ['queue.declare', () => queueLike('new'), ["configure queue 'new'"]],
  ['queue.declare, there already', () => queueLike('q'), ["configure queue 'q'"]],
  [
    'queue.declare with a dead letter exchange',
    () => queueLike('new', { 'x-dead-letter-exchange': 'x' }),
    ["configure queue 'new'", "read queue 'new'", "write exchange 'x'"],
  ],
  ['queue.delete', () => deleteQueue(model.vhost, 'q', false, false, session), ["configure queue 'q'"]],
  ['queue.delete, not there', () => deleteQueue(model.vhost, 'no', false, false, session), ["configure queue 'no'"]],
  ['basic.get', () => accessQueue(model.vhost, 'q', session, 'read'), ["read queue 'q'"]],
  ['exchange.declare', () => exchangeLike('new'), ["configure exchange 'new'"]],
  [
    'exchange.declare with an alternate exchange',
    () => exchangeLike('new', { 'alternate-exchange': '' }),
    ["configure exchange 'new'", "read exchange 'new'", "write exchange 'amq.default'"],
  ],
  ['exchange.delete', () => deleteExchange(model.vhost, 'x', false, session), ["configure exchange 'x'"]],
  ['queue.bind', () => bindQueue(model.vhost, between('x', 'q'), session), ["write queue 'q'", "read exchange 'x'"]],
  [
    'queue.unbind',
    () => unbindQueue(model.vhost, between('x', 'q'), session),
    ["write queue 'q'", "read exchange 'x'"],
  ],
  [
    'exchange.bind',
    () => bindExchange(model.vhost, between('x', 'y'), session),
    ["write exchange 'y'", "read exchange 'x'"],
  ],
  [
    'exchange.unbind',
    () => unbindExchange(model.vhost, between('x', 'y'), session),
    ["write exchange 'y'", "read exchange 'x'"],
  ],
  ['basic.publish', () => publisher().publish(message('x', 'q')), ["write exchange 'x'"]],
  [
    'basic.publish to the default exchange',
    () => publisher().publish(message('', 'q')),
    ["write exchange 'amq.default'"],
  ],
  ['basic.publish in a transaction', () => publisher().prepare(message('x', 'q')), ["write exchange 'x'"]],
]

function publisher(): Publisher {
  return new Publisher(model.vhost, session, 1000)
}

describe('a session', () => {
  test.each(operations)('is asked for the permissions of %s', (_, act, asks) => {
    act()
    expect(asked).toEqual(asks)
  })

  test.each(operations)('without one of the permissions of %s is refused, and nothing happens', (_, act, asks) => {
    for (const [index, ask] of asks.entries()) {
      asked = []
      deniedFrom = index
      const [permission, ...resource] = ask.split(' ')
      const text = `access-refused: ${permission} access to ${resource.join(' ')} in vhost '/' refused for user 'eve'`
      expect(refusal(act)).toBe(text)
      expect(asked).toEqual(asks.slice(0, index + 1))
      expect([model.vhost.queueCount, model.vhost.queue('new'), model.vhost.exchange('new')]).toEqual([
        1,
        undefined,
        undefined,
      ])
      expect(model.vhost.bindingsTo(model.vhost.requireQueue('q')).size).toBe(0)
    }
  })

  test('without a permission learns nothing of what there is', () => {
    deniedFrom = 0
    for (const act of [
      () => publisher().publish(message('missing', 'q')),
      () => accessQueue(model.vhost, 'missing', session, 'read'),
      () => bindQueue(model.vhost, between('missing', 'missing'), session),
    ]) {
      expect(refusal(act)).toMatch(/refused for user 'eve'$/)
    }
  })

  test('is asked once for many messages on the same way, and again when the ways have changed', () => {
    const mine = publisher()
    for (let i = 0; i < 3; i++) mine.publish(message('', 'q', 'm'))
    expect(asked).toEqual(["write exchange 'amq.default'"])
    model.queue('other')
    deniedFrom = 1
    expect(refusal(() => mine.publish(message('', 'q', 'm')))).toMatch(/^access-refused: write access/)
    expect(drain(model.vhost.requireQueue('q'))).toEqual(['m', 'm', 'm'])
  })

  test('is asked for each exchange and key, also for routes that another one has found', () => {
    const other = new Publisher(model.vhost, session, 1000)
    other.publish(message('x', 'k'))
    deniedFrom = 1
    expect(refusal(() => publisher().publish(message('x', 'k')))).toMatch(/^access-refused/)
  })
})
