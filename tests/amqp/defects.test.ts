// Mistakes of ours in what timers and events of the system call: they end the connection that they concern, with a line in
// the log. What is thrown past that ends the process, and here the test run.
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { Channels } from '../../src/amqp/channels.ts'
import { Connection } from '../../src/amqp/connection.ts'
import { Outbox } from '../../src/amqp/outbox.ts'
import { MemoryAlarm } from '../../src/broker/memory/memory-alarm.ts'
import type { Logger } from '../../src/lib/logger.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { RawClient } from '../support/raw-client.ts'

afterEach(() => void vi.restoreAllMocks())

const BROKEN = new Error('broken inside')
const CUT = 'connection cut after an internal error'

async function started(logger?: Logger) {
  const errors: string[] = []
  const ignore = (): void => {}
  const log: Logger = { debug: ignore, info: ignore, warn: ignore, error: (_, message) => void errors.push(message) }
  const server = new ServerBuilder()
    .withConfig({ port: 0 })
    .withLogger(logger ?? log)
    .build()
  const [address] = await server.listen()
  onTestFinished(() => server.shutdown({ graceMs: 0 }))
  const clients = async () => await (await RawClient.connect(address!)).handshake()
  return { server, errors, client: clients }
}

/** The next call of this fails, and only that one. */
function failOnce<T extends object>(of: T, name: keyof T & string) {
  return vi.spyOn(of as Record<string, () => void>, name).mockImplementationOnce(() => {
    throw BROKEN
  })
}

test('in what is read', async () => {
  const { errors, client } = await started()
  const [victim, bystander] = [await client(), await client()]
  failOnce(Connection.prototype, 'receive')
  victim.send(1, 'channel.open')
  await victim.expectSocketClosed()
  await bystander.expectUsable()
  expect(errors).toEqual([CUT])
})

test('in what decides where a body is read to', async () => {
  const { errors, client } = await started()
  const [victim, bystander] = [await client(), await client()]
  failOnce(Connection.prototype, 'place')
  victim.send(1, 'channel.open')
  await victim.expectSocketClosed()
  await bystander.expectUsable()
  expect(errors).toEqual([CUT])
})

test('in what is written', async () => {
  const { errors, client } = await started()
  const [victim, bystander] = [await client(), await client()]
  failOnce(Outbox.prototype, 'flush')
  victim.send(1, 'channel.open')
  await victim.expectSocketClosed()
  await bystander.expectUsable()
  expect(errors).toEqual([CUT])
})

test('when the client has read what was in its way', async () => {
  const { errors, client } = await started()
  const [victim, bystander] = [await client(), await client()]
  const channel = await victim.channel(1)
  const queue = await channel.queue()
  for (let i = 0; i < 16; i++) channel.publish({ routingKey: queue, body: Buffer.alloc(1024 * 1024) })
  victim.socket.pause()
  failOnce(Connection.prototype, 'unblocked')
  channel.send('basic.consume', { queue, noAck: true })
  // The kernel takes some of it, and the rest once the client reads on.
  await vi.waitFor(() => expect(victim.socket.bytesWritten).toBeGreaterThan(16 * 1024 * 1024))
  await delay(50)
  victim.socket.resume()
  await victim.expectSocketClosed()
  await bystander.expectUsable()
  expect(errors).toEqual([CUT])
})

test('when a connection ends', async () => {
  const { server, errors, client } = await started()
  const [victim, bystander] = [await client(), await client()]
  failOnce(Channels.prototype, 'closeAll')
  victim.destroy()
  await vi.waitFor(() => expect(errors).toEqual([CUT]))
  await bystander.expectUsable()
  await bystander.close()
  // It is not waited for.
  await server.shutdown({ graceMs: 60_000 })
})

test('in the clock of the connections', async () => {
  const { errors, client } = await started()
  const victim = await client()
  const bystander = await client()
  failOnce(Connection.prototype, 'tick')
  await victim.expectSocketClosed()
  await bystander.expectUsable()
  expect(errors).toEqual([CUT])
})

test('in the look at the memory of the process', async () => {
  const { errors, client } = await started()
  const bystander = await client()
  const looked = failOnce(MemoryAlarm.prototype, 'sample')
  await vi.waitFor(() => expect(looked.mock.calls.length).toBeGreaterThan(1), { timeout: 5000 })
  await bystander.expectUsable()
  expect(errors).toEqual(['memory could not be looked at'])
})

test('in the logger of the program', async () => {
  const fail = (): void => {
    throw BROKEN
  }
  const { client } = await started({ debug: fail, info: fail, warn: fail, error: fail })
  const victim = await client()
  failOnce(Connection.prototype, 'receive')
  victim.send(1, 'channel.open')
  await victim.expectSocketClosed()
  await (await client()).expectUsable()
})

test('in an authenticator that fails later', async () => {
  const fail = async (): Promise<never> => {
    throw BROKEN
  }
  const server = new ServerBuilder()
    .withConfig({ port: 0 })
    .withAuthenticator({ authenticate: fail, anonymous: fail })
    .build()
  const [address] = await server.listen()
  onTestFinished(() => server.shutdown({ graceMs: 0 }))
  const client = await RawClient.connect(address!)
  await client.startLogin()
  await client.expectConnectionClose(541, 'internal error')
})

test('in the end of a connection that an authenticator has failed later', async () => {
  const user = { name: 'me', tags: [] }
  const server = new ServerBuilder()
    .withConfig({ port: 0 })
    .withAuthenticator({ authenticate: () => ({ user }), anonymous: () => ({ user }), renew: async () => await fail() })
    .withAuthorizer({ vhostAccess: () => true, resource: () => true, topic: () => true })
    .build()
  const fail = (): Promise<never> => Promise.reject(BROKEN)
  const [address] = await server.listen()
  onTestFinished(() => server.shutdown({ graceMs: 0 }))
  const client = await (await RawClient.connect(address!)).handshake()
  failOnce(Channels.prototype, 'closeAll')
  client.send(0, 'connection.update-secret', { newSecret: 'new', reason: '' })
  await client.expectSocketClosed()
  expect(server.stats().connections).toBe(0)
})
