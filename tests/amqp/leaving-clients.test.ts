// What goes with a client, or with a virtual host, turn by turn: while it does, others are served.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ClientConnection } from '../../src/broker/clients/client-directory.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { methodFrame } from '../support/wire-frames.ts'

const COUNT = 5000
const CONNECTIONS = 200

let started: TestBroker
const clients: RawClient[] = []

beforeEach(async () => {
  started = await startTestBroker()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await started.stop()
})

async function open(vhost = '/'): Promise<RawClient> {
  const client = await RawClient.connect(started)
  clients.push(client)
  return await client.handshake({ vhost })
}

/** How often another client is answered while something goes. */
async function answersMeanwhile(bystander: RawChannel): Promise<number> {
  let count = 0
  for (; !started.server.core.removals.isEmpty; count++) await bystander.expectQuiet()
  return count
}

async function consumeFromMany(channel: RawChannel, channels: readonly RawChannel[], autoDelete: boolean) {
  const make = (i: number): Buffer[] => {
    const [id, queue] = [channels[i % channels.length]?.id ?? 0, `q${i}`]
    return [
      methodFrame(id, 'queue.declare', { queue, autoDelete, nowait: true }),
      methodFrame(id, 'basic.consume', { queue, consumerTag: queue, nowait: true }),
    ]
  }
  channel.client.write(Buffer.concat(Array.from({ length: COUNT }, (_, i) => make(i)).flat()))
  for (const each of channels) await each.expectQuiet()
}

describe.each([
  ['one channel', 1],
  ['very many channels', 500],
])('a client with %s', (_, channelCount) => {
  test.each([
    ['auto-delete queues', true],
    ['consumers', false],
  ])('goes with its %s, turn by turn', async (_, autoDelete) => {
    const [client, other] = [await open(), await open()]
    const bystander = await other.channel(1)
    const channels: RawChannel[] = []
    for (let id = 1; id <= channelCount; id++) channels.push(await client.channel(id))
    await consumeFromMany(channels[0] as RawChannel, channels, autoDelete)
    const { core } = started.server
    const { topology } = core
    const full = topology.bytes
    client.send(0, 'connection.close', { replyCode: 200 })
    await client.expect(0, 'connection.close-ok')
    expect(started.server.stats().queues).toBe(autoDelete ? 0 : COUNT)
    expect(started.server.stats().consumers).toBe(0)
    expect(topology.bytes).toBeGreaterThan(full / 2)
    expect(await answersMeanwhile(bystander)).toBeGreaterThan(1)
    expect(core.requireVhost('/').heldQueueCount).toBe(autoDelete ? 0 : COUNT)
  })
})

describe('a virtual host with very many connections that is deleted', () => {
  let inside: RawClient[]

  beforeEach(async () => {
    started.broker.createVhost('staging')
    inside = []
    for (let i = 0; i < CONNECTIONS; i++) inside.push(await open('staging'))
  })

  test('closes them with 320, turn by turn, and does nothing more that they ask for', async () => {
    const bystander = await (await open()).channel(1)
    const { core } = started.server
    const vhost = core.requireVhost('staging')
    for (const client of inside) await client.channel(1)
    started.broker.deleteVhost('staging')
    expect(core.removals.isEmpty).toBe(false)
    for (const client of inside) client.send(1, 'queue.declare', { queue: 'new' })
    await answersMeanwhile(bystander)
    expect(vhost.churn.queuesDeclared).toBe(0)
    for (const client of inside) {
      expect((await client.next()).args).toMatchObject({
        replyCode: 320,
        replyText: "CONNECTION_FORCED - vhost 'staging' is deleted",
      })
      client.send(0, 'connection.close-ok')
      await client.expectSocketClosed()
    }
  })

  test('carries out nothing of theirs that had to wait for room', async () => {
    const { core } = started.server
    const last = await (inside.at(-1) as RawClient).channel(1)
    let [isRoom, isGone] = [false, false]
    core.removals.begin({ atOnce: 1, perStep: 1, step: () => isGone })
    const asked = new Promise<void>((resolve) => {
      core.topology.hasRoomFor = () => {
        resolve()
        return isRoom
      }
    })
    last.send('queue.declare', { queue: 'new' })
    await asked
    started.broker.deleteVhost('staging')
    isRoom = isGone = true
    await started.server.virtualHosts.whenDeleted('staging')
    expect(core.churn.queuesCreated).toBe(0)
  })

  test('answers those that close themselves', async () => {
    started.broker.deleteVhost('staging')
    for (const client of inside) client.send(0, 'connection.close', { replyCode: 200 })
    for (const client of inside) {
      const first = await client.next()
      // The turn of some may come before the broker reads what they have sent: then the two closes cross.
      if (first.name === 'connection.close') await client.expect(0, 'connection.close-ok')
      else expect(first.name).toBe('connection.close-ok')
      await client.expectSocketClosed()
    }
  })

  test('does not tell them of what goes with it', async () => {
    for (const client of inside) {
      const channel = await client.channel(1)
      await channel.consume(await channel.queue({ exclusive: false, autoDelete: true }))
    }
    started.broker.deleteVhost('staging')
    for (const client of inside) expect((await client.next()).name).toBe('connection.close')
  })

  test('closes all of them at once when one of the same name is made', async () => {
    started.broker.deleteVhost('staging')
    started.broker.createVhost('staging')
    expect(started.server.core.removals.isEmpty).toBe(true)
  })

  test('counts none of them any more, though they are closed later', async () => {
    const outside = await open()
    const { core } = started.server
    const consuming = await (inside.at(-1) as RawClient).channel(1)
    await consuming.consume(await consuming.queue({ exclusive: false }))
    started.broker.deleteVhost('staging')
    const { connections, channels, consumers } = core.clientCounts
    expect([connections.inAll, channels.inAll, consumers.inAll]).toEqual([1, 0, 0])
    expect(started.server.stats()).toMatchObject({ connections: 1, channels: 0 })
    expect(started.server.connections().map(({ vhost }) => vhost)).toEqual(['/'])
    await started.server.virtualHosts.whenDeleted('staging')
    expect([connections.inAll, channels.inAll, consumers.inAll]).toEqual([1, 0, 0])
    expect([core.churn.connectionsClosed, core.churn.channelsClosed]).toEqual([CONNECTIONS, 1])
    await outside.expectUsable()
  })
})

