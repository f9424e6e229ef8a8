import { describe, expect, test } from 'vitest'
import type { Segment } from '../../storage/segment.ts'
import { SEGMENT_BYTES, SegmentPool } from '../../storage/segment-pool.ts'
import { HandClock } from '../support/hand-clock.ts'
import { numbered, source, stored } from './sources.ts'

describe('SegmentPool', () => {
  test.each([1, 1023, 1024, 1025, 2048, 100_000, SEGMENT_BYTES, SEGMENT_BYTES + 1, 5_000_000])(
    'hands out room for %d bytes and counts it while it is in use',
    (size) => {
      const pool = new SegmentPool()
      const segment = pool.take(size)
      expect(segment.block.size).toBeGreaterThanOrEqual(size)
      expect(segment.block.size).toBeLessThanOrEqual(Math.max(1024, size * 2))
      expect(pool.bytesInUse).toBe(segment.block.size)
      pool.give(segment)
      expect(pool.bytesInUse).toBe(0)
    },
  )

  test('hands out again what came back, of the same size class only', () => {
    const pool = new SegmentPool()
    const small = pool.take(1000)
    const large = pool.take(3000)
    pool.give(small)
    pool.give(large)
    expect(pool.take(4096) === large).toBe(true)
    expect(pool.take(1024) === small).toBe(true)
    expect(pool.take(1024) === small).toBe(false)
  })

  test('keeps no block that is larger than a normal one', () => {
    const pool = new SegmentPool()
    const huge = pool.take(SEGMENT_BYTES + 1)
    const { block } = huge
    pool.give(huge)
    expect(pool.take(SEGMENT_BYTES + 1).block === block).toBe(false)
    expect(pool.freeBytes).toBe(0)
  })

  test('gives half of the slabs that were free for five seconds back to the system, and in the end all', () => {
    const clock = new HandClock()
    const pool = new SegmentPool(undefined, clock)
    const taken = Array.from({ length: 4 + 1024 }, () => pool.take(SEGMENT_BYTES)) // the first slab and eight others
    expect(pool.bufferBytes).toBeGreaterThanOrEqual((4 + 1024) * SEGMENT_BYTES)
    for (const segment of taken) pool.give(segment)
    expect(pool.freeBytes).toBe((4 + 1024) * SEGMENT_BYTES)
    // In the first five seconds, there was a moment when all were in use.
    clock.turn(5000)
    clock.turn(5000)
    expect(pool.freeBytes).toBe((4 + 3 * 128) * SEGMENT_BYTES) // as whole slabs
    clock.turn(60_000)
    expect([pool.freeBytes, pool.slackBytes, pool.bufferBytes]).toEqual([0, 0, 0])
    expect(clock.timers.size).toBe(0)
  })

  test('keeps what is used again and again, however short the breaks', () => {
    const clock = new HandClock()
    const pool = new SegmentPool(undefined, clock)
    const known = new Set<object>()
    for (let round = 0; round < 20; round++) {
      const taken = Array.from({ length: 300 }, () => pool.take(SEGMENT_BYTES))
      if (round === 0) for (const { block } of taken) known.add(block)
      expect(taken.every(({ block }) => known.has(block))).toBe(true)
      for (const segment of taken) pool.give(segment)
      clock.turn(4000)
    }
  })

  test('keeps no more free slabs than it may', () => {
    const pool = new SegmentPool(128 * SEGMENT_BYTES)
    const taken = Array.from({ length: 300 }, () => pool.take(SEGMENT_BYTES))
    for (const segment of taken) pool.give(segment)
    expect(pool.freeBytes).toBeLessThanOrEqual(2 * 128 * SEGMENT_BYTES)
  })

  test('releases what is free when it is told to', () => {
    const pool = new SegmentPool()
    const taken = Array.from({ length: 300 }, () => pool.take(SEGMENT_BYTES))
    const last = taken.pop() as Segment
    for (const segment of taken) pool.give(segment)
    pool.release(1)
    expect(pool.freeBytes).toBeGreaterThanOrEqual(128 * SEGMENT_BYTES)
    pool.release(1024 * SEGMENT_BYTES)
    expect(pool.freeBytes).toBeLessThan(128 * SEGMENT_BYTES)
    expect(pool.bytesInUse).toBe(SEGMENT_BYTES)
    pool.give(last)
  })

  test('counts the gaps between blocks', () => {
    const pool = new SegmentPool()
    const small = pool.take(1024)
    expect(pool.slackBytes).toBe(SEGMENT_BYTES - 1024)
    const more = Array.from({ length: 255 }, () => pool.take(1024))
    expect(pool.slackBytes).toBe(0)
    for (const segment of [small, ...more]) pool.give(segment)
    expect(pool.slackBytes).toBe(0)
  })

  test('counts what it lends, until that is given back', () => {
    const pool = new SegmentPool()
    const lent = [SEGMENT_BYTES, 2 * SEGMENT_BYTES].map((bytes) => pool.lend(bytes))
    expect([pool.bytesInUse, pool.slackBytes]).toEqual([0, 3 * SEGMENT_BYTES])
    const slabBytes = 4 * SEGMENT_BYTES
    expect(pool.bufferBytes).toBe(slabBytes + 2 * SEGMENT_BYTES)
    for (const block of lent) pool.takeBack(block)
    expect([pool.slackBytes, pool.bufferBytes]).toEqual([0, slabBytes])
    expect(pool.lend(SEGMENT_BYTES)).toBe(lent[0])
  })

  test('hands out no segment that is being written to the disk', () => {
    const pool = new SegmentPool()
    const first = pool.take(1024)
    const second = pool.take(1024)
    const [block] = [first.block]
    block.pins++
    pool.give(first)
    pool.give(second)
    expect(pool.bytesInUse).toBe(0)
    expect(pool.slackBytes).toBe(SEGMENT_BYTES)
    expect(pool.take(1024) === second).toBe(true)
    expect(pool.take(1024).block === block).toBe(false)
    block.pins--
    expect(pool.take(1024).block === block).toBe(true)
    expect(pool.slackBytes).toBe(SEGMENT_BYTES - 3 * 1024)
  })

  test('has no more for each segment than a share of the room there is', () => {
    const pool = new SegmentPool()
    expect(pool.nextBytesMax).toBe(Number.POSITIVE_INFINITY)
    for (let i = 0; i < 99; i++) pool.take(SEGMENT_BYTES)
    const roomIs = (bytes: number): number => {
      pool.setRoom(bytes)
      return pool.nextBytesMax
    }
    expect(roomIs(99 * SEGMENT_BYTES)).toBe(SEGMENT_BYTES)
    expect(roomIs(50 * SEGMENT_BYTES)).toBe(SEGMENT_BYTES)
    expect(roomIs(49 * SEGMENT_BYTES)).toBe(SEGMENT_BYTES / 2)
    expect(roomIs(SEGMENT_BYTES)).toBe(8192)
    expect(roomIs(-SEGMENT_BYTES)).toBe(8192)
    pool.setRoom(50 * SEGMENT_BYTES)
    for (let i = 0; i < 40; i++) pool.take(SEGMENT_BYTES)
    expect(pool.nextBytesMax).toBe(SEGMENT_BYTES / 8)
  })

  test('knows how much of its slabs was never touched', () => {
    const pool = new SegmentPool()
    expect(pool.untouchedBytes).toBe(0)
    const segment = pool.take(SEGMENT_BYTES)
    expect(pool.untouchedBytes).toBe(3 * SEGMENT_BYTES)
    pool.give(segment)
    expect(pool.untouchedBytes).toBe(3 * SEGMENT_BYTES)
  })

  test('moves the records of a segment to a larger block', () => {
    const pool = new SegmentPool()
    const segment = pool.take(1024)
    for (let i = 0; i < 5; i++) segment.append(source(numbered(i, 40)))
    pool.grow(segment, 4096)
    expect(segment.block.size).toBe(4096)
    expect(pool.bytesInUse).toBe(4096)
    expect(stored(segment, 4)).toEqual(numbered(4, 40))
    expect(pool.take(1024) === segment).toBe(false)
  })
})
