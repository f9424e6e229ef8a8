import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allocateBlock, Block, copyBytes, EMPTY_BLOCK, equalBytes, hashBytes } from '../../src/lib/block.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some))
const SEED = 0x811c9dc5
const room = fc.integer({ min: 0, max: 20 })

describe('copyBytes', () => {
  test('copies exactly the range, of any length and at any place', () => {
    fc.assert(
      fc.property(bytes, room, room, room, (content, before, at, behind) => {
        const source = new Block(Buffer.concat([Buffer.alloc(before, 1), content, Buffer.alloc(behind, 2)]))
        const target = new Block(Buffer.alloc(at + content.length + behind, 0xaa))
        copyBytes(target, at, source, before, before + content.length)
        const expected = Buffer.concat([Buffer.alloc(at, 0xaa), content, Buffer.alloc(behind, 0xaa)])
        expect(target.bytes.equals(expected)).toBe(true)
      }),
    )
  })

  test('reads and writes blocks that are parts of larger buffers', () => {
    const source = new Block(Buffer.from('..hello..').subarray(2, 7))
    const target = new Block(Buffer.from('........').subarray(1, 7))
    copyBytes(target, 1, source, 0, 5)
    expect(target.bytes.toString()).toBe('.hello')
  })
})

describe('equalBytes', () => {
  test('compares the two ranges and nothing around them', () => {
    fc.assert(
      fc.property(bytes, room, room, (content, before, at) => {
        const a = new Block(Buffer.concat([Buffer.alloc(before, 1), content, Buffer.alloc(9, 1)]))
        const b = new Block(Buffer.concat([Buffer.alloc(at, 2), content, Buffer.alloc(9, 2)]))
        expect(equalBytes(a, before, b, at, content.length)).toBe(true)
      }),
    )
  })

  test('sees any single octet that differs', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (content, place, change) => {
        fc.pre(content.length > 0)
        const other = Buffer.from(content)
        const at = place % content.length
        other[at] = other.readUInt8(at) ^ change
        expect(equalBytes(new Block(content), 0, new Block(other), 0, content.length)).toBe(false)
      }),
    )
  })
})

describe('hashBytes', () => {
  test('depends on the content alone', () => {
    fc.assert(
      fc.property(bytes, room, room, (content, before, behind) => {
        const block = new Block(Buffer.concat([Buffer.alloc(before, 7), content, Buffer.alloc(behind, 8)]))
        const hash = hashBytes(block, before, before + content.length, SEED)
        expect(hash).toBe(hashBytes(new Block(content), 0, content.length, SEED))
        expect(Number.isInteger(hash)).toBe(true)
      }),
    )
  })

  test('spreads keys that differ in their last octets over the slots of a table', () => {
    const slots = new Set<number>()
    for (let i = 0; i < 4096; i++) {
      const key = Buffer.from(`orders.eu.${i}`)
      slots.add(hashBytes(new Block(key), 0, key.length, SEED) & 0xfff)
    }
    expect(slots.size).toBeGreaterThan(2000) // about 2590 of the 4096 if they were random
  })
})

test('a new block has the size asked for and memory of its own', () => {
  const block = allocateBlock(10)
  expect(block.size).toBe(10)
  expect(block.bytes.length).toBe(10)
  expect(block.view.byteLength).toBe(10)
  expect(block.bytes.buffer.byteLength).toBe(10)
  expect(EMPTY_BLOCK.size).toBe(0)
})
