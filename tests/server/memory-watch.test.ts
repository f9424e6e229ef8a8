import { describe, expect, test, vi } from 'vitest'
import { MemoryAlarm } from '../../src/broker/memory/memory-alarm.ts'
import { BodyPool } from '../../src/lib/body-pool.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import type { MemoryFigures } from '../../src/lib/memory-figures.ts'
import { RareLines } from '../../src/lib/rare-lines.ts'
import { GarbageWatch } from '../../src/server/garbage-watch.ts'
import { MemoryWatch, programBytes, strayBytes } from '../../src/server/memory-watch.ts'
import { SegmentPool } from '../../storage/segment-pool.ts'
import { HandClock } from '../support/hand-clock.ts'

const MIB = 1024 * 1024
const FIGURES: MemoryFigures = {
  heapUsedBytes: 20 * MIB,
  heapReservedBytes: 30 * MIB,
  bufferBytes: 200 * MIB,
  residentBytes: 290 * MIB,
}

/** In MiB. */
function program(figures: Partial<MemoryFigures>, limitMib = 1000, untouchedMib = 0): number {
  return programBytes(limitMib * MIB, { ...FIGURES, ...figures }, untouchedMib * MIB) / MIB
}

describe('what the process takes beside its buffers', () => {
  test('is what the system says, with all that V8 keeps for objects', () => {
    expect(program({})).toBe(290 - 200)
    expect(program({ heapUsedBytes: 25 * MIB })).toBe(90)
  })

  test('has buffers in it that were not touched yet', () => {
    expect(program({}, 1000, 20)).toBe(290 - 180)
  })

  test('is never less than what a program takes, whatever the system says', () => {
    expect(program({ residentBytes: 100 * MIB })).toBe(50 + 30)
    expect(program({ residentBytes: undefined })).toBe(50 + 30)
  })

  test('leaves room for messages under a small limit: only objects count whatever they take', () => {
    expect(program({ residentBytes: 1000 * MIB, heapReservedBytes: 300 * MIB }, 100)).toBe(20 + 20 + 10)
    expect(program({ heapUsedBytes: 30 * MIB }, 1)).toBeCloseTo(30 + 0.2)
  })
})

describe('buffers that are not known', () => {
  const stray = (figures: Partial<MemoryFigures>, knownMib: number, untouchedMib = 0): number =>
    strayBytes({ ...FIGURES, ...figures }, knownMib * MIB, untouchedMib * MIB) / MIB

  test('are all but the known ones', () => {
    expect(stray({}, 150)).toBe(50)
    expect(stray({}, 210)).toBe(0)
    expect(stray({ residentBytes: undefined }, 150)).toBe(50)
  })

  test('are no more than what the system has given for them, though a program may have reserved much more', () => {
    expect(stray({ bufferBytes: 20_000 * MIB }, 150)).toBe(290 - 30 - 150)
    expect(stray({ bufferBytes: 20_000 * MIB }, 150, 100)).toBe(290 - 30 - 50)
    expect(stray({ bufferBytes: 20_000 * MIB, residentBytes: 100 * MIB }, 150)).toBe(0)
  })
})

test('what messages may take is known from the start, and with every look', () => {
  vi.useFakeTimers()
  const clock = new HandClock()
  const rooms: number[] = []
  const pool = new SegmentPool(0, clock)
  const storage = Object.assign(pool, { setRoom: (bytes: number) => void rooms.push(bytes / MIB) })
  const use = { storageBytes: () => 0, otherBytes: () => 100 * MIB, heapBytes: () => 0, heapLimitBytes: 1000 * MIB }
  const watch = new MemoryWatch({
    memory: new MemoryAlarm(300 * MIB, use),
    storage,
    bodies: new BodyPool(0, clock),
    garbage: new GarbageWatch({ strayBytes: () => 0, heapBytes: () => 0, now: () => 0, collect: () => {} }),
    logger: silentLogger,
    rareLines: new RareLines(silentLogger),
    relieve: () => {},
  })
  watch.start()
  expect(rooms).toEqual([200])
  vi.advanceTimersByTime(2000)
  expect(rooms).toEqual([200, 200, 200])
  watch.stop()
  vi.useRealTimers()
})

test('near the limit, those that publish much wait for a moment, and then the alarm is due', () => {
  vi.useFakeTimers()
  const clock = new HandClock()
  const pool = new SegmentPool(0, clock)
  let usedMib = 500
  const use = {
    storageBytes: () => usedMib * MIB,
    otherBytes: () => 0,
    heapBytes: () => 0,
    heapLimitBytes: 10_000 * MIB,
  }
  const memory = new MemoryAlarm(1000 * MIB, use)
  const watch = new MemoryWatch({
    memory,
    storage: Object.assign(pool, { setRoom: () => {} }),
    bodies: new BodyPool(MIB, clock),
    garbage: new GarbageWatch({ strayBytes: () => 0, heapBytes: () => 0, now: () => clock.monotonicMs() }),
    logger: silentLogger,
    rareLines: new RareLines(silentLogger),
    relieve: () => {},
  })
  watch.start()
  const grow = (mib: number): void => {
    usedMib = mib
    memory.check()
  }
  grow(890)
  expect(memory.pacing.isActive).toBe(false)
  grow(910)
  expect([memory.pacing.isActive, memory.isActive]).toEqual([true, false])
  grow(850)
  expect(memory.pacing.isActive).toBe(false)
  grow(910)
  vi.advanceTimersByTime(199)
  expect(memory.pacing.isActive).toBe(true)
  vi.advanceTimersByTime(1)
  expect(memory.pacing.isActive).toBe(false)
  // It is not the time for that again before memory has been well below the limit.
  grow(880)
  grow(950)
  expect(memory.pacing.isActive).toBe(false)
  grow(1001)
  expect(memory.isActive).toBe(true)
  grow(850)
  expect([memory.isActive, memory.near.isActive]).toEqual([false, false])
  watch.stop()
  vi.useRealTimers()
})
