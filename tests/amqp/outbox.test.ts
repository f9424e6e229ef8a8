import type { Socket } from 'node:net'
import { type Duplex, Writable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Outbox } from '../../src/amqp/outbox.ts'
import { OutboxFlusher } from '../../src/amqp/outbox-flusher.ts'
import { WriteAhead } from '../../src/amqp/write-ahead.ts'
import { Block } from '../../src/lib/block.ts'

/**
 * A socket whose kernel takes so many bytes and no more until it is told to. As with Node's, the callback of a write that
 * went through at once comes in the next turn, and only bytes that did not go through count as `writableLength`. It keeps
 * what it was given by reference, and reads it only when the kernel takes it: a block that is reused too early shows.
 */
class SlowSocket {
  destroyed = false
  room = 0
  taken = Buffer.alloc(0)
  readonly turns: (() => void)[] = []
  #waiting: { bytes: Uint8Array; written: (() => void) | undefined }[] = []
  #corks = 0

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (bytes.length === 0) throw new Error('an empty write is a call for nothing')
    this.#waiting.push({ bytes, written })
    if (this.#corks === 0) this.#take()
    return this.writableLength === 0
  }

  cork(): void {
    this.#corks++
  }

  uncork(): void {
    if (--this.#corks === 0) this.#take()
  }

  /** The peer reads: the kernel has room for so many bytes more. */
  drain(bytes: number): void {
    this.room += bytes
    this.#take()
  }

  #take(): void {
    while (this.room > 0) {
      const [first] = this.#waiting
      if (first === undefined) return
      const now = first.bytes.subarray(0, this.room)
      this.taken = Buffer.concat([this.taken, now])
      this.room -= now.length
      if (now.length < first.bytes.length) {
        first.bytes = first.bytes.subarray(now.length)
        return
      }
      this.#waiting.shift()
      if (first.written !== undefined) this.turns.push(first.written)
    }
  }
}

/** Keeps its own account of the blocks that are lent. */
class WatchedFlusher extends OutboxFlusher {
  readonly lent = new Set<Block>()
  waiting: Outbox[] = []

  override add(outbox: Outbox): void {
    this.waiting.push(outbox)
  }

  override take(sizeBytes: number): Block {
    const block = super.take(sizeBytes)
    if (this.lent.has(block)) throw new Error('a block was lent twice')
    this.lent.add(block)
    return block
  }

  override give(block: Block): void {
    if (!this.lent.delete(block)) throw new Error('a block came back that was not lent')
    block.bytes.fill(0xdd)
    super.give(block)
  }

  turn(): void {
    const { waiting } = this
    this.waiting = []
    for (const outbox of waiting) {
      outbox.isWaiting = false
      outbox.flush()
    }
  }
}

class Room {
  readonly socket = new SlowSocket()
  readonly flusher = new WatchedFlusher()
  unblocked = 0
  heldBodies = 0
  written = Buffer.alloc(0)
  #count = 0
  readonly outbox = new Outbox(this.socket as unknown as Socket, this.flusher, () => {
    expect(this.outbox.isBlocked).toBe(false)
    this.unblocked++
  })

  #next(length: number): Buffer {
    const bytes = Buffer.alloc(length, `<${this.#count++}>`)
    this.written = Buffer.concat([this.written, bytes])
    return bytes
  }

  write(length: number): void {
    this.outbox.write(this.#next(length))
  }

  inPlace(length: number): void {
    const block = this.outbox.reserve(length)
    this.#next(length).copy(block.bytes, this.outbox.length)
    this.outbox.length += length
  }

  reference(length: number): void {
    const body = new Block(this.#next(length))
    body.owner = { released: () => this.#bodyReleased(body) }
    this.heldBodies++
    body.hold()
    this.outbox.writeReference(body.bytes, body)
    body.release()
  }

  #bodyReleased(body: Block): void {
    this.heldBodies--
    body.bytes.fill(0xee) // as the next user of its memory might do
  }

  /** What happens between two events: callbacks of the socket, then the flusher's turn. */
  turn(): void {
    for (const callback of this.socket.turns.splice(0)) callback()
    this.flusher.turn()
  }

  drain(bytes: number): void {
    this.socket.drain(bytes)
  }

  check(): void {
    expect(this.written.subarray(0, this.socket.taken.length).equals(this.socket.taken)).toBe(true)
    expect(this.outbox.pendingBytes).toBe(this.written.length - this.socket.taken.length)
  }

  finish(): void {
    this.socket.drain(Number.MAX_SAFE_INTEGER)
    for (let i = 0; i < 4; i++) this.turn()
    expect(this.socket.taken.equals(this.written)).toBe(true)
    expect(this.outbox).toMatchObject({ pendingBytes: 0, isBlocked: false, bytesWritten: this.written.length })
    expect(this.flusher.lent.size).toBe(0)
    expect(this.heldBodies).toBe(0)
  }
}

const length = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: 60_000 }),
  fc.constantFrom(131_072, 131_073, 300_000),
)
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom('write' as const, 'inPlace' as const, 'reference' as const), length),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant('drain' as const), fc.oneof(fc.nat(500), fc.nat(400_000))) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('turn' as const), fc.constant(0)) },
)

