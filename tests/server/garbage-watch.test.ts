import { beforeEach, describe, expect, test } from 'vitest'
import { GarbageWatch } from '../../src/server/garbage-watch.ts'
import { HandClock } from '../support/hand-clock.ts'

const MIB = 1024 * 1024

let strayBytes: number
let heapBytes: number
let clock: HandClock
/** What the next collection leaves, and how long it takes. */
let kept: number
let collectMs: number
let collections: number
let watch: GarbageWatch

beforeEach(() => {
  strayBytes = 5 * MIB
  heapBytes = 10 * MIB
  clock = new HandClock()
  kept = 5 * MIB
  collectMs = 5
  collections = 0
  watch = new GarbageWatch({
    strayBytes: () => strayBytes,
    heapBytes: () => heapBytes,
    now: () => clock.nowMs,
    collect: () => {
      collections++
      strayBytes = kept
      clock.nowMs += collectMs
    },
  })
})

function look(times: number, isShort = false): void {
  for (let i = 0; i < times; i++) {
    clock.nowMs += 1000
    watch.look(isShort)
  }
}

describe('GarbageWatch', () => {
  test('collects what has been garbage for three looks', () => {
    strayBytes = 40 * MIB
    look(2)
    expect(collections).toBe(0)
    look(1)
    expect(collections).toBe(1)
    look(100)
    expect(collections).toBe(1)
  })

  test('does not look through a large heap for little', () => {
    heapBytes = 200 * MIB
    strayBytes = 100 * MIB
    look(10)
    expect(collections).toBe(0)
    strayBytes = 110 * MIB
    look(10)
    expect(collections).toBe(1)
  })

  test('leaves alone what V8 collects by itself', () => {
    for (let i = 0; i < 20; i++) {
      strayBytes = 90 * MIB
      look(2)
      strayBytes = 6 * MIB
      look(1)
    }
    expect(collections).toBe(0)
  })

  test('collects at once when memory is short, small amounts, too', () => {
    strayBytes = 10 * MIB
    look(1)
    expect(collections).toBe(0)
    look(1, true)
    expect(collections).toBe(1)
  })

  test('collects objects, too, when memory is short, and when more of them are there', () => {
    strayBytes = kept = 0
    heapBytes = 30 * MIB
    look(3)
    expect(collections).toBe(0)
    look(1, true)
    expect(collections).toBe(1)
    look(100, true)
    expect(collections).toBe(1)
    heapBytes = 40 * MIB
    look(1, true)
    expect(collections).toBe(2)
  })

  test('does not take what stays for garbage', () => {
    strayBytes = kept = 200 * MIB
    look(3)
    expect(collections).toBe(1)
    look(100)
    expect(collections).toBe(1)
    strayBytes = 240 * MIB
    look(60)
    expect(collections).toBe(2)
  })

  test('looks again for garbage in what seems to stay while memory is short, less and less often', () => {
    strayBytes = kept = 200 * MIB
    look(600, true)
    expect(collections).toBeGreaterThan(5)
    expect(collections).toBeLessThan(25)
    kept = 5 * MIB
    look(70, true)
    expect(strayBytes).toBe(5 * MIB)
  })

  test('looks again soon when a connection is gone that may have held much', () => {
    strayBytes = kept = 200 * MIB
    look(600, true)
    kept = 5 * MIB
    watch.expectGarbage()
    look(3, true)
    expect(strayBytes).toBe(5 * MIB)
  })

  test('collects less often when it frees little', () => {
    for (let i = 0; i < 600; i++) {
      strayBytes += 50 * MIB
      kept = strayBytes - 2 * MIB
      look(1)
    }
    expect(collections).toBeGreaterThan(5)
    expect(collections).toBeLessThan(20)
  })

  test.each([
    ['a hundredth', false, 10],
    ['while memory is short, a tenth', true, 100],
  ])('takes no more than %s of the time', (_, isShort, most) => {
    collectMs = 1000
    for (let i = 0; i < 1000; i++) {
      const before = collections
      look(1, isShort)
      if (collections === before) strayBytes = 100 * MIB
    }
    expect(collections).toBeGreaterThan(most / 2)
    expect(collections).toBeLessThanOrEqual(most)
  })
})
