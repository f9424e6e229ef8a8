// Every method, with every argument that names something, without permissions, with some of them, and with those it needs.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { METHODS } from '../../protocol/methods.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { expectAllowed, expectRefused, give, refusedText, USER } from './given.ts'
import { FREE_ROWS, METHODS_WITHOUT_RESOURCES, type Need, PASSIVE_ROWS, ROWS } from './table.ts'

let amqp: TestBroker
let client: RawClient
let channel: RawChannel

beforeAll(async () => {
  amqp = await startTestBroker()
  await amqp.server.users.add(USER, USER)
})

afterAll(() => amqp.stop())

beforeEach(async () => {
  const { broker } = amqp
  amqp.reset()
  broker.declareQueue('q', { durable: false })
  broker.declareQueue('quorum', { arguments: { 'x-queue-type': 'quorum' } })
  broker.declareExchange('x', 'direct', { durable: false })
  broker.declareExchange('y', 'direct', { durable: false })
  broker.declareExchange('t', 'topic', { durable: false })
  broker.bindQueue('q', 'x', 'k')
  broker.bindQueue('q', 't', 'a.*')
  broker.bindExchange('y', 'x', 'k')
  broker.bindExchange('y', 't', 'a.#')
  broker.publish('', 'q', 'm')
  await give(amqp.server, [])
  client = await (await RawClient.connect(amqp)).handshake({ user: USER, pass: USER })
  channel = await client.channel(1)
  return () => client.destroy()
})

/** All permissions on everything but these names. */
const OTHERS: readonly Need[] = [
  ['configure', 'queue', 'other'],
  ['write', 'exchange', 'other'],
  ['read', 'queue', 'other'],
  ['write', 'topic', 't', 'other'],
  ['read', 'topic', 't', 'other'],
]

describe('the declared table', () => {
  test('has every method of a client', () => {
    const sent = Object.entries(METHODS).filter(
      ([name, { sentBy }]) => sentBy !== 'server' && !name.startsWith('connection.'),
    )
    const rows = [...ROWS, ...PASSIVE_ROWS, ...FREE_ROWS]
    const known = new Set<string>([
      ...METHODS_WITHOUT_RESOURCES,
      ...rows.map(({ amqp: act }) => ('publish' in act ? 'basic.publish' : act.method)),
    ])
    expect(sent.map(([name]) => name).filter((name) => !known.has(name))).toEqual([])
  })
})

describe.each(ROWS.map((row) => [row.what, row] as const))('%s', (_, row) => {
  test('without permissions is refused, and so it is with those on other names', async () => {
    const [first] = row.needs
    if (first === undefined) throw new Error('the row needs nothing')
    await expectRefused(channel, row, refusedText(first))
    await give(amqp.server, OTHERS)
    await expectRefused(channel, row, refusedText(first))
  })

  test('without one of the permissions that it needs is refused, and told which', async () => {
    for (const missing of row.needs) {
      await give(
        amqp.server,
        row.needs.filter((need) => need !== missing),
      )
      await expectRefused(channel, row, refusedText(missing))
    }
    expect(amqp.broker.queueInfo('new')).toBeUndefined()
    expect(amqp.broker.exchangeInfo('new')).toBeUndefined()
    expect(amqp.broker.queueInfo('q')).toMatchObject({ messagesReady: 1, consumers: 0 })
  })

  test('with exactly those that it needs is carried out', async () => {
    await give(amqp.server, row.needs)
    await expectAllowed(channel, row)
  })
})

describe.each(PASSIVE_ROWS.map((row) => [row.what, row] as const))('%s', (_, row) => {
  test('needs any of the permissions', async () => {
    const [kind, name] = row.anyOn
    const refused = refusedText(['configure', kind, name])
    await expectRefused(channel, row, refused)
    await give(amqp.server, OTHERS)
    await expectRefused(channel, row, refused)
    for (const permission of ['configure', 'write', 'read'] as const) {
      await give(amqp.server, [[permission, kind, name]])
      await expectAllowed(channel, row)
    }
  })
})

test.each(FREE_ROWS.map((row) => [row.what, row] as const))('%s needs no permission', async (_, row) => {
  await expectAllowed(channel, row)
})

describe('a queue that the server names', () => {
  test('is declared by its name, and used by it', async () => {
    const declare = { amqp: { method: 'queue.declare', args: { queue: '' } } } as const
    channel.send('queue.declare', { queue: '' })
    await channel.expectClose(
      403,
      /configure access to queue 'amq\.gen-[^']{22}' in vhost '\/' refused for user 'eve'$/,
      'queue.declare',
    )
    await channel.reopen()
    await amqp.server.permissions.set(USER, { configure: '^amq\\.gen-', write: '', read: '' })
    await expectAllowed(channel, declare)
    channel.send('basic.get', { queue: '' })
    await channel.expectClose(
      403,
      /read access to queue 'amq\.gen-[^']{22}' in vhost '\/' refused for user 'eve'$/,
      'basic.get',
    )
  })
})

describe('the user of a message', () => {
  const publish = async (userId: string): Promise<void> => {
    await channel.call('confirm.select')
    channel.publish({ exchange: 'x', properties: { userId } })
  }

  test('is the one who publishes it, unless it is an impersonator', async () => {
    await give(amqp.server, [['write', 'exchange', 'x']])
    await publish(USER)
    await channel.expect('basic.ack')
    const text = `user_id property set to 'ann' but authenticated user was '${USER}'`
    await publish('ann')
    await channel.expectClose(406, text, 'basic.publish')
    await channel.reopen()
    await amqp.server.users.setTags(USER, ['administrator'])
    await publish('ann')
    await channel.expectClose(406, text, 'basic.publish')
    await channel.reopen()
    await amqp.server.users.setTags(USER, ['impersonator'])
    await publish('ann')
    await channel.expect('basic.ack')
    await amqp.server.users.setTags(USER, [])
  })

  test('has no rights by its tags', async () => {
    await amqp.server.users.setTags(USER, ['administrator', 'monitoring', 'policymaker', 'management', 'impersonator'])
    for (const row of ROWS) await expectRefused(channel, row, refusedText(row.needs[0] as Need))
    await amqp.server.users.setTags(USER, [])
  })
})

test('what a policy names is not asked of those who declare: it is the word of who sets it', async () => {
  const definition = { 'dead-letter-exchange': 'x', 'max-length': 1 }
  await amqp.server.policies.set('dead', { pattern: '^new$', definition, applyTo: 'queues' })
  await amqp.server.policies.set('other', {
    pattern: '^made$',
    definition: { 'alternate-exchange': 'x' },
    applyTo: 'exchanges',
  })
  await give(amqp.server, [
    ['configure', 'queue', 'new'],
    ['configure', 'exchange', 'made'],
  ])
  await channel.call('queue.declare', { queue: 'new' })
  await channel.call('exchange.declare', { exchange: 'made', type: 'direct' })
  await amqp.server.policies.delete('dead')
  await amqp.server.policies.delete('other')
})
