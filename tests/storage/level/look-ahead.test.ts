// Looking at what is due next, be it in memory or not.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lookThrough } from '../../../storage/look-ahead.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { Segment } from '../../../storage/segment.ts'
import { committed, drain, durable, takeMany } from '../contract-model.ts'
import { stored } from '../sources.ts'
import { systemError } from './faulty-files.ts'
import { FaultyStore } from './faulty-store.ts'

const COUNT = 3000
const MEMORY_BYTES = 1024 * 1024

let store: FaultyStore
let log: QueueLog

beforeEach(async () => {
  store = await FaultyStore.open({ durability: 'os', memoryBytes: MEMORY_BYTES })
  log = store.storage.createQueueLog(1)
  // Some 3 MB in a dozen segments, of which a third fits into memory.
  for (let number = 0; number < COUNT; number++) {
    log.append(durable(number, 1000))
    if (number % 250 === 249) await committed(store.storage)
  }
})

afterEach(async () => {
  await store.remove()
})

async function restart(): Promise<void> {
  await committed(store.storage)
  await store.reopen()
  log = store.storage.createQueueLog(1)
}

interface Peeked {
  readonly number: number
  readonly deliveries: number
}

async function peek(count: number, also: () => void = () => {}): Promise<Peeked[]> {
  const seen: Peeked[] = []
  await new Promise<void>((resolve) => {
    const show = (segment: Segment, index: number, deliveries: number): boolean => {
      also()
      return seen.push({ number: Number(stored(segment, index).key.toString().slice(1)), deliveries }) < count
    }
    lookThrough(log.lookAhead(), show, resolve)
  })
  return seen
}

const numbers = (peeked: readonly Peeked[]) => peeked.map(({ number }) => number)
const upTo = (count: number) => Array.from({ length: count }, (_, number) => number)

test('all of a queue longer than memory is shown in order, in no more memory, and stays as it was', async () => {
  await restart()
  let peakBytes = 0
  const peeked = await peek(COUNT, () => {
    peakBytes = Math.max(peakBytes, store.storage.bytesInUse)
  })
  expect(numbers(peeked)).toEqual(upTo(COUNT))
  expect(peakBytes).toBeLessThan(MEMORY_BYTES)
  expect(new Set(peeked.map(({ deliveries }) => deliveries))).toEqual(new Set([0]))
  expect(log.readyCount).toBe(COUNT)
  expect(await drain(log)).toEqual(upTo(COUNT))
})

test('no more is read back than what is looked at', async () => {
  await restart()
  let reads = 0
  store.files.fault = (operation) => {
    if (operation === 'read') reads++
  }
  expect(numbers(await peek(3))).toEqual([0, 1, 2])
  const few = reads
  await peek(COUNT)
  expect(reads).toBeGreaterThan(few * 3)
})

test('what came back is shown first, with how often it was delivered, over a restart, too', async () => {
  const taken = await takeMany(log, 2000)
  for (const { number, segment, index } of taken) {
    if (number % 700 === 0) log.requeue(segment, index)
  }
  const expected = [0, 700, 1400, 2000, 2001]
  const peeked = await peek(expected.length)
  expect(numbers(peeked)).toEqual(expected)
  expect(peeked.map(({ deliveries }) => deliveries)).toEqual([1, 1, 1, 0, 0])
  for (const { number, segment, index } of taken) if (number > 2 && number % 700 !== 0) log.settle(segment, index)
  await restart()
  const again = await peek(COUNT)
  expect(numbers(again).slice(0, 6)).toEqual([0, 1, 2, 700, 1400, 2000])
  // What was not acknowledged comes back by the restart, and nothing is noted by looking at it.
  expect(again.slice(0, 6).map(({ deliveries }) => deliveries)).toEqual([1, 1, 1, 1, 1, 0])
  expect(await peek(COUNT)).toEqual(again)
})

test.each([
  ['purged', () => log.purge()],
  ['cleared', () => log.clear()],
])('what is %s while it is read back is not shown', async (_, act) => {
  await restart()
  const peeked = peek(COUNT)
  act()
  log.append(durable(COUNT, 1000))
  expect(numbers(await peeked).filter((number) => number !== COUNT)).toEqual([])
})

test('what cannot be read is left out', async () => {
  await restart()
  let reads = 0
  store.files.fault = (operation) => {
    if (operation === 'read' && reads++ === 1) throw systemError('EIO')
  }
  const peeked = await peek(COUNT)
  expect(store.damage).toHaveLength(1)
  expect(peeked.length).toBeLessThan(COUNT)
  store.files.fault = () => {}
  expect(await drain(log)).toEqual(numbers(peeked))
})
