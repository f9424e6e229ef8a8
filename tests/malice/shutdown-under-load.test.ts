// SIGTERM while clients publish and consume at full speed: each is told why, what was confirmed is there after the next start, and the
// process ends within the grace period, whether a client does not read or the disk hangs.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import type { Received } from '../support/received.ts'

const MAIN = join(import.meta.dirname, '../../dist/src/cli/main.js')
const HANG_DISK = join(import.meta.dirname, 'hang-disk.mjs')
const QUEUE = 'orders'
const WINDOW = 200
const BODY_BYTES = 500
const LARGE_BODY_BYTES = 8000
/** What the process may take to end beside the grace period: the server gives up on its store then. */
const OVERTIME_MS = 3500
const SHUTDOWN = {
  replyCode: 320,
  replyText: "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
}

let folder: string
let broker: ChildProcess
let port: number
let clients: RawClient[]
let messages: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-shutdown-'))
  clients = []
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  if (broker.exitCode === null && broker.signalCode === null) {
    const exit = once(broker, 'exit')
    broker.kill('SIGKILL')
    await exit
  }
  rmSync(folder, { recursive: true, force: true })
})

async function start(graceSec: number): Promise<void> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:LEVERET|RABBITMQ)_/.test(name))
  const env = { ...Object.fromEntries(inherited), LEVERET_HANG_DISK: join(folder, 'hang') }
  const options = [
    '--port',
    '0',
    '--log-format',
    'json',
    '--data-dir',
    join(folder, 'data'),
    '--password-hashing',
    'sha256',
  ]
  const args = ['--import', HANG_DISK, MAIN, ...options, '--shutdown-grace', String(graceSec)]
  broker = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  messages = []
  if (broker.stdout === null) throw new Error('the broker has no standard output')
  const lines = createInterface({ input: broker.stdout })
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      const entry: { readonly msg: string; readonly port?: number } = JSON.parse(line)
      messages.push(entry.msg)
      port = entry.port ?? port
      if (entry.msg === 'Server startup complete') resolve()
    })
    broker.once('exit', () => reject(new Error('the broker did not start')))
  })
}

async function channel(): Promise<RawChannel> {
  const client = await RawClient.connect({ host: '127.0.0.1', port })
  clients.push(client)
  return await (await client.handshake()).channel(1)
}

/** Answers connection.close; what the broker said with it. */
async function told(client: RawClient, { args }: Received): Promise<object> {
  client.send(0, 'connection.close-ok')
  await client.expectSocketClosed()
  return { replyCode: args.replyCode, replyText: args.replyText }
}

/** Publishes for as long as the broker lets it. `confirmed` has the bodies that were confirmed. */
class Publisher {
  readonly confirmed = new Set<string>()
  readonly end: Promise<object>
  readonly #channel: RawChannel
  readonly #name: string
  readonly #bodyBytes: number
  readonly #open = new Map<number, string>()

  private constructor(publishing: RawChannel, name: string, bodyBytes: number) {
    this.#channel = publishing
    this.#name = name
    this.#bodyBytes = bodyBytes
    this.end = this.#run()
  }

  static async start(name: string, bodyBytes = BODY_BYTES): Promise<Publisher> {
    const publishing = await channel()
    await publishing.call('confirm.select')
    return new Publisher(publishing, name, bodyBytes)
  }

  async #run(): Promise<object> {
    const { client } = this.#channel
    for (let sequence = 0; ; ) {
      while (this.#open.size < WINDOW) {
        const body = `${this.#name} ${++sequence} `.padEnd(this.#bodyBytes, 'x')
        this.#open.set(sequence, body)
        this.#channel.publish({ routingKey: QUEUE, body, properties: { deliveryMode: 2 } })
      }
      const received = await client.next(undefined, 20_000)
      if (received.name === 'connection.close') return await told(client, received)
      if (received.name === 'basic.ack')
        this.#confirm(Number(received.args.deliveryTag), received.args.multiple === true)
    }
  }

  #confirm(tag: number, isMultiple: boolean): void {
    for (const [sequence, body] of this.#open) {
      if (sequence > tag) break
      if (sequence < tag && !isMultiple) continue
      this.confirmed.add(body)
      this.#open.delete(sequence)
    }
  }
}

