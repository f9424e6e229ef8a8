// What keeps an index of a queue's messages is shown them after a restart, in order, though most of them are on the disk.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { Segment } from '../../../storage/segment.ts'
import { committed, drain, durable, type TakenMessage, takeMany, takeNow } from '../contract-model.ts'
import { stored } from '../sources.ts'
import { systemError } from './faulty-files.ts'
import { FaultyStore } from './faulty-store.ts'

const COUNT = 3000
const MEMORY_BYTES = 1024 * 1024

let store: FaultyStore
let log: QueueLog

/** Some 3 MB in a dozen segments, each message settled of which this holds. */
async function restart(isSettled: (number: number) => boolean = () => false): Promise<void> {
  for (let number = 0; number < COUNT; number++) {
    log.append(durable(number, 1000))
    if (number % 250 === 249) await committed(store.storage)
  }
  for (const { number, segment, index } of await takeMany(log, COUNT)) {
    if (isSettled(number)) log.settle(segment, index)
  }
  await committed(store.storage)
  await store.reopen()
  log = store.storage.createQueueLog(1)
}

beforeEach(async () => {
  store = await FaultyStore.open({ durability: 'os', memoryBytes: MEMORY_BYTES })
  log = store.storage.createQueueLog(1)
})

afterEach(async () => {
  await store.remove()
})

function numberAt(segment: Segment, index: number): number {
  return Number(stored(segment, index).key.toString().slice(1))
}

/** The numbers of what is shown. */
async function shown(also: (segment: Segment, index: number) => void = () => {}): Promise<number[]> {
  const numbers: number[] = []
  await new Promise<void>((resolve) => {
    const show = (segment: Segment, index: number): void => {
      numbers.push(numberAt(segment, index))
      also(segment, index)
    }
    log.eachReady(show, resolve)
  })
  return numbers
}

const numbersWhere = (holds: (number: number) => boolean): number[] =>
  Array.from({ length: COUNT }, (_, number) => number).filter(holds)

test('all that is ready is shown, the oldest first, in no more memory than the queue may take', async () => {
  await restart((number) => number % 3 === 0)
  let peakBytes = 0
  const numbers = await shown(() => {
    peakBytes = Math.max(peakBytes, store.storage.bytesInUse)
  })
  const ready = numbersWhere((number) => number % 3 !== 0)
  expect(numbers).toEqual(ready)
  expect(peakBytes).toBeGreaterThan(0)
  expect(peakBytes).toBeLessThan(MEMORY_BYTES)
  expect(await drain(log)).toEqual(ready)
})

test('what is shown may be settled at once, up to the last message of its segment', async () => {
  await restart()
  const numbers = await shown((segment, index) => {
    const number = numberAt(segment, index)
    if (number % 100 === 0 || (number >= 500 && number < 2500)) return
    expect(log.takeAt(segment, index)).toBe(true)
    log.settle(segment, index)
  })
  expect(numbers).toEqual(numbersWhere(() => true))
  expect(await drain(log)).toEqual(numbersWhere((number) => number % 100 === 0 || (number >= 500 && number < 2500)))
})

test('what is taken meanwhile is not shown, and neither is what comes meanwhile', async () => {
  await restart()
  const taken: TakenMessage[] = []
  const numbers = await shown((segment, index) => {
    if (numberAt(segment, index) !== 5) return
    for (let count = 0; count < 7; count++) taken.push(takeNow(log))
    log.append(durable(COUNT, 1000))
  })
  expect(taken.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect(numbers).toEqual(numbersWhere((number) => number !== 6))
  for (const { number, segment, index } of taken) if (number % 2 === 0) log.requeue(segment, index)
  expect(await shown()).toEqual([...numbersWhere((number) => number > 6 || number % 2 === 0), COUNT])
})

test('what cannot be read is left out', async () => {
  await restart()
  let reads = 0
  store.files.fault = (operation) => {
    if (operation === 'read' && reads++ === 1) throw systemError('EIO')
  }
  const numbers = await shown()
  expect(store.damage).toHaveLength(1)
  expect(numbers.length).toBeLessThan(COUNT)
  store.files.fault = () => {}
  expect(await drain(log)).toEqual(numbers)
})

test('of a queue that is gone, nothing more is shown', async () => {
  await restart()
  const numbers = await shown((_segment, index) => {
    if (index === 10) log.clear()
  })
  expect(numbers).toEqual(numbersWhere((number) => number <= 10))
})
