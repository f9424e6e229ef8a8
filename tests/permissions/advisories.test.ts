// What went wrong in RabbitMQ, one test for each of the advisories that are about permissions: none of it may go wrong here.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ALL_PERMISSIONS } from '../../src/broker/access/permission-list.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

let amqp: TestBroker
let clients: RawClient[]

beforeEach(async () => {
  clients = []
  amqp = await startTestBroker()
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  await amqp.stop()
})

async function open(user: string, patterns: Partial<typeof ALL_PERMISSIONS> = {}): Promise<RawChannel> {
  await amqp.server.users.add(user, 'secret')
  await amqp.server.permissions.set(user, { ...ALL_PERMISSIONS, ...patterns })
  return await connect(user)
}

async function connect(user: string): Promise<RawChannel> {
  const client = await RawClient.connect(amqp)
  clients.push(client)
  return await (await client.handshake({ user, pass: 'secret' })).channel(1)
}

const topicText = (permission: string, key: string, user: string): string =>
  `${permission} access to topic '${key}' in exchange 'amq.topic' in vhost '/' refused for user '${user}'`

test('CVE-2026-57221: a passive declaration tells nothing to a user without permissions', async () => {
  const channel = await open('eve', { configure: '^mine', write: '^mine', read: '^mine' })
  amqp.broker.declareQueue('there')
  amqp.broker.declareExchange('there', 'direct')
  for (const name of ['there', 'missing']) {
    for (const [method, kind] of [
      ['queue.declare', 'queue'],
      ['exchange.declare', 'exchange'],
    ] as const) {
      const text = `configure access to ${kind} '${name}' in vhost '/' refused for user 'eve'`
      await channel.expectRefusal(method, { [kind]: name, passive: true }, 403, text)
    }
  }
})

test('CVE-2026-67241: an alternate exchange has to be writable for who declares it', async () => {
  const channel = await open('eve', { write: '^mine$' })
  const declare = (alternate: string) => ({
    exchange: 'new',
    type: 'fanout',
    arguments: { 'alternate-exchange': alternate },
  })
  const text = "write access to exchange 'theirs' in vhost '/' refused for user 'eve'"
  await channel.expectRefusal('exchange.declare', declare('theirs'), 403, text)
  expect(amqp.broker.exchangeInfo('new')).toBeUndefined()
  await channel.call('exchange.declare', declare('mine'))
})

test('CVE-2026-57217: routing keys are checked in full, on publish, on bind, and in CC and BCC', async () => {
  const channel = await open('eve')
  await channel.queue({}, 'q')
  await amqp.server.permissions.setTopic('eve', 'amq.topic', { write: '^open\\.', read: '^open\\.[a-z*]+$' })
  const properties = (name: string) => ({ headers: { [name]: ['open.a', 'secret.a'] } })
  for (const message of [
    { routingKey: 'secret.a' },
    { routingKey: 'open.a', properties: properties('CC') },
    { routingKey: 'open.a', properties: properties('BCC') },
  ]) {
    channel.publish({ exchange: 'amq.topic', ...message })
    await channel.expectClose(403, topicText('write', 'secret.a', 'eve'), 'basic.publish')
    await channel.reopen()
  }
  for (const routingKey of ['#', '*.a', 'open.#', 'secret.a', 'open.a.secret']) {
    const binding = { queue: 'q', exchange: 'amq.topic', routingKey }
    await channel.expectRefusal('queue.bind', binding, 403, topicText('read', routingKey, 'eve'))
    await channel.expectRefusal('queue.unbind', binding, 403, topicText('read', routingKey, 'eve'))
  }
  await channel.bind('q', 'amq.topic', 'open.*')
})

