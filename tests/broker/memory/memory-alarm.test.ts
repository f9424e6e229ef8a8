import { beforeEach, describe, expect, test } from 'vitest'
import { MemoryAlarm, type MemoryUse } from '../../../src/broker/memory/memory-alarm.ts'

const use: MemoryUse = {
  storageBytes: () => storage,
  otherBytes: () => other,
  heapBytes: () => heap,
  heapLimitBytes: 1000,
}

let storage: number
let other: number
let heap: number
let alarm: MemoryAlarm
let changes: boolean[]

beforeEach(() => {
  storage = 0
  other = 100
  heap = 0
  changes = []
  alarm = new MemoryAlarm(1000, use)
  alarm.onChange((isActive) => changes.push(isActive))
})

describe('MemoryAlarm', () => {
  test('is raised by what the storage holds, at once', () => {
    storage = 900
    alarm.check()
    expect(alarm.isActive).toBe(false)
    storage = 901
    alarm.check()
    expect(alarm.isActive).toBe(true)
    expect(alarm.usedBytes).toBe(1001)
  })

  test('ends well below the limit, so that it does not come and go with every message', () => {
    storage = 950
    alarm.check()
    for (const bytes of [890, 860, 851, 850]) {
      storage = bytes
      alarm.check()
      expect(alarm.isActive).toBe(true)
    }
    storage = 849
    alarm.check()
    expect(alarm.isActive).toBe(false)
    storage = 899
    alarm.check()
    expect(alarm.isActive).toBe(false)
    expect(changes).toEqual([true, false])
  })

  test('counts everything else as it was when it was last sampled', () => {
    other = 1500
    alarm.check()
    expect(alarm.isActive).toBe(false)
    alarm.sample()
    expect(alarm.isActive).toBe(true)
    other = 500
    alarm.check()
    expect(alarm.isActive).toBe(true)
    alarm.sample()
    expect(alarm.isActive).toBe(false)
  })

  test('counts what is in no queue yet, at once', () => {
    alarm.heldBytes += 901
    alarm.check()
    expect([alarm.isActive, alarm.usedBytes]).toEqual([true, 1001])
    alarm.heldBytes -= 901
    alarm.check()
    expect(alarm.isActive).toBe(false)
  })

  test('is raised before the heap is full, by objects that were made since the last look, too', () => {
    heap = 450
    alarm.sample()
    expect([alarm.isActive, alarm.excessBytes]).toEqual([false, 0])
    alarm.heldBytes += 1
    alarm.check()
    expect([alarm.isActive, alarm.excessBytes]).toEqual([true, 451 - 450 * 0.95])
    alarm.sample()
    expect(alarm.excessBytes).toBe(450 - 450 * 0.95)
    heap = 427
    alarm.sample()
    expect(alarm.isActive).toBe(false)
  })

  test('is up from the start when everything else is over the limit by itself', () => {
    expect(new MemoryAlarm(50, { ...use, storageBytes: () => 0, otherBytes: () => 51 }).isActive).toBe(true)
  })

  test('is on by hand whatever is used, and off by hand only when use allows', () => {
    alarm.force(true)
    alarm.sample()
    expect([alarm.isActive, alarm.isForced]).toEqual([true, true])
    storage = 950
    alarm.force(false)
    expect([alarm.isActive, alarm.isForced]).toEqual([true, false])
    storage = 0
    alarm.check()
    expect(changes).toEqual([true, false])
  })

  test('tells no listener that has unsubscribed', () => {
    const seen: boolean[] = []
    const unsubscribe = alarm.onChange((isActive) => seen.push(isActive))
    storage = 2000
    alarm.check()
    unsubscribe()
    storage = 0
    alarm.check()
    expect(seen).toEqual([true])
    expect(changes).toEqual([true, false])
  })
})
