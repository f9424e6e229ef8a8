import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { WriteAhead } from '../../src/amqp/write-ahead.ts'
import { allocateBlock, type Block } from '../../src/lib/block.ts'

/** A stream that takes a write when it is told to, and blocks that show when they are used again too early. */
class Slow {
  taken: Buffer = Buffer.alloc(0)
  readonly lent = new Set<Block>()
  readonly #due: (() => void)[] = []
  readonly stream = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      this.#due.push(() => {
        this.taken = Buffer.concat([this.taken, chunk])
        done()
      })
    },
  })
  readonly ahead = new WriteAhead(this.stream, {
    take: (sizeBytes) => {
      const block = allocateBlock(sizeBytes)
      this.lent.add(block)
      return block
    },
    give: (block) => {
      this.lent.delete(block)
      block.bytes.fill(0xdd)
    },
  })

  /** Takes one write; what that leads to happens in the next turn. */
  async take(): Promise<void> {
    this.#due.shift()?.()
    await new Promise(setImmediate)
  }
}

test('what is written counts as taken at once, and may be changed: it was copied', async () => {
  const slow = new Slow()
  const bytes = Buffer.from('one')
  expect(slow.ahead.write(bytes)).toBe(true)
  bytes.fill(0)
  expect(slow.ahead.writableLength).toBe(0)
  // The send timeout counts it until the stream has taken it.
  expect(slow.ahead.unsentBytes).toBe(3)
  expect(slow.ahead.copiedBytes).toBeGreaterThanOrEqual(3)
  await slow.take()
  expect(slow.ahead.unsentBytes).toBe(0)
  expect(slow.taken.toString()).toBe('one')
  expect([slow.lent.size, slow.ahead.copiedBytes]).toEqual([0, 0])
})

test('what is written together leaves together, and its last part tells when it has left', async () => {
  const slow = new Slow()
  let isWritten = false
  slow.ahead.cork()
  slow.ahead.write(Buffer.from('one '))
  slow.ahead.write(Buffer.from('two'), () => {
    isWritten = true
  })
  slow.ahead.uncork()
  expect(slow.lent.size).toBe(1)
  expect(isWritten).toBe(false)
  await slow.take()
  expect([isWritten, slow.taken.toString()]).toEqual([true, 'one two'])
})

test('much that waits counts as not taken, until there is less of it', async () => {
  const slow = new Slow()
  const written: number[] = []
  const piece = (at: number) => Buffer.alloc(300_000, at)
  for (let at = 0; at < 5; at++) slow.ahead.write(piece(at), () => written.push(slow.ahead.writableLength))
  expect(slow.ahead.writableLength).toBe(1_500_000)
  expect(slow.ahead.unsentBytes).toBe(1_500_000)
  await slow.take()
  expect(written).toEqual([0])
  while (slow.stream.writableLength > 0) await slow.take()
  expect(slow.taken.equals(Buffer.concat([0, 1, 2, 3, 4].map(piece)))).toBe(true)
  expect([slow.lent.size, slow.ahead.copiedBytes, slow.ahead.writableLength]).toEqual([0, 0, 0])
})

test('what is written in a turn leaves in the next one, however much it is', async () => {
  const slow = new Slow()
  slow.ahead.write(Buffer.alloc(100))
  const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => at % 251))
  for (let at = 0; at < bytes.length; at += 1000) slow.ahead.write(bytes.subarray(at, at + 1000))
  expect(slow.ahead.writableLength).toBe(0)
  await slow.take()
  expect(slow.stream.writableLength).toBe(1_000_000)
  await slow.take()
  expect(slow.taken.subarray(100).equals(bytes)).toBe(true)
})

test('the stream is given one piece of memory at a time, and what comes meanwhile goes together', async () => {
  const slow = new Slow()
  for (let at = 0; at < 100; at++) slow.ahead.write(Buffer.alloc(1000, at))
  expect(slow.stream.writableLength).toBe(1000)
  await slow.take()
  expect(slow.stream.writableLength).toBe(99_000)
  await slow.take()
  expect(slow.stream.writableLength).toBe(0)
  for (let at = 0; at < 100; at++)
    expect(slow.taken.subarray(at * 1000, at * 1000 + 1000).equals(Buffer.alloc(1000, at))).toBe(true)
})

test('a stream that breaks gives its blocks back', async () => {
  const slow = new Slow()
  slow.stream.on('error', () => {})
  slow.ahead.write(Buffer.from('lost'))
  slow.ahead.write(Buffer.from('lost, too'))
  slow.ahead.destroy(new Error('broken'))
  await slow.take()
  await new Promise(setImmediate)
  expect(slow.lent.size).toBe(0)
})
