// Limits of virtual hosts and users: set by the program, met by clients.
import { describe, expect, test } from 'vitest'
import { ALL_PERMISSIONS } from '../../src/broker/access/permission-list.ts'
import { checkEntities } from '../../src/cli/store/check-entities.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { OpenOptions, RawClient } from '../support/raw-client.ts'
import { useDurableBroker } from './durable-broker.ts'

const durable = useDurableBroker()

const open = (options?: OpenOptions): Promise<RawClient> => durable.open(options)

/** A client that is refused when it opens its virtual host. */
async function expectRefused(text: string, options: OpenOptions = {}): Promise<void> {
  const client = await durable.connect()
  await client.login(options)
  client.send(0, 'connection.open', { virtualHost: options.vhost ?? '/' })
  await client.expectConnectionClose(530, text, 'connection.open')
}

async function close(client: RawClient): Promise<void> {
  await client.close()
}

describe('max-connections of a virtual host', () => {
  const refused = (limit: number, vhost = '/') =>
    `access to vhost '${vhost}' refused for user 'guest': connection limit (${limit}) is reached`

  test('refuses one more, until one has gone', async () => {
    await durable.server.limits.set({ maxConnections: 2 })
    const first = await open()
    await open()
    await expectRefused(refused(2))
    await close(first)
    await open()
    await expectRefused(refused(2))
  })

  test('is that of one virtual host, and of all users together', async () => {
    await durable.server.users.add('other', 'secret')
    const staging = durable.broker.createVhost('staging')
    await staging.permissions.set('other', ALL_PERMISSIONS)
    await staging.limits.set({ maxConnections: 1 })
    await open({ vhost: 'staging', user: 'other', pass: 'secret' })
    await expectRefused(refused(1, 'staging'), { vhost: 'staging' })
    await open()
    await open()
  })

  test('of 0 lets none in, and below 0 all; a lower one closes nothing', async () => {
    const { limits } = durable.server
    const client = await open()
    await limits.set({ maxConnections: 0 })
    await expectRefused(refused(0))
    await (await client.channel(1)).expectQuiet()
    await limits.set({ maxConnections: -1 })
    await open()
    await limits.set({ maxConnections: 1 })
    await expectRefused(refused(1))
    await limits.clear()
    await open()
    expect(limits.get()).toEqual({})
  })

  test('are replaced as a whole, in one change', async () => {
    const { limits } = durable.server
    await limits.set({ maxConnections: 1, maxQueues: 2 })
    await limits.replace({ maxConnections: 3, maxUnackedBytes: 1000 })
    expect(limits.get()).toEqual({ maxConnections: 3, maxUnackedBytes: 1000 })
    await expect(limits.replace({ maxQueues: 0.5 })).rejects.toThrow(RangeError)
    await limits.replace({})
    expect(limits.get()).toEqual({})
  })

  test('counts no connection that was cut off or refused', async () => {
    await durable.server.limits.set({ maxConnections: 1 })
    for (let round = 0; round < 3; round++) {
      await open()
      await expectRefused(refused(1))
      await durable.started.dropConnections()
    }
    expect(durable.server.core.clientCounts.connections.ofVhost('/')).toBe(0)
    expect(durable.server.core.clientCounts.connections.ofUser('guest')).toBe(0)
  })
})

describe('max-queues of a virtual host', () => {
  const refused = (queue: string, limit: number) =>
    `cannot declare queue '${queue}': queue limit in vhost '/' (${limit}) is reached`

  test('refuses one more, whoever declares it, until one is deleted', async () => {
    await durable.server.limits.set({ maxQueues: 2 })
    const channel = await (await open()).channel(1)
    await channel.call('queue.declare', { queue: 'a' })
    await channel.call('queue.declare', { queue: '', exclusive: true })
    await channel.expectRefusal('queue.declare', { queue: 'b', durable: true }, 406, refused('b', 2))
    expect(() => durable.broker.declareQueue('c')).toThrow(refused('c', 2))
    await channel.call('queue.declare', { queue: 'a' }) // it is there
    await channel.call('queue.delete', { queue: 'a' })
    await channel.call('queue.declare', { queue: 'b', durable: true })
  })

  test('of 0 allows none, and below 0 any', async () => {
    const channel = await (await open()).channel(1)
    await durable.server.limits.set({ maxQueues: 0 })
    await channel.expectRefusal('queue.declare', { queue: 'a' }, 406, refused('a', 0))
    await durable.server.limits.set({ maxQueues: -5 })
    await channel.call('queue.declare', { queue: 'a' })
    expect(durable.server.limits.get()).toEqual({ maxQueues: -5 })
  })

  test('comes behind the arguments', async () => {
    await durable.server.limits.set({ maxQueues: 0 })
    const channel = await (await open()).channel(1)
    const wrong = { queue: 'a', arguments: { 'x-max-length': -1 } }
    await channel.expectRefusal('queue.declare', wrong, 406, /invalid arg 'x-max-length' .*/)
  })
})

