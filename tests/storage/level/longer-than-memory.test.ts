// A queue that is longer than memory keeps its order and its bounds: what is safe on the disk leaves memory and is read back.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { LevelStorageOptions } from '../../../storage/level/level-storage-options.ts'
import { committed, drain, durable, type TakenMessage, takeOne } from '../contract-model.ts'

let folder: string
let storage: LevelStorage
let troubles: unknown[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-long-'))
})

afterEach(async () => {
  await storage.close()
  expect(troubles).toEqual([])
  rmSync(folder, { recursive: true, force: true })
})

async function open(options: Partial<LevelStorageOptions>): Promise<void> {
  troubles = []
  storage = new LevelStorage({
    folder,
    durability: 'os',
    logFileBytes: 256 * 1024,
    onFatal: (error) => troubles.push(error),
    onDamage: (text) => troubles.push(text),
    ...options,
  })
  await storage.open()
}

test('is read back in order while it grows', async () => {
  const memoryBytes = 2 * 1024 * 1024
  await open({ memoryBytes, logFileBytes: 4 * 1024 * 1024 })
  const log = storage.createQueueLog(storage.newQueueId())
  let next = 0
  let appended = 0
  let peak = 0
  for (let round = 0; round < 40; round++) {
    for (let left = 0; left < 400; left++) log.append(durable(appended++, appended % 191 === 0 ? 50_000 : 1000))
    await committed(storage)
    for (let left = 0; left < 150; left++) {
      const { number, segment, index } = await takeOne(log)
      expect(number).toBe(next++)
      log.settle(segment, index)
    }
    peak = Math.max(peak, storage.bytesInUse)
  }
  expect(peak).toBeLessThan(2 * memoryBytes)
  expect(await drain(log)).toEqual(Array.from({ length: appended - next }, (_, i) => next + i))
  expect(storage.bytesInUse).toBe(0)
})

test('is read ahead of need, and calls back when it can be read', async () => {
  await open({ memoryBytes: 0 })
  const log = storage.createQueueLog(storage.newQueueId())
  for (let number = 0; number < 2000; number++) log.append(durable(number, 1000))
  await committed(storage)
  await committed(storage)
  const numbers: number[] = []
  let waits = 0
  while (log.readyCount > 0) {
    const isReady = await new Promise<boolean>((resolve) => {
      if (log.isReadable(() => resolve(false))) resolve(true)
    })
    if (!isReady) waits++
    else {
      log.take()
      const { segment, index } = log
      if (segment === undefined) throw new Error('took nothing')
      numbers.push(numbers.length)
      log.settle(segment, index)
      await new Promise(setImmediate)
    }
  }
  expect(numbers).toHaveLength(2000)
  // Eight segments: the first has to be waited for, hardly another one.
  expect(waits).toBeLessThanOrEqual(3)
})

test('keeps transient messages in memory, where alone they are', async () => {
  await open({ memoryBytes: 0 })
  const log = storage.createQueueLog(storage.newQueueId())
  for (let number = 0; number < 1000; number++) {
    log.append(number % 2 === 0 ? durable(number, 1000) : { ...durable(number, 1000), isDurable: false })
  }
  await committed(storage)
  expect(await drain(log)).toEqual(Array.from({ length: 1000 }, (_, number) => number))
})

test('what was delivered and is not acknowledged leaves memory, too, and can be requeued and settled', async () => {
  const memoryBytes = 1024 * 1024
  await open({ memoryBytes, durability: 'os' })
  const log = storage.createQueueLog(storage.newQueueId())
  for (let number = 0; number < 10_000; number++) {
    log.append(durable(number, 1000))
    if (number % 500 === 0) await committed(storage)
  }
  const taken: TakenMessage[] = []
  for (let number = 0; number < 9_000; number++) {
    taken.push(await takeOne(log))
    if (number % 500 === 0) {
      log.append(durable(10_000, 1000))
      await committed(storage)
    }
  }
  expect(storage.bytesInUse).toBeLessThan(3 * memoryBytes)
  expect([log.readyBytes, log.unackedBytes]).toEqual([1_018_000, 9_000_000])
  for (const { number, segment, index } of taken.toReversed()) {
    if (number % 3 === 0) log.settle(segment, index)
    else log.requeue(segment, index)
  }
  await committed(storage)
  expect([log.readyBytes, log.unackedBytes]).toEqual([7_018_000, 0])
  const rest = await drain(log)
  expect([log.readyBytes, log.unackedBytes]).toEqual([0, 0])
  expect(rest.slice(0, 6000)).toEqual(taken.map(({ number }) => number).filter((number) => number % 3 !== 0))
})