describe('Outbox', () => {
  test('hands every byte to the socket once and in order, and reuses no block before its bytes are gone', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, isFast) => {
        const room = new Room()
        if (isFast) room.drain(1e12)
        for (const [kind, detail] of steps) {
          room[kind](detail)
          room.check()
        }
        room.finish()
      }),
      { numRuns: 300 },
    )
  })

  test('hands nothing over while the socket has not taken everything, and says when it has', () => {
    const room = new Room()
    room.write(1000)
    room.turn()
    expect(room.outbox.isBlocked).toBe(true)
    room.write(2000)
    room.turn()
    expect(room.socket.writableLength).toBe(1000)
    room.drain(999)
    room.turn()
    expect([room.outbox.isBlocked, room.unblocked]).toEqual([true, 0])
    room.drain(1_000_000)
    room.turn()
    expect([room.outbox.isBlocked, room.unblocked]).toEqual([false, 1])
    room.finish()
  })

  test('waits for its turn to write, unless a block is full', () => {
    const room = new Room()
    room.drain(1e12)
    room.write(1000)
    expect(room.socket.taken.length).toBe(0)
    for (let i = 0; i < 140; i++) room.write(1000)
    expect(room.socket.taken.length).toBeGreaterThan(100_000)
    room.finish()
  })

  test('lends no block when there is nothing to write', () => {
    const room = new Room()
    expect(room.flusher.lent.size).toBe(0)
    room.write(10)
    expect(room.flusher.lent.size).toBe(1)
    room.finish()
  })

  test('drops what is left when the socket is gone', () => {
    const room = new Room()
    room.write(10)
    room.turn()
    room.reference(200_000)
    room.write(10)
    room.socket.destroyed = true
    room.outbox.close()
    room.turn()
    expect(room.outbox.length).toBe(0)
    expect(room.socket.writableLength).toBe(10)
  })
})

describe('OutboxFlusher', () => {
  test('flushes everything that was written in a turn, once, after it', async () => {
    const flusher = new OutboxFlusher()
    const sockets = [new SlowSocket(), new SlowSocket()]
    const outboxes = sockets.map((socket) => new Outbox(socket as unknown as Socket, flusher, () => {}))
    for (const socket of sockets) socket.room = 1000
    for (const outbox of outboxes) for (const text of ['a', 'b', 'c']) outbox.write(Buffer.from(text))
    expect(sockets.map(({ taken }) => taken.length)).toEqual([0, 0])
    await new Promise((resolve) => setImmediate(resolve))
    expect(sockets.map(({ taken, turns }) => [taken.toString(), turns.length])).toEqual([
      ['abc', 1],
      ['abc', 1],
    ])
  })

  test('keeps a bounded number of blocks, of one size', () => {
    const flusher = new OutboxFlusher()
    const blocks = Array.from({ length: 100 }, () => flusher.take(1))
    const large = flusher.take(1_000_000)
    expect(large.size).toBe(1_000_000)
    for (const block of [...blocks, large]) flusher.give(block)
    const again = Array.from({ length: 100 }, () => flusher.take(10))
    expect(again.filter((block) => blocks.includes(block)).length).toBeLessThanOrEqual(64)
    expect(again.includes(large)).toBe(false)
  })
})

test('a thousand outboxes that are written to in one turn use the same few blocks, and each leaves in order', async () => {
  const flusher = new OutboxFlusher()
  const blocks = new Set<Block>()
  const all = Array.from({ length: 1000 }, () => {
    const socket = new SlowSocket()
    socket.room = 1000
    return { socket, outbox: new Outbox(socket as unknown as Socket, flusher, () => {}) }
  })
  for (const text of ['first ', 'second']) {
    for (const [i, { outbox }] of all.entries()) {
      outbox.write(Buffer.from(`${text} ${i} `))
      blocks.add(outbox.block)
    }
  }
  await new Promise((resolve) => setImmediate(resolve))
  expect(all.map(({ socket }) => String(socket.taken))).toEqual(all.map((_, i) => `first  ${i} second ${i} `))
  expect(blocks.size).toBeLessThan(150)
})

test('an outbox that leaves while it waits with many others, over what takes a block for that, leaves once', async () => {
  const flusher = new OutboxFlusher()
  const taken: Buffer[] = []
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, written) => {
      taken.push(Buffer.from(chunk))
      setImmediate(written)
    },
  })
  const outbox = new Outbox(new WriteAhead(stream as unknown as Duplex, flusher), flusher, () => {})
  const sent = Array.from({ length: 5 }, (_, i) => Buffer.alloc(100_000, `${i}`))
  outbox.write(sent[0] as Buffer)
  for (let i = 0; i < 64; i++) {
    new Outbox(new SlowSocket() as unknown as Socket, flusher, () => {}).write(Buffer.from('other'))
  }
  for (const bytes of sent.slice(1)) outbox.write(bytes)
  const expected = Buffer.concat(sent)
  await expect.poll(() => Buffer.concat(taken).length).toBeGreaterThanOrEqual(expected.length)
  expect(Buffer.concat(taken).equals(expected)).toBe(true)
})