/** Takes and acknowledges messages for as long as the broker lets it. */
async function consume(taken: Set<string>): Promise<object> {
  const consuming = await channel()
  await consuming.call('basic.qos', { prefetchCount: 100 })
  await consuming.consume(QUEUE)
  for (;;) {
    const received = await consuming.client.next(undefined, 20_000)
    if (received.name === 'connection.close') return await told(consuming.client, received)
    if (received.name !== 'basic.deliver' || received.content === undefined) continue
    taken.add(received.content.body.toString())
    consuming.ack(Number(received.args.deliveryTag))
  }
}

/** Sends SIGTERM; the exit code, and how long that took. */
async function terminate(): Promise<readonly [code: number | null, ms: number]> {
  const exit = once(broker, 'exit')
  const startedAt = performance.now()
  broker.kill('SIGTERM')
  const [code] = await exit
  return [code, performance.now() - startedAt]
}

async function declareQueue(): Promise<void> {
  const declaring = await channel()
  await declaring.call('queue.declare', { queue: QUEUE, durable: true })
  await declaring.client.close()
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const endsAt = performance.now() + 20_000; !isTrue(); ) {
    if (performance.now() > endsAt) throw new Error('it did not come to that')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('nothing confirmed is lost, every client is told, and the process ends with 0', async () => {
  await start(10)
  await declareQueue()
  const taken = new Set<string>()
  const consumers = [consume(taken), consume(taken)]
  const publishers = await Promise.all(['a', 'b', 'c'].map((name) => Publisher.start(name)))
  await until(() => publishers.every(({ confirmed }) => confirmed.size > 500) && taken.size > 500)
  const [code, ms] = await terminate()
  expect([code, messages.at(-1)]).toEqual([0, 'stopped'])
  expect(ms).toBeLessThan(10_000)
  const ends = await Promise.all([...publishers.map(({ end }) => end), ...consumers])
  expect(ends).toEqual(ends.map(() => SHUTDOWN))

  await start(10)
  const left = new Set(await (await channel()).drain(QUEUE))
  const lost = publishers
    .flatMap(({ confirmed }) => [...confirmed])
    .filter((body) => !taken.has(body) && !left.has(body))
  expect(lost.map((body) => body.trimEnd().slice(0, 20))).toEqual([])
}, 60_000)

test('a client that does not read holds the end up until the grace is over, and no other client', async () => {
  await start(1)
  await declareQueue()
  const publisher = await Publisher.start('a', LARGE_BODY_BYTES)
  const deaf = await channel()
  await deaf.consume(QUEUE, { noAck: true })
  deaf.client.socket.pause()
  // More than the system and the broker keep for a client that does not read.
  await until(() => publisher.confirmed.size * LARGE_BODY_BYTES > 12 * 1024 * 1024)
  const [code, ms] = await terminate()
  expect(await publisher.end).toEqual(SHUTDOWN)
  expect([code, messages.at(-1)]).toEqual([0, 'stopped'])
  expect(ms).toBeGreaterThan(900)
  expect(ms).toBeLessThan(1000 + OVERTIME_MS)
}, 60_000)

test('a disk that hangs keeps no client from being told, and the process from ending only a little longer than the grace', async () => {
  await start(1)
  await declareQueue()
  const taken = new Set<string>()
  const publisher = await Publisher.start('a')
  await until(() => publisher.confirmed.size > 500)
  writeFileSync(join(folder, 'hang'), '')
  let confirmed = 0
  await until(() => {
    const isStill = publisher.confirmed.size === confirmed
    confirmed = publisher.confirmed.size
    return isStill
  })
  const consumer = consume(taken)
  await until(() => taken.size > 100)
  const [code, ms] = await terminate()
  expect(await Promise.all([publisher.end, consumer])).toEqual([SHUTDOWN, SHUTDOWN])
  expect([code, messages.at(-1)]).toEqual([1, 'the broker did not stop in time'])
  expect(ms).toBeLessThan(1000 + OVERTIME_MS)
  rmSync(join(folder, 'hang'))
  await start(10)
  const left = new Set(await (await channel()).drain(QUEUE))
  const lost = [...publisher.confirmed].filter((body) => !left.has(body) && !taken.has(body))
  expect(lost).toEqual([])
}, 60_000)
