// What clients have not read yet counts with the memory that it takes: a body that many of them are sent is there once.
import type { Socket } from 'node:net'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Outbox } from '../../src/amqp/outbox.ts'
import { OutboxFlusher } from '../../src/amqp/outbox-flusher.ts'
import { UnsentMemory } from '../../src/amqp/unsent-memory.ts'
import { Block } from '../../src/lib/block.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

const MEBIBYTE = 1024 * 1024
const BODY_BYTES = 300_000
/** What an outbox writes frames to. */
const BLOCK_BYTES = 128 * 1024

/** A socket whose peer reads nothing until it is told to. */
class StuckSocket {
  readonly destroyed = false
  writableLength = 0
  #written: (() => void)[] = []

  write(bytes: Uint8Array, written?: () => void): void {
    this.writableLength += bytes.length
    if (written !== undefined) this.#written.push(written)
  }

  cork(): void {}

  uncork(): void {}

  readAll(): void {
    this.writableLength = 0
    for (const written of this.#written.splice(0)) written()
  }
}

/** Flushes when it is told to. */
class NoFlusher extends OutboxFlusher {
  override add(): void {}
}

let sockets: StuckSocket[]
let outboxes: Outbox[]
let body: Block

beforeEach(() => {
  const flusher = new NoFlusher()
  sockets = [new StuckSocket(), new StuckSocket(), new StuckSocket()]
  outboxes = sockets.map((socket) => new Outbox(socket as unknown as Socket, flusher, () => {}))
  body = new Block(Buffer.alloc(BODY_BYTES))
})

function unsentBytes(): number {
  const memory = new UnsentMemory()
  for (const outbox of outboxes) outbox.countMemory(memory)
  return memory.bytes
}

function sendTo(count: number, headBytes = 10): void {
  for (const outbox of outboxes.slice(0, count)) {
    outbox.write(Buffer.alloc(headBytes))
    outbox.writeReference(body.bytes, body)
  }
}

function readAll(index: number): void {
  sockets[index]?.readAll()
}

describe('UnsentMemory', () => {
  test('counts a body once, however many clients it goes to, until the last of them has it', () => {
    sendTo(3)
    expect(unsentBytes()).toBe(BODY_BYTES + 3 * BLOCK_BYTES)
    for (const outbox of outboxes) outbox.flush()
    expect(unsentBytes()).toBe(BODY_BYTES + 3 * BLOCK_BYTES)
    readAll(0)
    expect(unsentBytes()).toBe(BODY_BYTES + 2 * BLOCK_BYTES)
    readAll(2)
    expect(unsentBytes()).toBe(BODY_BYTES + BLOCK_BYTES)
    readAll(1)
    expect(unsentBytes()).toBe(0)
  })

  test('counts a body once that goes to a client in many frames, until all of them have left', () => {
    const [outbox] = outboxes
    for (let at = 0; at < BODY_BYTES; at += 100_000) outbox?.writeReference(body.bytes.subarray(at, at + 100_000), body)
    expect(unsentBytes()).toBe(BODY_BYTES)
    outbox?.flush()
    expect(unsentBytes()).toBe(BODY_BYTES)
    readAll(0)
    expect(unsentBytes()).toBe(0)
  })

  test('does not count what a queue keeps, for as long as it does', () => {
    body.keepers = 2
    sendTo(2)
    expect(unsentBytes()).toBe(2 * BLOCK_BYTES)
    body.keepers = 0
    expect(unsentBytes()).toBe(BODY_BYTES + 2 * BLOCK_BYTES)
  })

  test('counts frames that were written behind the ones that the socket has', () => {
    sendTo(1)
    outboxes[0]?.flush()
    outboxes[0]?.write(Buffer.alloc(500))
    expect(unsentBytes()).toBe(BODY_BYTES + 2 * BLOCK_BYTES)
    readAll(0)
    expect(unsentBytes()).toBe(BLOCK_BYTES)
  })

  test('counts nothing of a client that has gone', () => {
    sendTo(2)
    outboxes[0]?.flush()
    sockets[0]?.readAll()
    for (const outbox of outboxes) outbox.close()
    expect(unsentBytes()).toBe(0)
  })
})

describe('A large body for many clients that do not read', () => {
  const SUBSCRIBERS = 24
  const LIMIT_BYTES = 400 * MEBIBYTE

  async function subscribers(open: () => Promise<RawClient>, options: { readonly noAck: boolean }): Promise<void> {
    for (let i = 0; i < SUBSCRIBERS; i++) {
      const client = await open()
      const channel = await client.channel(1)
      await channel.bind(await channel.queue(), 'amq.fanout', '')
      await channel.consume('', options)
      client.socket.pause()
    }
  }

  /** Everyone's copy is on its way: the queues have delivered it. */
  async function published(channel: RawChannel, server: ReturnType<ServerBuilder['build']>): Promise<void> {
    await channel.call('confirm.select')
    channel.publish({ exchange: 'amq.fanout', body: Buffer.alloc(16 * MEBIBYTE) })
    // The broker writes 24 copies first.
    expect(await channel.client.next(1, 10_000)).toMatchObject({ name: 'basic.ack' })
    const vhost = server.core.requireVhost('/')
    const queues = [...vhost.queues()]
    while (queues.some(({ readyCount }) => readyCount > 0)) await channel.expectQuiet()
  }

  test.each([true, false])('raises no alarm (noAck: %s)', async (noAck) => {
    const server = new ServerBuilder().withConfig({ memoryLimitBytes: LIMIT_BYTES }).build()
    const clients: RawClient[] = []
    onTestFinished(async () => {
      for (const client of clients) client.destroy()
      await server.shutdown({ graceMs: 0 })
    })
    const [address] = await server.listenAndServe('127.0.0.1:0')
    const open = async (): Promise<RawClient> => {
      const client = await (await RawClient.connect(address!)).handshake()
      clients.push(client)
      return client
    }
    await subscribers(open, { noAck })
    const publisher = await (await open()).channel(1)
    await published(publisher, server)
    server.core.memory.sample()
    expect(server.core.memory.isActive).toBe(false)
  })
})
