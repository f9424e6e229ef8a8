// A connection as bytes, in any pieces: none is lost, shown twice or out of order, whatever is paused, full, broken or over
// meanwhile. The socket is one that does what a test says.
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { OutboxFlusher } from '../../src/amqp/outbox-flusher.ts'
import { READ_BYTES, ReadBuffer } from '../../src/amqp/read-buffer.ts'
import { type Receiver, Transport } from '../../src/amqp/transport.ts'
import type { Block } from '../../src/lib/block.ts'
import { LONG_WORK, Turn } from '../../src/lib/turn.ts'
import { HandClock } from '../support/hand-clock.ts'

class FakeSocket extends EventEmitter {
  destroyed = false
  isPaused = false
  isEnded = false
  /** What it was given and the kernel has not taken. */
  writableLength = 0
  #written: (() => void)[] = []
  /** Whether the kernel has room. */
  isWritable = true

  setNoDelay(): void {}
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
  end(): void {
    this.isEnded = true
  }

  write(bytes: Uint8Array, written: () => void): void {
    if (this.isWritable) return void setImmediate(written)
    this.writableLength += bytes.length
    this.#written.push(written)
  }

  /** The peer reads: the kernel takes all. */
  drain(): void {
    this.isWritable = true
    this.writableLength = 0
    for (const written of this.#written.splice(0)) written()
  }

  /** As with Node's, what it tells comes later. */
  destroy(error?: Error): void {
    if (this.destroyed) return
    this.destroyed = true
    const tell = (): void => {
      if (error !== undefined) this.emit('error', error)
      this.emit('close')
    }
    setImmediate(() => setImmediate(tell))
  }
}

/** Wants whole units: a byte that says how long the rest is, and the rest. */
class UnitReceiver implements Receiver {
  readonly units: string[] = []
  readonly events: string[] = []
  keptBytes = 0
  /** Looks at no more than so many units at a time. */
  unitsMax = Number.POSITIVE_INFINITY
  onUnit = (_: string): void => {}

  receive(block: Block, start: number, end: number): number {
    let at = start
    for (let left = this.unitsMax; left > 0 && at < end; left--) {
      const unitEnd = at + 1 + (block.bytes[at] as number)
      if (unitEnd > end) break
      const unit = block.bytes.toString('latin1', at + 1, unitEnd)
      at = unitEnd
      this.units.push(unit)
      this.onUnit(unit)
    }
    return at
  }