describe('the limits of a user', () => {
  test('max-connections refuses one more in any virtual host', async () => {
    durable.broker.createVhost('staging')
    await durable.server.userLimits.set('guest', { maxConnections: 1 })
    const client = await open()
    await expectRefused("connection refused for user 'guest': user connection limit (1) is reached", {
      vhost: 'staging',
    })
    await close(client)
    await open({ vhost: 'staging' })
  })

  test('come behind those of the virtual host', async () => {
    await durable.server.userLimits.set('guest', { maxConnections: 0 })
    await expectRefused("connection refused for user 'guest': user connection limit (0) is reached")
    await durable.server.limits.set({ maxConnections: 0 })
    await expectRefused("access to vhost '/' refused for user 'guest': connection limit (0) is reached")
    await expectRefused('vhost nothing not found', { vhost: 'nothing' })
  })

  test('max-channels ends the connection that opens one more, and frees its channels', async () => {
    const { userLimits } = durable.server
    await userLimits.set('guest', { maxChannels: 3 })
    const [one, two] = [await open(), await open()]
    const channel = await one.channel(1)
    await two.channel(1)
    await two.channel(2)
    two.send(3, 'channel.open')
    // RabbitMQ names no method here.
    await two.expectConnectionClose(
      530,
      "number of channels opened for user 'guest' has reached the maximum allowed user limit of (3)",
    )
    const again = await open()
    await again.channel(1)
    await again.channel(2)
    await channel.close()
    await again.channel(3)
    await userLimits.set('guest', { maxChannels: -1 })
    await again.channel(4)
    await durable.started.dropConnections()
    expect(durable.server.core.clientCounts.channels.ofUser('guest')).toBe(0)
  })

  test('go with the user, and are for users that there are', async () => {
    const { users, userLimits } = durable.server
    await expect(userLimits.set('nobody', { maxChannels: 1 })).rejects.toThrow("user 'nobody' does not exist")
    await users.add('other', 'secret')
    await userLimits.set('other', { maxChannels: 1 })
    await userLimits.set('other', { maxConnections: 2 })
    expect([userLimits.users(), userLimits.get('other')]).toEqual([['other'], { maxChannels: 1, maxConnections: 2 }])
    await users.remove('other')
    expect([userLimits.users(), userLimits.get('other')]).toEqual([[], {}])
    await userLimits.clear('other')
  })

  test('are for any name where the program knows the users', async () => {
    const server = new ServerBuilder()
      .withAuthenticator({ authenticate: () => ({ refusal: 'no' }), anonymous: () => ({ refusal: 'no' }) })
      .build()
    await server.start()
    await server.userLimits.set('theirs', { maxChannels: 1 })
    expect(server.userLimits.get('theirs')).toEqual({ maxChannels: 1 })
    await server.shutdown()
  })
})

test('limits are whole numbers', async () => {
  const { limits, userLimits } = durable.server
  await expect(limits.set({ maxQueues: 1.5 })).rejects.toThrow(RangeError)
  await expect(userLimits.set('guest', { maxChannels: '1' as never })).rejects.toThrow(TypeError)
  const misspelt = { maxQueue: 1 } as object
  await expect(limits.set(misspelt)).rejects.toThrow("unknown limit 'maxQueue' of set; did you mean 'maxQueues'?")
})

describe('limits over a restart', () => {
  test('are there, and those of what was deleted are not', async () => {
    const { broker, server } = durable
    await server.limits.set({ maxConnections: -1, maxQueues: 1 })
    await server.userLimits.set('guest', { maxChannels: 1 })
    await broker.createVhost('gone').limits.set({ maxQueues: 1 })
    broker.deleteVhost('gone')
    await broker.createVhost('cleared').limits.set({ maxQueues: 1 })
    await broker.vhost('cleared')?.limits.clear()
    await durable.restart()
    expect(durable.server.recovery?.problems).toEqual([])
    expect(durable.server.limits.get()).toEqual({ maxConnections: -1, maxQueues: 1 })
    expect(durable.server.userLimits.get('guest')).toEqual({ maxChannels: 1 })
    expect(durable.broker.createVhost('gone').limits.get()).toEqual({})
    expect(durable.broker.vhost('cleared')?.limits.get()).toEqual({})
    durable.broker.declareQueue('a')
    expect(() => durable.broker.declareQueue('b')).toThrow('queue limit')
  })

  test('stay in the store when they make no sense, and are told of by the check', () => {
    const damaged = Buffer.from([0, 0, 0, 9])
    const text = Buffer.concat([
      Buffer.from([0, 0, 0, 16, 9]),
      Buffer.from('maxQueuesS'),
      Buffer.from([0, 0, 0, 1, 65]),
    ])
    const entities = [
      { kind: 7, key: '["/"]', value: damaged },
      { kind: 7, key: '["other"]', value: text },
      { kind: 8, key: '["guest"]', value: damaged },
      { kind: 8, key: '[]', value: new Uint8Array(4) },
    ]
    const { problems, refused } = checkEntities(entities)
    expect(refused).toHaveLength(4)
    expect(problems).toContainEqual(expect.stringMatching(/^limits of vhost .*its maxQueues is no number/))
    expect([7, 8].map((kind) => durable.server.core.entityRegistry.mayGo(kind))).toEqual([false, false])
  })
})
