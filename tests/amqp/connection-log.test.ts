// What the log says of connections: which one, what its client calls it, and how it ended.
import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { connect } from 'amqplib'
import { expect, onTestFinished, test } from 'vitest'
import type { Authenticator } from '../../src/auth/authenticator.ts'
import type { Logger } from '../../src/lib/logger.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { RawClient } from '../support/raw-client.ts'
import { frame } from '../support/wire-frames.ts'

interface Line {
  readonly level: string
  readonly message: string
  readonly fields: object
}

const PEER = expect.stringMatching(/^127\.0\.0\.1:\d+$/)
const OPEN = { connection: 1, peer: PEER, user: 'guest', vhost: '/' }

class Scene {
  readonly lines: Line[] = []
  server!: Server
  #wake = (): void => {}

  static async start(authenticator?: Authenticator): Promise<Scene> {
    const scene = new Scene()
    const at = (level: string) => (fields: object, message: string) => scene.#add({ level, message, fields })
    const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    const builder = new ServerBuilder().withConfig({ port: 0 }).withLogger(logger)
    scene.server = (authenticator === undefined ? builder : builder.withAuthenticator(authenticator)).build()
    await scene.server.listen()
    onTestFinished(() => scene.server.shutdown({ graceMs: 0 }))
    scene.lines.length = 0
    return scene
  }

  async raw(): Promise<RawClient> {
    const socket = connectSocket(this.server.addresses[0]!.port, '127.0.0.1')
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** Resolves with all lines when there are so many. */
  async said(count: number): Promise<readonly Line[]> {
    while (this.lines.length < count) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.lines
  }

  #add(line: Line): void {
    this.lines.push(line)
    this.#wake()
  }
}

const opened = { level: 'info', message: 'connection opened', fields: OPEN }

test('a client that closes its connection leaves two lines', async () => {
  const scene = await Scene.start()
  const client = await (await scene.raw()).handshake()
  await client.close()
  expect(await scene.said(2)).toEqual([opened, { level: 'info', message: 'connection closed', fields: OPEN }])
})

test('a client that goes away without closing it is told from one that does', async () => {
  const scene = await Scene.start()
  const client = await (await scene.raw()).handshake()
  client.socket.end()
  const message = 'connection lost: its client went away without closing it'
  expect(await scene.said(2)).toEqual([opened, { level: 'warn', message, fields: OPEN }])
})

test('a socket that breaks names what the system says of it', async () => {
  const scene = await Scene.start()
  const client = await (await scene.raw()).handshake()
  client.socket.resetAndDestroy()
  const message = 'connection lost: its client went away without closing it'
  expect((await scene.said(2))[1]).toEqual({ level: 'warn', message, fields: { ...OPEN, cause: 'ECONNRESET' } })
})

test('an error is the one line of the end that it causes', async () => {
  const scene = await Scene.start()
  const client = await (await scene.raw()).handshake()
  client.send(5, 'tx.select')
  await client.expectConnectionClose(504, "expected 'channel.open'", 'tx.select')
  await client.expectSocketClosed()
  const message = "connection closed: CHANNEL_ERROR - expected 'channel.open'"
  await scene.server.shutdown()
  expect(scene.lines.slice(0, 2)).toEqual([opened, { level: 'warn', message, fields: { ...OPEN, code: 504 } }])
  expect(scene.lines.slice(2).filter((line) => 'connection' in line.fields)).toEqual([])
})

test.each([['a>b secret'], ['a "quoted" >> secret'], ['secret\0'], ['\\'], ['"']])(
  'octets that could not be read are not in the log: %j',
  async (payload) => {
    const scene = await Scene.start()
    const client = await (await scene.raw()).handshake()
    client.write(frame(7, 1, Buffer.from(payload)))
    expect((await client.next(0)).name).toBe('connection.close')
    const octets = Buffer.from(payload).length > 16 ? 'first 16 octets' : 'all octets'
    const message = `connection closed: FRAME_ERROR - type 7, ${octets} = <<…>>: unknown_frame`
    expect((await scene.said(2))[1]).toMatchObject({ message })
  },
)

