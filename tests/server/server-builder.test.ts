import { connect } from 'amqplib'
import { describe, expect, test } from 'vitest'
import type { Authenticator } from '../../src/auth/authenticator.ts'
import { UserList } from '../../src/auth/user-list.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { MemoryStorage } from '../../storage/memory/memory-storage.ts'
import type { Recovery } from '../../storage/storage.ts'

describe('a configuration', () => {
  test.each([
    ['port', 65_536],
    ['port', -1],
    ['port', 1.5],
    ['frameMaxBytes', 4095],
    ['channelMax', 0],
    ['heartbeatSec', 65_536],
    ['handshakeTimeoutMs', 0],
    ['sendTimeoutMs', -1],
    ['maxMessageSizeBytes', 0],
    ['memoryLimitBytes', 0],
    ['shutdownGraceMs', -1],
    ['port', Number.NaN],
  ] as const)('with %s %d is refused by name', (field, value) => {
    const builder = new ServerBuilder().withConfig({ [field]: value })
    expect(() => builder.build()).toThrow(RangeError)
    expect(() => builder.build()).toThrow(`${field} is ${value}`)
  })

  test.each([
    ['defaultUser', '', 'must have 1 to 255 bytes'],
    ['defaultUser', 'ü'.repeat(128), 'must have 1 to 255 bytes'],
    ['defaultVhost', '', 'must have 1 to 255 bytes'],
    ['defaultPass', '', 'is empty'],
  ])('with %s %j is refused by name', (field, value, why) => {
    const builder = new ServerBuilder().withConfig({ [field]: value })
    expect(() => builder.build()).toThrow(RangeError)
    expect(() => builder.build()).toThrow(`${field} ${why}`)
  })

  test('is gathered from several calls, the later ones winning', async () => {
    const builder = new ServerBuilder().withConfig({ port: 1, channelMax: 5 }).withConfig({ port: 0 })
    const server = builder.build()
    await server.listen()
    const connection = await connect(server.url)
    const tuned = connection.connection as unknown as { channelMax: number }
    expect(tuned.channelMax).toBe(5)
    await connection.close()
    await server.shutdown()
  })

  test('can be said field by field', async () => {
    const server = new ServerBuilder()
      .withAddress('0.0.0.0')
      .withPort(0)
      .withProtocolLimits({ channelMax: 3, maxMessageSizeBytes: 10 })
      .build()
    const [address] = await server.listen()
    expect(address?.host).toBe('0.0.0.0')
    const connection = await connect(`amqp://127.0.0.1:${address?.port}`)
    expect((connection.connection as unknown as { channelMax: number }).channelMax).toBe(3)
    server.broker.declareQueue('q')
    expect(() => server.broker.publish('', 'q', Buffer.alloc(11))).toThrow('message size 11')
    await connection.close()
    await server.shutdown()
  })

  test('knows the default user', async () => {
    const config: Partial<ServerConfig> = { port: 0, defaultUser: 'app', defaultPass: 's3cret' }
    const server = new ServerBuilder().withConfig(config).build()
    const [address] = await server.listen()
    await (await connect(`amqp://app:s3cret@127.0.0.1:${address?.port}`)).close()
    await expect(connect(server.url)).rejects.toThrow('ACCESS_REFUSED')
    await server.shutdown()
  })
})

test('a builder takes users of its own', async () => {
  const users = new UserList({ loopbackUsers: [] })
  users.add('ann', 'one')
  const server = new ServerBuilder().withConfig({ port: 0 }).withAuthenticator(users).build()
  const [address] = await server.listen()
  await (await connect(`amqp://ann:one@127.0.0.1:${address?.port}`)).close()
  await expect(connect(server.url)).rejects.toThrow('ACCESS_REFUSED')
  await server.shutdown()
})

test('a builder takes any authenticator', async () => {
  const seen: string[] = []
  const authenticator: Authenticator = {
    authenticate: async ({ name, password }, peerAddress) => {
      seen.push(`${name} ${password} ${peerAddress}`)
      return name === 'open' ? { user: { name, tags: [] } } : { refusal: 'not on the list' }
    },
    anonymous: () => ({ refusal: 'never' }),
  }
  const server = new ServerBuilder().withConfig({ port: 0 }).withAuthenticator(authenticator).build()
  const [address] = await server.listen()
  await (await connect(`amqp://open:sesame@127.0.0.1:${address?.port}`)).close()
  await expect(connect(`amqp://shut:sesame@127.0.0.1:${address?.port}`)).rejects.toThrow('ACCESS_REFUSED')
  expect(seen).toEqual(['open sesame 127.0.0.1', 'shut sesame 127.0.0.1'])
  await server.shutdown()
})

test('a builder takes a storage, which is opened before and closed after everything else', async () => {
  const calls: string[] = []
  class WatchedStorage extends MemoryStorage {
    override async open(): Promise<Recovery> {
      calls.push('open')
      return super.open()
    }
    override async close(): Promise<void> {
      calls.push('close')
    }
  }
  const server = new ServerBuilder()
    .withStorage(new WatchedStorage())
    .withHooks({ onStart: () => calls.push('start') })
    .withHooks({ onStop: () => calls.push('stop') })
    .build()
  await server.start()
  await server.shutdown()
  expect(calls).toEqual(['open', 'start', 'close', 'stop'])
})
