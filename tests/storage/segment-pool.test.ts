import { describe, expect, test, vi } from 'vitest'
import { SEGMENT_BYTES, SegmentPool } from '../../storage/segment-pool.ts'
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

  test('keeps no segment that is larger than a normal one', () => {
    const pool = new SegmentPool()
    const huge = pool.take(SEGMENT_BYTES + 1)
    pool.give(huge)
    expect(pool.take(SEGMENT_BYTES + 1) === huge).toBe(false)
  })

  test('lets go of half of what nobody asked for, every five seconds, down to 8 MiB of a size', () => {
    vi.useFakeTimers()
    try {
      const pool = new SegmentPool()
      const freeSegments = (): number => {
        const taken = Array.from({ length: 200 }, () => pool.take(SEGMENT_BYTES))
        const kept = taken.filter((segment) => known.has(segment)).length
        for (const segment of taken.slice(0, kept)) pool.give(segment)
        return kept
      }
      const known = new Set(Array.from({ length: 200 }, () => pool.take(SEGMENT_BYTES)))
      for (const segment of known) pool.give(segment)
      expect(freeSegments()).toBe(200)
      // In the first five seconds, there was a moment when all were in use.
      vi.advanceTimersByTime(5000)
      vi.advanceTimersByTime(5000)
      expect(pool.freeBytes).toBe(100 * SEGMENT_BYTES)
      vi.advanceTimersByTime(60_000)
      expect(pool.freeBytes).toBe(32 * SEGMENT_BYTES)
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('keeps no more free segments than it may, of all sizes together', () => {
    const pool = new SegmentPool(10 * SEGMENT_BYTES)
    const taken = Array.from({ length: 12 }, () => pool.take(SEGMENT_BYTES))
    const small = pool.take(1024)
    for (const segment of [small, ...taken]) pool.give(segment)
    expect(pool.freeBytes).toBe(9 * SEGMENT_BYTES + 1024)
    expect(pool.take(1024) === small).toBe(true)
    expect(pool.freeBytes).toBe(9 * SEGMENT_BYTES)
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
    expect(pool.take(1024) === second).toBe(true)
    expect(pool.take(1024).block === block).toBe(false)
    block.pins--
    expect(pool.take(1024).block === block).toBe(true)
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
