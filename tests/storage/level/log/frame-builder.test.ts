import { expect, test } from 'vitest'
import { allocateBlock, type Block } from '../../../../src/lib/block.ts'
import { BodyPool } from '../../../../src/lib/body-pool.ts'
import { FrameBuilder } from '../../../../storage/level/log/frame-builder.ts'

test('a body is not used again while a frame with it is on its way to the disk', () => {
  const pool = new BodyPool()
  const builder = new FrameBuilder()
  const body = pool.take(100_000)
  builder.body(body)
  builder.body(body)
  body.release()
  builder.finish(1, Buffer.alloc(16))
  expect(pool.freeBytes).toBe(0)
  builder.written()
  expect(pool.freeBytes).toBeGreaterThan(100_000)
})

test('a large commit borrows blocks of one size, and gives them back once it is written', () => {
  const lent: Block[] = []
  const returned: Block[] = []
  const builder = new FrameBuilder({
    lend: (bytes) => {
      const block = allocateBlock(bytes)
      lent.push(block)
      return block
    },
    takeBack: (block) => void returned.push(block),
  })
  const value = Buffer.alloc(10_000)
  const put = (count: number): Buffer => {
    for (let key = 0; key < count; key++) builder.put(1, Buffer.from(`key ${key}`), value.fill(key))
    return Buffer.concat(builder.finish(1, Buffer.alloc(16)))
  }
  expect(put(50).length).toBeGreaterThan(500_000)
  builder.written()
  expect(lent).toEqual([])
  const large = put(1000)
  expect(new Set(lent.map(({ size }) => size))).toEqual(new Set([256 * 1024]))
  expect(lent.length * 256 * 1024).toBeLessThan(large.length)
  for (const key of [0, 500, 999]) {
    const at = large.indexOf(`key ${key}`) + `key ${key}`.length
    expect(large.subarray(at, at + 10_000).equals(Buffer.alloc(10_000, key))).toBe(true)
  }
  expect(returned).toEqual([])
  builder.written()
  expect(returned).toEqual(lent)
  builder.put(1, Buffer.from('huge'), Buffer.alloc(2_000_000))
  expect(Buffer.concat(builder.finish(2, Buffer.alloc(16))).length).toBeGreaterThan(2_000_000)
  builder.written()
  expect(returned).toEqual(lent)
  expect(put(50).length).toBeGreaterThan(500_000)
  expect(lent.length).toBe(returned.length)
})
