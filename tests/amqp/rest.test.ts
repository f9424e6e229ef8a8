import { describe, expect, test } from 'vitest'
import { Rest, RestBlocks } from '../../src/amqp/rest.ts'
import { allocateBlock, Block } from '../../src/lib/block.ts'

const READ_BYTES = 64 * 1024

function setUp() {
  const memory = { bytes: 0 }
  const blocks = new RestBlocks(READ_BYTES)
  const rest = new Rest(blocks, (bytes) => {
    memory.bytes += bytes
  })
  return { rest, blocks, memory }
}

/** Bytes that differ from place to place. */
function input(bytes: number, first = 0): Block {
  return new Block(Buffer.from(Array.from({ length: bytes }, (_, i) => (first + i * 7) % 251)))
}

function content({ block, start, end }: Rest): Buffer {
  return Buffer.from(block.bytes.subarray(start, end))
}

describe('Rest', () => {
  for (const bytes of [1, 40, 300, 4096, 4097, 30_000, READ_BYTES]) {
    for (const isForNextTurn of [true, false]) {
      test(`keeps a copy of ${bytes} bytes${isForNextTurn ? ' for the next turn' : ''}, and what is left of them`, () => {
        const { rest } = setUp()
        const source = input(bytes + 5)
        const expected = Buffer.from(source.bytes.subarray(5))
        rest.keep(source, 5, bytes + 5, isForNextTurn)
        source.bytes.fill(0)
        expect(content(rest).equals(expected)).toBe(true)
        for (let from = 0; from < bytes; from += Math.ceil(bytes / 5)) {
          const { end } = rest
          rest.keep(rest.block, end - (bytes - from), end, isForNextTurn)
          expect(content(rest).equals(expected.subarray(from))).toBe(true)
        }
      })
    }
  }

  test('joins what it keeps with what comes', () => {
    const { rest, memory } = setUp()
    rest.keep(input(6000), 1000, 6000, false)
    rest.append(input(9000, 3), 2000, 9000)
    const expected = Buffer.concat([input(6000).bytes.subarray(1000), input(9000, 3).bytes.subarray(2000)])
    expect(content(rest).equals(expected)).toBe(true)
    expect(memory.bytes).toBe(12_000)
  })

  test('a short rest takes little memory, whatever was kept before it', () => {
    const { rest, memory } = setUp()
    rest.keep(input(60_000), 0, 60_000, true)
    expect(memory.bytes).toBeGreaterThanOrEqual(60_000)
    rest.keep(rest.block, 59_960, 60_000, false)
    expect(rest.bytes).toBe(40)
    expect(memory.bytes).toBeLessThan(1000)
  })

  test('what waits for more of a frame takes little more than it needs', () => {
    const { rest, memory } = setUp()
    rest.keep(input(10_000), 0, 10_000, false)
    expect(memory.bytes).toBeLessThan(20_000)
  })

  test('nothing is kept after the end, and all that was counted is taken off', () => {
    const { rest, memory } = setUp()
    rest.keep(input(50), 0, 50, false)
    rest.keep(input(60_000), 0, 60_000, true)
    rest.clear()
    expect([rest.bytes, memory.bytes]).toEqual([0, 0])
  })

  test('a rest for the next turn lies in a block that the next one uses again', () => {
    const { rest, blocks } = setUp()
    rest.keep(input(60_000), 0, 60_000, true)
    const { block } = rest
    rest.keep(block, 60_000, 60_000, false)
    const next = new Rest(blocks, () => {})
    next.keep(input(50_000), 0, 50_000, true)
    expect(next.block).toBe(block)
  })

  test('no block of another size is shared', () => {
    const { blocks } = setUp()
    const foreign = allocateBlock(100)
    blocks.give(foreign)
    expect(blocks.take(100)).not.toBe(foreign)
    expect(blocks.take(200_000).size).toBe(200_000)
  })
})
