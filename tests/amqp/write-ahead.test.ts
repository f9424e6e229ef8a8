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
  expect(slow.ahead.copiedBytes).toBeGreaterThanOrEqual(3)
  await slow.take()
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

test('much that has not left counts as not taken, until there is less of it', async () => {
  const slow = new Slow()
  const written: number[] = []
  for (let at = 0; at < 6; at++) {
    slow.ahead.write(Buffer.alloc(100_000, at), () => written.push(slow.ahead.writableLength))
  }
  expect(slow.ahead.writableLength).toBe(600_000)
  expect(slow.ahead.unsentBytes).toBe(600_000)
  await slow.take()
  expect(written).toEqual([0])
  for (let at = 1; at < 6; at++) await slow.take()
  const all = Buffer.concat(Array.from({ length: 6 }, (_, at) => Buffer.alloc(100_000, at)))
  expect(slow.taken.equals(all)).toBe(true)
  expect(slow.lent.size).toBe(0)
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