  finds(): boolean {
    return true
  }
  isInLargeBody(): boolean {
    return false
  }
  place(): boolean {
    return false
  }
  kept(bytes: number): void {
    this.keptBytes += bytes
  }
  unblocked(): void {
    this.events.push('unblocked')
  }
  failed(error: Error): void {
    this.events.push(`failed: ${error.message}`)
  }
  closed(): void {
    this.events.push('closed')
  }
}

const FRAME_MAX = 4096

let clock: HandClock
let socket: FakeSocket
let receiver: UnitReceiver
let transport: Transport
let turn: Turn

beforeEach(() => {
  clock = new HandClock()
  socket = new FakeSocket()
  receiver = new UnitReceiver()
  turn = new Turn(() => clock.nowMs)
  transport = new Transport(
    socket as unknown as Socket, // all that is asked of it
    new ReadBuffer(FRAME_MAX),
    turn,
    new OutboxFlusher(),
    receiver,
  )
})

function arrive(bytes: Uint8Array): void {
  socket.emit('data', Buffer.from(bytes))
}

function unit(text: string): Buffer {
  return Buffer.concat([Buffer.of(text.length), Buffer.from(text, 'latin1')])
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

async function closed(): Promise<void> {
  while (!receiver.events.includes('closed')) await nextTurn()
}

test('units come whole and in their order, however their bytes are cut', () => {
  const texts = fc.array(fc.string({ maxLength: 255, unit: 'binary-ascii' }), { maxLength: 40 })
  fc.assert(
    fc.property(texts, fc.array(fc.integer({ min: 1, max: 300 })), (sent, cuts) => {
      receiver.units.length = 0
      const bytes = Buffer.concat(sent.map(unit))
      let at = 0
      for (const length of [...cuts, bytes.length]) {
        if (at < bytes.length) arrive(bytes.subarray(at, at + length))
        at += length
      }
      expect(receiver.units).toEqual(sent)
    }),
  )
})

test('a piece that is larger than the buffer comes in parts', () => {
  const text = 'x'.repeat(255)
  const count = Math.ceil((3 * READ_BYTES) / 256)
  arrive(Buffer.concat(Array.from({ length: count }, () => unit(text))))
  expect(receiver.units).toEqual(Array(count).fill(text))
  expect(transport.bytesRead).toBe(count * 256)
})

describe('once it is paused', () => {
  test('what was left over waits, and comes in front of what arrives afterwards', async () => {
    receiver.unitsMax = 1
    arrive(Buffer.concat([unit('first'), unit('second')]))
    transport.pause()
    expect([receiver.units, socket.isPaused]).toEqual([['first'], true])
    await nextTurn()
    expect(receiver.units).toEqual(['first'])
    receiver.unitsMax = Number.POSITIVE_INFINITY
    transport.resume()
    // Not at once: who resumes it is in the middle of something else.
    expect(receiver.units).toEqual(['first'])
    arrive(unit('third'))
    await nextTurn()
    expect([receiver.units, socket.isPaused]).toEqual([['first', 'second', 'third'], false])
  })

  test('what arrives all the same is not looked at: encryption gives what it has read already', async () => {
    receiver.onUnit = () => transport.pause()
    arrive(unit('first'))
    arrive(unit('second'))
    arrive(unit('third'))
    expect([receiver.units, receiver.keptBytes > 0]).toEqual([['first'], true])
    receiver.onUnit = () => {}
    transport.resume()
    await nextTurn()
    expect(receiver.units).toEqual(['first', 'second', 'third'])
  })

  test('neither is the rest of a piece that is larger than the buffer', async () => {
    const text = 'x'.repeat(255)
    const count = (3 * READ_BYTES) / 256
    receiver.onUnit = () => transport.pause()
    arrive(Buffer.concat(Array.from({ length: count }, () => unit(text))))
    expect(receiver.units.length).toBe(READ_BYTES / 256)
    transport.resume()
    await nextTurn()
    expect([receiver.units.length, transport.bytesRead]).toEqual([count, count * 256])
  })

  test('it may be paused again before it goes on', async () => {
    receiver.unitsMax = 1
    arrive(Buffer.concat([unit('first'), unit('second')]))
    transport.pause()
    transport.resume()
    transport.pause()
    await nextTurn()
    expect([receiver.units, socket.isPaused, transport.isGoingOnLater]).toEqual([['first'], true, false])
    transport.resume()
    await nextTurn()
    expect([receiver.units, socket.isPaused]).toEqual([['first', 'second'], false])
  })

  test('it may be paused again by what it looks at first', async () => {
    receiver.unitsMax = 1
    arrive(Buffer.concat([unit('first'), unit('second')]))
    transport.pause()
    receiver.onUnit = () => transport.pause()
    transport.resume()
    await nextTurn()
    expect([receiver.units, socket.isPaused]).toEqual([['first', 'second'], true])
  })
})

test('what takes longer than its share of a turn goes on in the next', async () => {
  receiver.unitsMax = 1
  receiver.onUnit = () => {
    clock.nowMs += 1
    turn.spend(LONG_WORK)
  }
  arrive(Buffer.concat([unit('first'), unit('second'), unit('third')]))
  expect([receiver.units, socket.isPaused, transport.isGoingOnLater]).toEqual([['first'], true, true])
  await nextTurn()
  expect(receiver.units).toEqual(['first', 'second'])
  await nextTurn()
  expect(receiver.units).toEqual(['first', 'second', 'third'])
  await nextTurn()
  expect([socket.isPaused, transport.isGoingOnLater]).toEqual([false, false])
})

test('of a very large piece, what has to wait is looked at once in a turn, and copied once', async () => {
  const pieces = vi.spyOn(receiver, 'receive')
  receiver.unitsMax = 1
  receiver.onUnit = () => {
    clock.nowMs += 3 // also more than what a connection has that was alone for long, as on a busy machine
    turn.spend(LONG_WORK)
  }
  arrive(Buffer.concat(Array.from({ length: 100_000 }, () => unit('x'.repeat(200)))))
  expect(pieces.mock.calls.length).toBe(1)
  await nextTurn()
  const [block] = pieces.mock.lastCall ?? []
  await nextTurn()
  expect([pieces.mock.calls.length, pieces.mock.lastCall?.[0] === block]).toEqual([3, true])
})

test('a client whose input is used up waits for no other turn, even if others have taken its time', () => {
  receiver.onUnit = () => {
    clock.nowMs += 1
  }
  arrive(unit('first'))
  expect([receiver.units, socket.isPaused, transport.isGoingOnLater]).toEqual([['first'], false, false])
  // As much as can be read at once: there probably is more.
  arrive(Buffer.concat(Array.from({ length: 400 }, () => unit('x'.repeat(200)))).subarray(0, READ_BYTES))
  expect([socket.isPaused, transport.isGoingOnLater]).toEqual([true, true])
})

describe('when the socket', () => {
  test.each([
    ['breaks', () => socket.destroy(new Error('ECONNRESET')), ['failed: ECONNRESET', 'closed']],
    ['is ended by the client', () => socket.emit('end'), ['closed']],
    ['is destroyed', () => transport.destroy(), ['closed']],
  ])('%s, that is told once, and what was left over is forgotten', async (_, end, events) => {
    receiver.unitsMax = 1
    arrive(Buffer.concat([unit('first'), unit('second'), unit('third').subarray(0, 2)]))
    expect(receiver.keptBytes).toBeGreaterThan(0)
    transport.outbox.write(Buffer.from('never read'))
    end()
    transport.resume()
    transport.destroy()
    await closed()
    expect([receiver.events, receiver.units, receiver.keptBytes]).toEqual([events, ['first'], 0])
  })

  test('is ended by the client, what waited for the next turn comes first', async () => {
    receiver.unitsMax = 1
    receiver.onUnit = () => {
      clock.nowMs += 1
      turn.spend(LONG_WORK)
    }
    arrive(Buffer.concat([unit('first'), unit('second'), unit('third'), unit('fourth').subarray(0, 2)]))
    expect(receiver.units).toEqual(['first'])
    // As Node.js does it with encryption: also of a socket that is paused.
    socket.emit('end')
    await closed()
    expect([receiver.units, receiver.keptBytes]).toEqual([['first', 'second', 'third'], 0])
  })

  test('breaks in the middle of a piece, the rest of it is not looked at in a later turn', async () => {
    receiver.unitsMax = 1
    receiver.onUnit = () => socket.destroy(new Error('EPIPE'))
    arrive(Buffer.concat([unit('first'), unit('second')]))
    await closed()
    expect([receiver.units, receiver.events]).toEqual([['first'], ['failed: EPIPE', 'closed']])
  })
})

test.each(['in a piece that arrives', 'in what was left over'])(
  'a mistake of the receiver ends the connection: %s',
  async (where) => {
    const fail = (): void => {
      throw new Error('broken inside')
    }
    receiver.unitsMax = 1
    if (where === 'in a piece that arrives') receiver.onUnit = fail
    arrive(Buffer.concat([unit('first'), unit('second')]))
    receiver.onUnit = fail
    transport.resume()
    await closed()
    expect(receiver.events).toEqual(['failed: broken inside', 'closed'])
  },
)

describe('while the peer reads nothing', () => {
  beforeEach(() => {
    socket.isWritable = false
    transport.outbox.write(Buffer.from('answer'))
    transport.outbox.flush()
  })

  test('the receiver is told once there is room again', () => {
    expect([transport.outbox.isBlocked, receiver.events]).toEqual([true, []])
    socket.drain()
    expect([transport.outbox.isBlocked, receiver.events]).toEqual([false, ['unblocked']])
  })

  test('the socket does not end before all has left, and the receiver is told of nothing but its end', () => {
    transport.outbox.write(Buffer.from('goodbye'))
    transport.end()
    expect(socket.isEnded).toBe(false)
    socket.drain()
    expect([socket.isEnded, receiver.events]).toEqual([true, []])
  })

  test('it may break before it has taken what it was to end with', async () => {
    transport.end()
    socket.destroy(new Error('ECONNRESET'))
    socket.drain()
    await closed()
    expect([socket.isEnded, receiver.events]).toEqual([false, ['failed: ECONNRESET', 'closed']])
  })
})

test('once our side ends, what was left over of the input is forgotten', async () => {
  receiver.unitsMax = 1
  arrive(Buffer.concat([unit('first'), unit('second')]))
  transport.end()
  expect([socket.isEnded, receiver.keptBytes]).toEqual([true, 0])
  transport.resume()
  await nextTurn()
  expect(receiver.units).toEqual(['first'])
})

test('over what takes one piece at a time, our side ends behind all that was written', async () => {
  let [taken, isEnded] = ['', false]
  const due: (() => void)[] = []
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, written) => {
      taken += chunk.toString()
      due.push(written)
    },
    final: (ended) => {
      isEnded = true
      ended()
    },
  })
  const own = new Transport(stream, new ReadBuffer(FRAME_MAX), turn, new OutboxFlusher(), receiver)
  for (const text of ['delivery ', 'close-ok']) {
    own.outbox.write(Buffer.from(text))
    own.outbox.flush()
  }
  own.end()
  for (let i = 0; i < 5; i++) {
    due.shift()?.()
    await nextTurn()
  }
  expect([taken, isEnded, receiver.events]).toEqual(['delivery close-ok', true, []])
})