test.each(['.*', 'a|b', '[a-z]', 'x-z', '\\E.*\\Q', 'eve)|(.', 'ü.', '{vhost}'])(
  "CVE-2026-44838, CVE-2026-67407: the user name '%s' is no part of a pattern",
  async (user) => {
    const channel = await open(user)
    await channel.call('confirm.select')
    for (const pattern of ['^{username}$', '^[-{username}]+$', '^\\Q{username}\\E$']) {
      await amqp.server.permissions.setTopic(user, 'amq.topic', { write: pattern, read: '' })
      for (const key of ['yes', 'eve', 'q', 'w', 'y']) {
        if (user === '{vhost}' && pattern.includes('[')) continue // a class of the letters of the name itself
        if ([...key].every((letter) => user.includes(letter))) continue
        channel.publish({ exchange: 'amq.topic', routingKey: key })
        await channel.expectClose(403, topicText('write', key, user), 'basic.publish')
        await channel.reopen()
      }
    }
    await amqp.server.permissions.setTopic(user, 'amq.topic', { write: '^{username}$', read: '' })
    await channel.call('confirm.select')
    channel.publish({ exchange: 'amq.topic', routingKey: user })
    await channel.expect('basic.ack')
  },
)

test('CVE-2026-57218, CVE-2026-67420: no consumer and no tag outlives the permission', async () => {
  const channel = await open('eve')
  await channel.queue({ exclusive: false }, 'q')
  await channel.call('basic.consume', { queue: 'q', consumerTag: 'c', noAck: true })
  await amqp.server.users.setTags('eve', ['impersonator'])
  channel.publish({ routingKey: 'q', body: 'as ann', properties: { userId: 'ann' } })
  await channel.expectBodies('as ann')
  await amqp.server.permissions.set('eve', { ...ALL_PERMISSIONS, read: '' })
  await channel.expect('basic.cancel', { consumerTag: 'c' })
  amqp.broker.publish('', 'q', 'secret')
  await amqp.server.users.setTags('eve', [])
  channel.publish({ routingKey: 'q', properties: { userId: 'ann' } })
  await channel.expectClose(406, "user_id property set to 'ann' but authenticated user was 'eve'", 'basic.publish')
  expect(amqp.broker.queueInfo('q')).toMatchObject({ messagesReady: 1, consumers: 0 })
})

test('CVE-2026-57215: the queue of direct replies cannot be bound, and its names cannot be guessed', async () => {
  const channel = await open('eve')
  await channel.call('basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true })
  const binding = { queue: 'amq.rabbitmq.reply-to.guess', exchange: 'amq.fanout', routingKey: '' }
  await channel.expectRefusal('queue.bind', binding, 403, /cannot bind queue 'amq\.rabbitmq\.reply-to\.guess'/)
  channel.publish({ routingKey: 'amq.rabbitmq.reply-to.guess', mandatory: true })
  await channel.returned({ replyCode: 312 })
})

test('CVE-2026-67218: a dead letter exchange has to be writable, and the queue readable, for who declares it', async () => {
  const channel = await open('eve', { read: '^readable', write: '^mine$' })
  const declare = (queue: string, exchange: string) => ({ queue, arguments: { 'x-dead-letter-exchange': exchange } })
  const text = (what: string): string => `${what} in vhost '/' refused for user 'eve'`
  await channel.expectRefusal('queue.declare', declare('new', 'mine'), 403, text("read access to queue 'new'"))
  await channel.expectRefusal(
    'queue.declare',
    declare('readable', 'theirs'),
    403,
    text("write access to exchange 'theirs'"),
  )
  await channel.call('queue.declare', declare('readable', 'mine'))
})

test('CVE-2026-66074: no pattern takes longer than its name is long, whatever it is', async () => {
  const channel = await open('eve', { configure: '^(a+)+$', write: '(x*)*y', read: '^(([a-z])+.)+[A-Z]([a-z])+$' })
  const name = `${'a'.repeat(120)}!`
  const text = `configure access to queue '${name}' in vhost '/' refused for user 'eve'`
  await channel.expectRefusal('queue.declare', { queue: name }, 403, text)
  await expect(amqp.server.permissions.set('eve', { ...ALL_PERMISSIONS, read: '(a)\\1' })).rejects.toThrow(
    "invalid regular expression '(a)\\1'",
  )
  expect(amqp.server.permissions.get('eve')?.read).not.toContain('\\1')
})
