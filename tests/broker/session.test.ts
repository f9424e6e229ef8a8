import { beforeEach, describe, expect, test } from 'vitest'
import { fieldTable, type PlainTable } from '../../protocol/field-table-plain.ts'
import type { Properties } from '../../protocol/properties.ts'
import { Access } from '../../src/broker/access/access.ts'
import { Undecided } from '../../src/broker/access/undecided.ts'
import { ALLOW_ALL, type AuthorizedUser } from '../../src/broker/authorizer.ts'
import { bindExchange, bindQueue, unbindExchange, unbindQueue } from '../../src/broker/operations/binding-operations.ts'
import { declareExchange, deleteExchange, passiveExchange } from '../../src/broker/operations/exchange-declaration.ts'
import { accessQueue, declareQueue, deleteQueue, passiveQueue } from '../../src/broker/operations/queue-declaration.ts'
import { Publisher } from '../../src/broker/publishing/publisher.ts'
import { FULL_ACCESS, Session } from '../../src/broker/session.ts'
import { drain, Model, message, refusal } from './model.ts'

let model: Model
/** What was asked, in order, and from where on the answer is no. */
let asked: string[]
let deniedFrom: number
let isAllowed: (question: string) => boolean
let session: Session
let access: Access

beforeEach(() => {
  model = new Model()
  asked = []
  deniedFrom = Number.POSITIVE_INFINITY
  isAllowed = () => true
  const user = { name: 'eve', tags: [] }
  const answer = (who: AuthorizedUser, vhost: string, question: string): boolean => {
    asked.push(question)
    expect([who, vhost]).toEqual([user, '/'])
    return asked.length <= deniedFrom && isAllowed(question)
  }
  access = new Access(user, '/', {
    ...ALLOW_ALL,
    resource: (who, vhost, kind, name, permission) => answer(who, vhost, `${permission} ${kind} '${name}'`),
    topic: (who, vhost, exchange, key, permission) =>
      answer(who, vhost, `${permission} topic '${key}' in exchange '${exchange}'`),
  })
  session = new Session(user, '/', access)
  model.queue('q')
  model.exchange('x', 'direct')
  model.exchange('y', 'direct')
  model.exchange('t', 'topic')
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
  [
    'queue.bind to a topic exchange',
    () => bindQueue(model.vhost, between('t', 'q'), session),
    ["write queue 'q'", "read exchange 't'", "read topic 'k' in exchange 't'"],
  ],
  [
    'queue.unbind from a topic exchange',
    () => unbindQueue(model.vhost, between('t', 'q'), session),
    ["write queue 'q'", "read exchange 't'", "read topic 'k' in exchange 't'"],
  ],
  [
    'exchange.bind to a topic exchange',
    () => bindExchange(model.vhost, between('t', 'y'), session),
    ["write exchange 'y'", "read exchange 't'", "read topic 'k' in exchange 't'"],
  ],
  [
    'exchange.unbind from a topic exchange',
    () => unbindExchange(model.vhost, between('t', 'y'), session),
    ["write exchange 'y'", "read exchange 't'", "read topic 'k' in exchange 't'"],
  ],
  [
    'basic.publish to a topic exchange',
    () => publisher().publish(message('t', 'k')),
    ["write exchange 't'", "write topic 'k' in exchange 't'"],
  ],
  [
    'basic.publish to a topic exchange with CC and BCC',
    () => publisher().publish(message('t', 'k', '', { headers: fieldTable({ CC: ['c'], BCC: ['b'] }) })),
    ["write exchange 't'", ...['k', 'c', 'b'].map((key) => `write topic '${key}' in exchange 't'`)],
  ],
  ['basic.publish', () => publisher().publish(message('x', 'q')), ["write exchange 'x'"]],
  [
    'basic.publish to the default exchange',
    () => publisher().publish(message('', 'q')),
    ["write exchange 'amq.default'"],
  ],
  ['basic.publish in a transaction', () => publisher().prepare(message('x', 'q')), ["write exchange 'x'"]],
]

function thrown(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}

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
      access.renew()
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

  const passive = [
    ['queue.declare', 'queue', 'q', (name: string) => passiveQueue(model.vhost, name, session)],
    ['exchange.declare', 'exchange', 'x', (name: string) => passiveExchange(model.vhost, name, session)],
  ] as const

  test.each(passive)('may do a passive %s with any permission', (_, kind, name, act) => {
    const texts = ['read', 'write', 'configure'].map((permission) => `${permission} ${kind} '${name}'`)
    for (const allowed of texts) {
      access.renew()
      isAllowed = (question) => question === allowed
      expect(act(name).name).toBe(name)
    }
    access.renew()
    isAllowed = () => false
    const refused = (shown: string): string =>
      `access-refused: configure access to ${kind} '${shown}' in vhost '/' refused for user 'eve'`
    expect(refusal(() => act(name))).toBe(refused(name))
    expect(refusal(() => act('missing'))).toBe(refused('missing'))
  })

  test('is asked once for many messages on the same way, until the answers are renewed', () => {
    const mine = publisher()
    for (let i = 0; i < 3; i++) mine.publish(message('', 'q', 'm'))
    model.queue('other')
    publisher().publish(message('', 'q', 'm'))
    expect(asked).toEqual(["write exchange 'amq.default'"])
    deniedFrom = 1
    access.renew()
    mine.forget()
    for (const it of [mine, publisher()]) {
      expect(refusal(() => it.publish(message('', 'q', 'm')))).toMatch(/^access-refused: write access/)
    }
    expect(drain(model.vhost.requireQueue('q'))).toEqual(['m', 'm', 'm', 'm'])
  })

  test('is asked for each key of a topic exchange', () => {
    const mine = publisher()
    for (const key of ['a', 'b', 'a', 'b']) mine.publish(message('t', key))
    expect(asked).toEqual(["write exchange 't'", ...['a', 'b'].map((key) => `write topic '${key}' in exchange 't'`)])
  })

  test('goes no way that another user has found', () => {
    const other = new Session({ name: 'ann', tags: [] }, '/', FULL_ACCESS)
    const theirs = new Publisher(model.vhost, other, 1000)
    deniedFrom = 0
    for (let i = 0; i < 3; i++) {
      for (const exchange of ['x', 't']) {
        theirs.publish(message(exchange, 'k'))
        expect(refusal(() => publisher().publish(message(exchange, 'k')))).toMatch(/^access-refused: write access/)
      }
    }
    deniedFrom = Number.POSITIVE_INFINITY
    isAllowed = (question) => !question.includes('topic')
    access.renew()
    theirs.publish(message('t', 'k'))
    expect(refusal(() => publisher().publish(message('t', 'k')))).toMatch(/^access-refused: write access to topic 'k'/)
  })

  test('is told what is wrong with the properties first, then that it may not use the key, then of a foreign user', () => {
    isAllowed = (question) => !question.includes('topic')
    const refused = (properties: Properties): string =>
      refusal(() => publisher().publish(message('t', 'k', '', properties)))
    expect(refused({ expiration: 'soon' })).toMatch(/^precondition-failed: invalid expiration 'soon'/)
    expect(refused({ replyTo: 'amq.rabbitmq.reply-to' })).toBe(
      'precondition-failed: fast reply consumer does not exist',
    )
    expect(refused({ headers: fieldTable({ CC: 'no list' }) })).toMatch(/^precondition-failed: invalid message/)
    expect(refused({ userId: 'ann' })).toMatch(/^access-refused: write access to topic 'k' in exchange 't'/)
    expect(refused({ headers: fieldTable({ 'x-any': 1 }) })).toMatch(/^access-refused: write access to topic 'k'/)
  })

  test('has the name of a queue of the server asked for once, also when the answer takes its time', async () => {
    let name = ''
    const later = new Access(session.user, '/', {
      ...ALLOW_ALL,
      resource: async (_user, _vhost, _kind, asked) => {
        expect([name, asked]).toContain(asked)
        name ||= asked
        return asked === name
      },
    })
    session.access = later
    const undecided = thrown(() => queueLike(''))
    expect(undecided).toBeInstanceOf(Undecided)
    await (undecided as Undecided).settled
    expect(queueLike('').name).toBe(name)
    session.access = FULL_ACCESS
    const refused = (): string =>
      refusal(() => queueLike('', { 'x-max-priority': 'high' })).match(/amq\.gen-\S+/)?.[0] ?? ''
    expect(refused()).not.toBe(refused())
    session.access = later
    expect(thrown(() => queueLike(''))).toBeInstanceOf(Undecided)
  })
})