test('the name that a client gives its connection is in every line, in connections() and in the hooks', async () => {
  const scene = await Scene.start()
  const client = await connect(scene.server.url, { clientProperties: { connection_name: 'order service' } })
  const channel = await client.createChannel()
  channel.on('error', () => {})
  await channel.checkQueue('missing').catch(() => {})
  expect(scene.server.connections()).toEqual([expect.objectContaining({ id: 1, name: 'order service' })])
  await client.close()
  const lines = await scene.said(3)
  expect(lines.map(({ message }) => message)).toEqual([
    'connection opened',
    "channel closed: NOT_FOUND - no queue 'missing' in vhost '/'",
    'connection closed',
  ])
  for (const { fields } of lines) expect(fields).toMatchObject({ ...OPEN, name: 'order service' })
})

test.each<[string, unknown, string | undefined]>([
  ['a long one is cut', '🐇'.repeat(300), '🐇'.repeat(255)],
  ['an empty one is none', '', undefined],
  ['another type is none', 5, undefined],
])('of the name of a connection %s', async (_, given, name) => {
  const scene = await Scene.start()
  const client = await (await scene.raw()).handshake({ clientProperties: { connection_name: given as string } })
  expect(scene.server.connections()[0]?.name).toBe(name)
  expect((await scene.said(1))[0]?.fields).toEqual(name === undefined ? OPEN : { ...OPEN, name })
  client.destroy()
})

test('a refused log-in leaves one line that says whose it was', async () => {
  const scene = await Scene.start()
  const client = await scene.raw()
  await client.startLogin({ pass: 'wrong', clientProperties: { connection_name: 'cron job' } })
  await client.expect(0, 'connection.close', { replyCode: 403 })
  client.send(0, 'connection.close-ok')
  await client.expectSocketClosed()
  const reason = "user 'guest' - invalid credentials"
  const fields = { connection: 1, peer: PEER, name: 'cron job', reason }
  expect(scene.lines).toEqual([{ level: 'warn', message: 'login refused', fields }])
})

const nonsense: readonly unknown[] = [
  undefined,
  null,
  true,
  'guest',
  {},
  { user: 'guest' },
  { user: {} },
  { user: { name: '', tags: [] } },
  { user: { name: 'guest' } },
  { user: { name: 'guest', tags: 'administrator' } },
  { user: { name: 'guest', tags: [5] } },
  { refusal: true, user: { name: 'guest', tags: [] } },
]

test.each(nonsense.flatMap((value) => [[value], [Promise.resolve(value)]]))(
  'an authenticator that returns %o lets no client in',
  async (returned) => {
    const answer = returned as never
    const scene = await Scene.start({ authenticate: () => answer, anonymous: () => answer })
    const client = await scene.raw()
    await client.startLogin()
    const text = 'Login was refused using authentication mechanism PLAIN. For details see the broker logfile.'
    await client.expectConnectionClose(403, text)
    await client.expectSocketClosed()
    const reason = 'the authenticator returned neither a user nor a refusal'
    expect(scene.lines).toEqual([
      { level: 'warn', message: 'login refused', fields: { connection: 1, peer: PEER, reason } },
    ])
  },
)

test('an authenticator that returns a promise of another library is waited for', async () => {
  const user = { name: 'guest', tags: [] }
  // biome-ignore lint/suspicious/noThenProperty: this is what is tested
  const later = { then: (resolve: (verdict: object) => void) => setImmediate(resolve, { user }) }
  const scene = await Scene.start({ authenticate: () => later as never, anonymous: () => later as never })
  await (await (await scene.raw()).handshake()).close()
})

test.each([undefined, null, 'yes', 1, false])(
  'an authenticator that renews with %o refuses the secret',
  async (answer) => {
    const verdict = { user: { name: 'guest', tags: [] } }
    const renew = (): never => answer as never
    const scene = await Scene.start({ authenticate: () => verdict, anonymous: () => verdict, renew })
    const client = await (await scene.raw()).handshake()
    client.send(0, 'connection.update-secret', { newSecret: 'x', reason: 'renewal' })
    const text = 'New secret was refused by one of the backends'
    await client.expectConnectionClose(530, text, 'connection.update-secret')
  },
)
