import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type ChannelModel, connect } from 'amqplib'
import { afterEach, describe, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerHooks } from '../../src/server/server-hooks.ts'
import { MemoryStorage } from '../../storage/memory/memory-storage.ts'
import type { Recovery } from '../../storage/storage.ts'

const servers: Server[] = []

function build(hooks: ServerHooks = {}): Server {
  const server = new ServerBuilder().withConfig({ port: 0, shutdownGraceMs: 2000 }).withHooks(hooks).build()
  servers.push(server)
  return server
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.shutdown()))
})

/** A connection whose end is no error of the test. */
async function client(url: string): Promise<ChannelModel> {
  const connection = await connect(url)
  connection.on('error', () => {})
  return connection
}

/** Waits until something is so; fails with the test's own timeout. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn()
}

describe('listening', () => {
  test('on port 0 takes a free port and says which', async () => {
    const server = build()
    expect(() => server.url).toThrow('does not listen yet')
    const [address] = await server.listen()
    expect(address).toMatchObject({ name: 'amqp', host: '127.0.0.1', port: expect.any(Number) })
    expect(address?.port).toBeGreaterThan(0)
    expect(server.url).toBe(`amqp://127.0.0.1:${address?.port}`)
    await (await client(server.url)).close()
  })

  test.each([
    ['127.0.0.1:0', '127.0.0.1'],
    [0, '127.0.0.1'],
    ['0.0.0.0:0', '0.0.0.0'],
    ['[::1]:0', '::1'],
    [':0', '::'],
  ])('at %j listens there', async (address, host) => {
    const server = build()
    const [taken] = await server.listenAndServe(address)
    expect(taken?.host).toBe(host)
    await (await client(`amqp://${host === '::1' ? '[::1]' : '127.0.0.1'}:${taken?.port}`)).close()
  })

  test.each(['', 'localhost', 'host:', 'host:abc', 'host:65536', ':-1', ':5672x'])(
    'at %j is refused',
    async (address) => {
      await expect(build().listenAndServe(address)).rejects.toThrow(RangeError)
    },
  )

  test('at several addresses at once serves the same queues', async () => {
    const server = build()
    await Promise.all([server.listen(), server.listenAndServe(0)])
    expect(server.addresses).toHaveLength(2)
    const [one, two] = await Promise.all(server.addresses.map(({ port }) => client(`amqp://127.0.0.1:${port}`)))
    await (await (one as ChannelModel).createChannel()).assertQueue('q')
    await (await (two as ChannelModel).createChannel()).checkQueue('q')
    expect(server.stats()).toMatchObject({ connections: 2, channels: 2, queues: 1 })
  })

  test('on a port in use fails with the system error, and ends what it began', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const errors: unknown[] = []
    const server = build({ onError: (error) => errors.push(error) })
    await expect(server.listenAndServe(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(errors).toMatchObject([{ code: 'EADDRINUSE' }])
    expect(server.state).toBe('stopped')

    const started = build()
    await started.start()
    started.broker.declareQueue('q')
    await expect(started.listenAndServe(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(started.state).toBe('running')
    expect(started.broker.queueInfo('q')).toBeDefined()
    await started.listenAndServe(0)
    taken.close()
    await once(taken, 'close')
  })
})

describe('servers', () => {
  test('in one process know nothing of each other', async () => {
    const [one, two] = [build(), build()]
    await Promise.all([one.listen(), two.listen()])
    one.broker.declareQueue('q')
    expect(two.broker.queueInfo('q')).toBeUndefined()
    await one.shutdown()
    await (await client(two.url)).close()
  })

  test('can be used in the process alone, without a port', async () => {
    const server = build()
    expect(() => server.broker).toThrow('the server is not running')
    await server.start()
    await server.start()
    server.broker.declareQueue('q')
    server.broker.publish('', 'q', 'x')
    expect((await server.broker.get('q'))?.body.toString()).toBe('x')
    expect(server.addresses).toEqual([])
  })

  test('serve another default virtual host when told to', async () => {
    const server = new ServerBuilder().withConfig({ port: 0, defaultVhost: 'mine' }).build()
    servers.push(server)
    await server.listen()
    expect(server.broker.name).toBe('mine')
    expect(server.broker.vhosts()).toEqual(['mine'])
    await (await client(`${server.url}/mine`)).close()
    await expect(connect(server.url)).rejects.toThrow()
  })

  test('do not start when their storage does not open, and may try again', async () => {
    class BrittleStorage extends MemoryStorage {
      attempts = 0
      override async open(): Promise<Recovery> {
        if (this.attempts++ === 0) throw new Error('no disk')
        return super.open()
      }
    }
    const errors: unknown[] = []
    const builder = new ServerBuilder().withStorage(new BrittleStorage()).withConfig({ port: 0 })
    const server = builder.withHooks({ onError: (error) => errors.push(error) }).build()
    servers.push(server)
    await expect(server.listen()).rejects.toThrow('no disk')
    expect(errors).toHaveLength(1)
    expect(server.state).toBe('stopped')
    await server.listen()
    expect(server.state).toBe('running')
  })
})

describe('shutdown', () => {
  test('frees the port and refuses to start again; a new server takes over', async () => {
    const server = build()
    await server.listen()
    const { port } = server.addresses[0] as { port: number }
    await server.shutdown()
    expect(server.state).toBe('stopped')
    expect(() => server.broker).toThrow('the broker was stopped')
    await expect(server.listen()).rejects.toThrow('build another one')
    const next = build()
    await next.listenAndServe(port)
    await (await client(next.url)).close()
  })

  test('is waited for by all who ask for it, and does nothing before the start', async () => {
    const stops: string[] = []
    const server = build({ onStop: () => stops.push('stop') })
    await server.shutdown()
    await server.listen()
    await Promise.all([server.shutdown(), server.shutdown()])
    expect(server.state).toBe('stopped')
    await server.shutdown()
    expect(stops).toEqual(['stop'])
  })

  test('while it is about to listen leaves nothing listening', async () => {
    const server = build()
    const listening = server.listen()
    await server.start()
    await server.shutdown()
    await expect(listening).rejects.toThrow('shut down')
    expect(server.addresses).toEqual([])
  })

  test('leaves no handle open', async () => {
    // In a process of its own: the test runner has handles that come and go.
    const program = `
      import { once } from 'node:events'
      import { setImmediate as nextTurn } from 'node:timers/promises'
      import { connect } from 'amqplib'
      import { ServerBuilder } from 'leveret'
      const handles = () => process.getActiveResourcesInfo().filter((name) => /^TCP|^Timeout/.test(name))
      const before = handles()
      const server = new ServerBuilder().withPort(0).build()
      await server.listen()
      await server.listenAndServe(':0')
      server.broker.declareQueue('q')
      server.broker.consume('q', () => {})
      const connection = await connect(server.url)
      connection.on('error', () => {})
      await (await connection.createChannel()).consume('q', () => {})
      const during = handles()
      const closed = once(connection, 'close')
      await server.shutdown()
      await closed
      for (let turns = 0; turns < 10; turns++) await nextTurn()
      console.log(JSON.stringify({ before, during, after: handles() }))`
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 10_000 })
    const { before, during, after } = JSON.parse((await run).stdout)
    expect(during.filter((name: string) => name === 'TCPServerWrap')).toHaveLength(2)
    expect(after).toEqual(before)
  })

  test('in the middle of traffic ends every client with 320', async () => {
    const server = build()
    await server.listen()
    server.broker.declareQueue('q')
    const consumer = await client(server.url)
    let received = 0
    await (await consumer.createChannel()).consume('q', () => received++, { noAck: true })
    const publisher = await client(server.url)
    const channel = await publisher.createChannel()
    let isOver = false
    const ends = [consumer, publisher].map(async (connection) => {
      const [error] = await once(connection, 'close')
      isOver = true
      return String(error)
    })
    const traffic = (async () => {
      while (!isOver) {
        for (let i = 0; i < 100 && !isOver; i++) channel.sendToQueue('q', Buffer.alloc(100))
        await nextTurn()
      }
    })().catch(() => {}) // amqplib throws once its connection is closed
    await until(() => received > 1000)
    await server.shutdown()
    const text = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"
    for (const end of await Promise.all(ends)) expect(end).toContain(text)
    await traffic
    expect(server.connections()).toEqual([])
  })
})

describe('hooks', () => {
  test('are called as the server and its connections come and go', async () => {
    const calls: string[] = []
    const server = build({
      onStart: () => calls.push('start'),
      onStop: () => calls.push('stop'),
      onConnect: ({ user, vhost }) => calls.push(`connect ${user.name} ${vhost}`),
      onDisconnect: ({ user }) => calls.push(`disconnect ${user.name}`),
    })
    await server.listen()
    const connection = await client(server.url)
    expect(server.connections()).toEqual([
      expect.objectContaining({
        peerAddress: '127.0.0.1',
        vhost: '/',
        user: expect.objectContaining({ name: 'guest' }),
      }),
    ])
    await connection.close()
    await server.shutdown()
    expect(calls).toEqual(['start', 'connect guest /', 'disconnect guest', 'stop'])
  })

  test('that fail are logged and change nothing', async () => {
    const logged: object[] = []
    const ignore = (): void => {}
    const fail = (): never => {
      throw new Error('hook')
    }
    const server = new ServerBuilder()
      .withConfig({ port: 0 })
      .withLogger({ debug: ignore, info: ignore, warn: ignore, error: (fields) => logged.push(fields) })
      .withHooks({ onStart: fail, onConnect: async () => fail() })
      .build()
    servers.push(server)
    await server.listen()
    await (await client(server.url)).close()
    expect(logged).toEqual([
      { err: expect.any(Error), hook: 'onStart' },
      { err: expect.any(Error), hook: 'onConnect' },
    ])
  })
})

describe('health and statistics', () => {
  test('tell whether it runs, and for how long', async () => {
    const server = build()
    expect(server.health()).toEqual({ status: 'stopped', uptimeMs: 0, warnings: [] })
    await server.start()
    await new Promise((resolve) => setTimeout(resolve, 2))
    expect(server.health()).toEqual({ status: 'healthy', uptimeMs: expect.any(Number), warnings: [] })
    expect(server.health().uptimeMs).toBeGreaterThan(0)
  })

  test('count messages and bytes, also of what is gone', async () => {
    const server = build()
    await server.listen()
    server.broker.declareQueue('q')
    const connection = await client(server.url)
    const channel = await connection.createConfirmChannel()
    channel.sendToQueue('q', Buffer.alloc(5000))
    channel.publish('amq.fanout', '', Buffer.alloc(1))
    await channel.waitForConfirms()
    server.broker.publish('', 'q', 'x')
    await server.broker.get('q')
    const open = server.stats()
    expect(open).toMatchObject({
      connections: 1,
      channels: 1,
      exchanges: 7,
      queues: 1,
      consumers: 0,
      messagesReady: 1,
      messagesUnacked: 1,
      messagesPublished: 2,
      messagesDelivered: 1,
    })
    expect(open.bytesReceived).toBeGreaterThan(5000)
    expect(open.bytesSent).toBeGreaterThan(500)
    await connection.close()
    server.broker.deleteQueue('q')
    await until(() => server.stats().connections === 0)
    const closed = server.stats()
    expect(closed).toMatchObject({
      channels: 0,
      queues: 0,
      messagesReady: 0,
      messagesPublished: 2,
      messagesDelivered: 1,
    })
    expect(closed.bytesReceived).toBeGreaterThan(open.bytesReceived)
    expect(closed.bytesSent).toBeGreaterThan(open.bytesSent)
    await server.shutdown()
    expect(server.stats()).toMatchObject({ uptimeMs: 0, messagesPublished: 2, bytesSent: expect.any(Number) })
  })
})
