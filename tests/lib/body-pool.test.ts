import { describe, expect, test } from 'vitest'
import type { Block } from '../../src/lib/block.ts'
import { BODY_TRAILER_BYTES, BodyPool } from '../../src/lib/body-pool.ts'
import { HandClock } from '../support/hand-clock.ts'

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE

function memoryOf(block: Block): ArrayBufferLike {
  return block.bytes.buffer
}

describe('BodyPool', () => {
  test('lends blocks of the size asked for, with room for a trailer behind them, and wastes at most a quarter', () => {
    const pool = new BodyPool()
    for (let size = 32 * KIBIBYTE; size <= 20 * MEBIBYTE; size = Math.ceil(size * 1.07)) {
      const block = pool.take(size)
      expect(block.size).toBe(size)
      expect(memoryOf(block).byteLength).toBeGreaterThanOrEqual(size + BODY_TRAILER_BYTES)
      expect(memoryOf(block).byteLength).toBeLessThanOrEqual(size * 1.25 + BODY_TRAILER_BYTES)
      expect(block.memory?.bytes.buffer).toBe(memoryOf(block))
    }
  })

  test('takes memory back when the last holder has released it, and lends it again', () => {
    const pool = new BodyPool()
    const first = pool.take(MEBIBYTE)
    first.hold()
    first.release()
    expect(pool.freeBytes).toBe(0)
    expect(memoryOf(pool.take(MEBIBYTE))).not.toBe(memoryOf(first))
    first.release()
    expect(pool.freeBytes).toBe(MEBIBYTE + BODY_TRAILER_BYTES)
    const again = pool.take(MEBIBYTE - 1)
    expect(memoryOf(again)).toBe(memoryOf(first))
    expect(again.size).toBe(MEBIBYTE - 1)
    expect(pool.freeBytes).toBe(0)
  })

  test('counts a block that was lent again anew', () => {
    const pool = new BodyPool()
    pool.take(MEBIBYTE).release()
    const block = pool.take(MEBIBYTE)
    block.hold()
    block.release()
    expect(pool.freeBytes).toBe(0)
    block.release()
    expect(pool.freeBytes).toBeGreaterThan(0)
  })

  test('keeps no more than it may, and neither small blocks nor very large ones', () => {
    const pool = new BodyPool(3 * MEBIBYTE)
    const blocks = Array.from({ length: 5 }, () => pool.take(MEBIBYTE))
    for (const block of blocks) block.release()
    expect(pool.freeBytes).toBe(2 * (MEBIBYTE + BODY_TRAILER_BYTES))
    pool.clear()
    expect(pool.freeBytes).toBe(0)
    for (const size of [100, 20 * MEBIBYTE]) {
      const block = pool.take(size)
      expect(block.size).toBe(size)
      block.release()
    }
    expect(pool.freeBytes).toBe(0)
  })

  test('keeps nothing once it is closed, also of what is released later', () => {
    const pool = new BodyPool()
    const [first, second] = [pool.take(MEBIBYTE), pool.take(MEBIBYTE)]
    first.release()
    pool.close()
    expect(pool.freeBytes).toBe(0)
    second.release()
    expect(pool.freeBytes).toBe(0)
  })

  describe('as time goes by', () => {
    test('gives back what is not used within 30 s, and keeps what is', () => {
      const clock = new HandClock()
      const pool = new BodyPool(undefined, clock)
      const burst = Array.from({ length: 60 }, () => pool.take(MEBIBYTE))
      for (const block of burst) block.release()
      const reused = pool.take(64 * KIBIBYTE)
      reused.release()
      for (let second = 0; second < 29; second++) {
        const block = pool.take(64 * KIBIBYTE)
        expect(memoryOf(block)).toBe(memoryOf(reused))
        clock.turn(1000)
        block.release()
      }
      expect(pool.freeBytes).toBe(memoryOf(reused).byteLength)
      clock.turn(10_000)
      expect(pool.freeBytes).toBe(0)
      const { timersSet } = clock
      clock.turn(60_000)
      expect([clock.timers.size, clock.timersSet]).toEqual([0, timersSet])
    })
  })
})
