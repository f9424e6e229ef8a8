// What a change of permissions, tags or users does to connections that are open.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ALL_PERMISSIONS } from '../../src/broker/access/permission-list.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { ALL_CAPABILITIES, RawClient } from '../support/raw-client.ts'

const USER = 'eve'
const READ_REFUSED = "read access to queue 'q' in vhost '/' refused for user 'eve'"

let amqp: TestBroker
let clients: RawClient[]
let lines: string[]

beforeEach(async () => {
  clients = []
  lines = []
  const ignore = (): void => {}
  const info = (_: object, text: string): void => void lines.push(text)
  amqp = await startTestBroker({ logger: { debug: ignore, info, warn: info, error: info } })
  await amqp.server.users.add(USER, USER)
  await amqp.server.permissions.set(USER, ALL_PERMISSIONS)
  amqp.broker.declareQueue('q', { durable: false })
  amqp.broker.declareQueue('p', { durable: false })
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  await amqp.stop()
})

async function open(options: Parameters<RawClient['handshake']>[0] = {}): Promise<RawChannel> {
  const client = await RawClient.connect(amqp)
  clients.push(client)
  await client.handshake({ user: USER, pass: USER, ...options })
  return await client.channel(1)
}

async function allow(patterns: Partial<typeof ALL_PERMISSIONS>): Promise<void> {
  await amqp.server.permissions.set(USER, { ...ALL_PERMISSIONS, ...patterns })
}

describe('a consumer whose queue may not be read any more', () => {
  test('is cancelled, and its deliveries may be acknowledged; others stay', async () => {
    const channel = await open()
    await channel.call('basic.consume', { queue: 'q', consumerTag: 'ours' })
    await channel.call('basic.consume', { queue: 'p', consumerTag: 'theirs' })
    amqp.broker.publish('', 'q', 'before')
    const [tag] = await channel.expectBodies('before')
    await allow({ read: '^p$' })
    await channel.expect('basic.cancel', { consumerTag: 'ours' })
    amqp.broker.publish('', 'q', 'after')
    amqp.broker.publish('', 'p', 'still')
    await channel.expectBodies('still')
    channel.ack(Number(tag))
    await channel.expectRefusal('basic.get', { queue: 'q' }, 403, READ_REFUSED)
    expect(amqp.broker.queueInfo('q')).toMatchObject({ messagesReady: 1, messagesUnacked: 0, consumers: 0 })
    expect(lines.some((line) => line.includes(`consumer cancelled: ${READ_REFUSED}`))).toBe(true)
  })

  test('ends with its channel when the client does not know that consumers are cancelled', async () => {
    const channel = await open({ capabilities: { ...ALL_CAPABILITIES, consumer_cancel_notify: false } })
    await channel.call('basic.consume', { queue: 'q' })
    await allow({ read: '' })
    await channel.expectClose(403, READ_REFUSED)
    expect(amqp.broker.queueInfo('q')).toMatchObject({ consumers: 0 })
  })

  test('is found among very many', async () => {
    const channel = await open()
    for (let i = 0; i < 1000; i++) {
      channel.send('basic.consume', { queue: i === 777 ? 'q' : 'p', consumerTag: `c${i}`, nowait: true })
    }
    channel.send('basic.qos', {})
    await channel.expect('basic.qos-ok')
    await allow({ read: '^p$' })
    await channel.expect('basic.cancel', { consumerTag: 'c777' })
    expect([amqp.broker.queueInfo('q')?.consumers, amqp.broker.queueInfo('p')?.consumers]).toEqual([0, 999])
  })

  test('takes its auto-delete queue with it', async () => {
    const channel = await open()
    await channel.call('queue.declare', { queue: 'short', autoDelete: true })
    await channel.call('basic.consume', { queue: 'short' })
    await allow({ read: '' })
    await channel.expect('basic.cancel')
    expect(amqp.broker.queueInfo('short')).toBeUndefined()
  })
})

