import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { AMQPClient } from '@cloudamqp/amqp-client'
import { connect } from 'amqplib'
import { Connection } from 'rabbitmq-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { RawClient } from '../support/raw-client.ts'
import { refusal } from './refusal.ts'

let started: TestBroker
let broker: EmbeddedBroker

beforeEach(async () => {
  started = await startTestBroker()
  broker = started.broker
})

afterEach(() => started.stop())

async function rabbitmqClient(url: string): Promise<Connection> {
  const connection = new Connection(url)
  await connection.onConnect()
  return connection
}

describe('virtual hosts', () => {
  test('are made, found and listed', () => {
    const made = broker.createVhost('staging')
    expect(made.name).toBe('staging')
    expect(broker.createVhost('staging')).toBe(made)
    expect(made.vhost('staging')).toBe(made)
    expect(broker.vhost('/')).toBe(broker)
    expect(broker.vhost('nothing')).toBeUndefined()
    expect(broker.vhosts()).toEqual(['/', 'staging'])
  })

  test('keep their queues apart', () => {
    const staging = broker.createVhost('staging')
    staging.declareQueue('q')
    expect(broker.queueInfo('q')).toBeUndefined()
    staging.publish('', 'q', 'x')
    expect(staging.stats()).toMatchObject({ queues: 1, messagesReady: 1 })
    expect(broker.stats()).toMatchObject({ queues: 0, messagesReady: 0 })
  })

  test('that are deleted close their connections, and no others', async () => {
    const staging = broker.createVhost('staging')
    staging.declareQueue('q')
    const [theirs, ours] = await Promise.all([connect(`${started.url}/staging`), connect(started.url)])
    const closed = new Promise<Error | undefined>((resolve) => {
      theirs.on('error', () => {})
      theirs.on('close', resolve)
    })
    expect(broker.deleteVhost('staging')).toBe(true)
    expect(String(await closed)).toContain("CONNECTION_FORCED - vhost 'staging' is deleted")
    expect(broker.deleteVhost('staging')).toBe(false)
    expect(refusal(() => staging.publish('', 'q', 'x'))).toEqual({
      kind: 'not-allowed',
      text: 'vhost staging not found',
    })
    await expect(connect(`${started.url}/staging`)).rejects.toThrow()
    await (await ours.createChannel()).assertQueue('still-here')
    await ours.close()
  })

  test.each<[string, () => Promise<{ close(): Promise<unknown> }>]>([
    ['amqplib', () => connect(`${started.url}/staging`)],
    ['@cloudamqp/amqp-client', () => new AMQPClient(`${started.url}/staging`).connect()],
    ['rabbitmq-client', () => rabbitmqClient(`${started.url}/staging`)],
  ])('that are deleted while %s closes its connection do not keep it waiting', async (_, open) => {
    for (const isFirst of [true, false]) {
      broker.createVhost('staging')
      const client = await open()
      if (!isFirst) broker.deleteVhost('staging')
      const isClosed = client.close()
      if (isFirst) broker.deleteVhost('staging')
      await isClosed
    }
  })

  test.each([
    ['before it', true],
    ['behind it', false],
  ])('that are deleted while a client closes its connection (sent %s) end it once and in order', async (_, isFirst) => {
    const staging = broker.createVhost('staging')
    const socket = connectSocket(started.port, started.host)
    await once(socket, 'connect')
    const client = await new RawClient(socket).handshake({ vhost: 'staging' })
    const channel = await client.channel(1)
    await channel.consume(await channel.queue({ exclusive: false, autoDelete: true }))
    const close = () => client.send(0, 'connection.close', { replyCode: 200 })
    if (isFirst) close()
    staging.deleteVhost('staging')
    if (!isFirst) close()
    expect((await client.next()).name).toBe('connection.close-ok')
    await client.expectSocketClosed()
    await expect(client.next()).rejects.toThrow('the broker closed the socket')
    expect(started.server.connections()).toEqual([])
  })

  test('that cannot go as they should leave their name to others', () => {
    broker.createVhost('staging').declareQueue('bad')
    started.server.core.requireVhost('staging').requireQueue('bad').close = () => {
      throw new Error('this one does not close')
    }
    expect(() => broker.deleteVhost('staging')).toThrow('this one does not close')
    expect(broker.createVhost('staging').declareQueue('new').name).toBe('new')
    expect(broker.deleteVhost('staging')).toBe(true)
  })

  describe('with very much in them', () => {
    const COUNT = 500

    beforeEach(async () => {
      await started.stop()
      started = await startTestBroker({ queueMax: COUNT })
      broker = started.broker
      const staging = broker.createVhost('staging')
      for (let i = 0; i < COUNT; i++) staging.declareQueue(`q${i}`)
    })

    test('are gone at once when they are deleted, and take room for some turns, which the program can wait for', async () => {
      const { virtualHosts, core } = started.server
      expect(virtualHosts.delete('staging')).toBe(true)
      expect([virtualHosts.names(), broker.vhost('staging')]).toEqual([['/'], undefined])
      expect(core.topology.counts.queues).toBeGreaterThan(COUNT / 2)
      await virtualHosts.whenDeleted('staging')
      expect(core.topology.counts.queues).toBe(0)
      await virtualHosts.whenDeleted('staging')
      expect(started.server.stats().queues).toBe(0)
    })

    test('that are deleted make room at once for what the program does next', () => {
      broker.deleteVhost('staging')
      broker.declareQueue('new')
      broker.createVhost('staging').declareQueue('q0')
      expect(started.server.core.topology.counts.queues).toBe(2)
    })

    test('that are deleted make room for clients, who wait for it', async () => {
      broker.deleteVhost('staging')
      const client = await connect(started.url)
      await (await client.createChannel()).assertQueue('new')
      await client.close()
    })

    test('that are deleted do not keep the server from stopping', async () => {
      broker.deleteVhost('staging')
      await started.stop()
    })
  })

  test('that were deleted take no settings any more', () => {
    const staging = broker.createVhost('staging')
    broker.deleteVhost('staging')
    expect(refusal(() => staging.setDefaultQueueType('quorum')).kind).toBe('not-allowed')
  })

  test('that were deleted and made again start empty', () => {
    const before = broker.createVhost('staging')
    before.declareQueue('q')
    before.publish('', 'q', 'x')
    broker.deleteVhost('staging')
    const after = broker.createVhost('staging')
    expect(after).not.toBe(before)
    expect(after.queues()).toEqual([])
    expect(refusal(() => before.queues()).kind).toBe('not-allowed')
    expect(started.server.stats().messagesPublished).toBe(1)
  })
})