describe('very many consumers of one queue', () => {
  const LOGIN = { user: 'many', pass: 'a long password' }
  let empty: number
  let consumersBytes: number

  beforeEach(async () => {
    const { users, core } = started.server
    started.broker.createVhost('staging')
    await users.add('many', LOGIN.pass)
    const patterns = { configure: '.*', write: '.*', read: '.*' }
    for (const vhost of ['/', 'staging']) core.permissions.set('many', vhost, patterns)
    empty = core.topology.bytes
  })

  /** The last one of its connections consumes. */
  async function consume(vhost: string): Promise<ClientConnection> {
    let client = await RawClient.connect(started)
    for (let i = 0; i < CONNECTIONS; i++, client = await RawClient.connect(started)) {
      clients.push(client)
      await client.handshake({ ...LOGIN, vhost })
    }
    const { topology, clients: directory } = started.server.core
    clients.push(await client.handshake({ ...LOGIN, vhost }))
    const channel = await client.channel(1)
    await channel.queue({ exclusive: false }, 'q')
    const before = topology.bytes
    const frame = methodFrame(1, 'basic.consume', { queue: 'q', nowait: true })
    client.write(Buffer.concat(new Array<Buffer>(COUNT).fill(frame)))
    await channel.expectQuiet()
    consumersBytes = topology.bytes - before
    return [...directory.all()].at(-1) as ClientConnection
  }

  test('have given all of their memory back when their virtual host is said to be gone', async () => {
    await consume('staging')
    started.broker.deleteVhost('staging')
    await started.server.virtualHosts.whenDeleted('staging')
    expect(started.server.core.topology.bytes).toBeLessThan(empty)
  })

  test.each([
    ['is closed in its turn', false],
    ['is closed early', true],
  ])('let nobody be refused who waits for room while their client %s', async (_, isEarly) => {
    const consuming = await consume('/')
    const waiting = await open()
    const { topology } = started.server.core
    while (topology.hasRoomFor(1)) topology.add(1000)
    // There is room when the last of them are gone.
    topology.add(consumersBytes - 10_000)
    const hasRoomFor = topology.hasRoomFor.bind(topology)
    let asked = 0
    topology.hasRoomFor = (bytes) => {
      if (asked++ === 0 && isEarly) queueMicrotask(() => consuming.force('early'))
      return hasRoomFor(bytes)
    }
    const removed = started.server.users.remove('many')
    waiting.send(1, 'channel.open')
    await waiting.expect(1, 'channel.open-ok')
    expect(asked).toBeGreaterThan(1)
    await removed
  })
})

describe('the connections of a user, however many', () => {
  const LOGIN = { user: 'many', pass: 'a long password' }
  let mine: RawClient[]

  async function connect(): Promise<RawClient> {
    const client = await RawClient.connect(started)
    clients.push(client)
    return client
  }

  beforeEach(async () => {
    const { users, permissions } = started.server
    await users.add('many', LOGIN.pass)
    await permissions.set('many', { configure: '.*', write: '.*', read: '.*' })
    mine = []
    for (let i = 0; i < CONNECTIONS; i++) mine.push(await (await connect()).handshake(LOGIN))
  })

  test('are closed when it is deleted', async () => {
    await started.server.users.remove('many')
    for (const client of mine) await client.expectConnectionClose(320, "user 'many' is deleted")
  })

  test('are not opened any more once its password is changed', async () => {
    const late = await connect()
    await late.login(LOGIN)
    await started.server.users.changePassword('many', 'another long password')
    late.send(0, 'connection.open', { virtualHost: '/' })
    await expect(late.next()).rejects.toThrow('the broker closed the socket')
  })
})

test('a channel that finds no room because of what goes is opened when that has gone', async () => {
  const staging = started.broker.createVhost('staging')
  const client = await open()
  const { topology } = started.server.core
  const empty = topology.bytes
  for (let i = 0; i < COUNT; i++) staging.declareQueue(`q${i}`)
  const queueBytes = (topology.bytes - empty) / COUNT
  while (topology.hasRoomFor(1)) topology.add(1000)
  // There is room when the last ten of the queues go.
  topology.add(queueBytes * (COUNT - 10))
  started.broker.deleteVhost('staging')
  client.send(1, 'channel.open')
  client.send(1, 'queue.declare', { queue: 'new' })
  await client.expect(1, 'channel.open-ok')
  await client.expect(1, 'queue.declare-ok')
  await started.server.virtualHosts.whenDeleted('staging')
  while (topology.hasRoomFor(1)) topology.add(1000)
  client.send(2, 'channel.open')
  expect((await client.next(0)).args).toMatchObject({ replyCode: 506 })
})