describe('a publisher', () => {
  test('is refused from the next message on', async () => {
    const channel = await open()
    await channel.call('confirm.select')
    channel.publish({ routingKey: 'q' })
    await channel.expect('basic.ack')
    await allow({ write: '^other$' })
    channel.publish({ routingKey: 'q' })
    await channel.expectClose(
      403,
      "write access to exchange 'amq.default' in vhost '/' refused for user 'eve'",
      'basic.publish',
    )
    expect(amqp.broker.queueInfo('q')?.messagesReady).toBe(1)
  })

  test('is refused a routing key from the next message on', async () => {
    const channel = await open()
    await channel.call('confirm.select')
    channel.publish({ exchange: 'amq.topic', routingKey: 'a' })
    await channel.expect('basic.ack')
    await amqp.server.permissions.setTopic(USER, 'amq.topic', { write: '^b', read: '' })
    channel.publish({ exchange: 'amq.topic', routingKey: 'a' })
    await channel.expectClose(
      403,
      "write access to topic 'a' in exchange 'amq.topic' in vhost '/' refused for user 'eve'",
      'basic.publish',
    )
    await channel.reopen()
    await amqp.server.permissions.clearTopics(USER, 'amq.topic')
    channel.publish({ exchange: 'amq.topic', routingKey: 'a' })
    await channel.call('basic.qos')
  })

  test('in a transaction is refused from the next message on, and loses the transaction', async () => {
    const channel = await open()
    await channel.call('tx.select')
    channel.publish({ routingKey: 'q' })
    await channel.call('basic.qos')
    await allow({ write: '' })
    channel.publish({ routingKey: 'q' })
    await channel.expectClose(403, /write access to exchange 'amq\.default'/, 'basic.publish')
    expect(amqp.broker.queueInfo('q')?.messagesReady).toBe(0)
  })
})

describe('a virtual host', () => {
  const refused = (vhost: string): string => `access to vhost '${vhost}' refused for user 'eve'`

  test('is opened by those who have permissions in it', async () => {
    await amqp.server.users.add('nobody', 'secret')
    const client = await RawClient.connect(amqp)
    clients.push(client)
    await client.login({ user: 'nobody', pass: 'secret' })
    client.send(0, 'connection.open', { virtualHost: '/' })
    await client.expectConnectionClose(530, "access to vhost '/' refused for user 'nobody'", 'connection.open')
    await amqp.server.permissions.set('nobody', { configure: '', write: '', read: '' })
    await (await RawClient.connect(amqp)).handshake({ user: 'nobody', pass: 'secret' })
  })

  test('that is new belongs to the default user, or to its owner', async () => {
    amqp.broker.createVhost('ours')
    amqp.broker.createVhost('theirs', { owner: USER })
    expect(amqp.broker.vhost('ours')?.permissions.list()).toEqual([{ user: 'guest', ...ALL_PERMISSIONS }])
    expect(amqp.broker.vhost('theirs')?.permissions.list()).toEqual([{ user: USER, ...ALL_PERMISSIONS }])
    expect(() => amqp.broker.createVhost('no', { owner: 'gone' })).toThrow("user 'gone' does not exist")
    expect(amqp.broker.vhosts()).toEqual(['/', 'ours', 'theirs'])
    await open({ vhost: 'theirs' })
    amqp.broker.deleteVhost('theirs')
    amqp.broker.createVhost('theirs')
    expect(amqp.broker.vhost('theirs')?.permissions.get(USER)).toBeUndefined()
  })

  test('closes the connections of a user that has no permissions there any more, and no others', async () => {
    amqp.broker.createVhost('other', { owner: USER })
    const [here, there, guest] = [
      await open(),
      await open({ vhost: 'other' }),
      await open({ user: 'guest', pass: 'guest' }),
    ]
    expect(await amqp.server.permissions.clear(USER)).toBe(true)
    await here.client.expectConnectionClose(530, refused('/'))
    await there.call('queue.declare', { queue: 'still' })
    await guest.call('queue.declare', { queue: 'still' })
    expect(await amqp.server.permissions.clear(USER)).toBe(false)
  })
})

describe('a user', () => {
  test('that is removed loses its connections and its permissions, and does not get them back with its name', async () => {
    const channel = await open()
    await amqp.server.permissions.setTopic(USER, 'amq.topic', { write: '', read: '' })
    await amqp.server.users.remove(USER)
    await channel.client.expectConnectionClose(320, "user 'eve' is deleted")
    expect([amqp.server.permissions.get(USER), amqp.server.permissions.listTopics()]).toEqual([undefined, []])
    await amqp.server.users.add(USER, USER)
    await expect(open()).rejects.toThrow("access to vhost '/' refused for user 'eve'")
  })

  test('with another password loses its connections', async () => {
    const channel = await open()
    await amqp.server.users.changePassword(USER, 'new')
    await channel.client.expectConnectionClose(320, "password of user 'eve' is changed")
  })

  test('has other tags at once, while it logs in, too', async () => {
    const channel = await open()
    const client = await RawClient.connect(amqp)
    clients.push(client)
    await client.login({ user: USER, pass: USER })
    await amqp.server.users.setTags(USER, ['impersonator'])
    await client.openVhost()
    for (const each of [channel, await client.channel(1)]) {
      each.publish({ routingKey: 'q', properties: { userId: 'ann' } })
      await each.call('basic.qos')
    }
    expect(amqp.server.connections().map(({ user }) => user.tags)).toEqual([['impersonator'], ['impersonator']])
  })
})
