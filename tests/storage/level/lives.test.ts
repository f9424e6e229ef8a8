// What one process does and the next ones find: processes that are killed, over copies of the folder as it was then.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { LevelStorageOptions } from '../../../storage/level/level-storage-options.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { RecordSource } from '../../../storage/record.ts'
import {
  committed,
  drain,
  durable,
  readable,
  type TakenMessage,
  takeMany,
  takeOne,
  transient,
} from '../contract-model.ts'

const MIB = 1024 * 1024

let root: string
let lives: LevelStorage[]
let fatal: Error[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'leveret-lives-'))
  lives = []
  fatal = []
})

afterEach(async () => {
  for (const storage of lives) await storage.close()
  rmSync(root, { recursive: true })
  expect(fatal).toEqual([])
})

/** The next process finds what the last one, killed now, has left behind. */
async function nextLife(options: Partial<LevelStorageOptions> = {}): Promise<{ storage: LevelStorage; log: QueueLog }> {
  const folder = join(root, String(lives.length))
  if (lives.length > 0) {
    const left = join(root, String(lives.length - 1))
    cpSync(left, folder, { recursive: true, filter: (path) => !path.endsWith('LOCK') })
  }
  const storage = new LevelStorage({ folder, onFatal: (error) => fatal.push(error), ...options })
  lives.push(storage)
  await storage.open()
  return { storage, log: storage.createQueueLog(1) }
}

test('the place of a transient message that was settled may be taken by another one', async () => {
  const first = await nextLife()
  first.log.append(durable(0))
  first.log.append(transient(1))
  await committed(first.storage)
  await takeOne(first.log)
  const { segment, index } = await takeOne(first.log)
  first.log.settle(segment, index)
  await committed(first.storage)
  const second = await nextLife()
  expect((await takeOne(second.log)).number).toBe(0)
  second.log.append(durable(2))
  await committed(second.storage)
  const third = await nextLife()
  expect(await drain(third.log)).toEqual([0, 2])
})

test('what was delivered stays marked, however many restarts there are', async () => {
  const first = await nextLife()
  for (let number = 0; number < 6; number++) first.log.append(durable(number))
  for (let number = 0; number < 5; number++) await takeOne(first.log)
  await committed(first.storage)
  const second = await nextLife()
  expect((await takeOne(second.log)).isRedelivered).toBe(true)
  await committed(second.storage)
  const third = await nextLife()
  const marks = (await takeMany(third.log, 6)).map(({ isRedelivered }) => isRedelivered)
  expect(marks).toEqual([true, true, true, true, true, false])
})

test('a queue of very many pages can be purged, and deleted', async () => {
  const { storage, log } = await nextLife({ durability: 'os' })
  const fill = async (): Promise<void> => {
    // What is transient in between makes a page of every durable message.
    const [kept, other] = [durable(0, 0), transient(0, 0)]
    for (let number = 0; number < 150_000; number++) {
      log.append(kept)
      log.append(other)
    }
    await committed(storage)
  }
  await fill()
  expect(log.purge()).toBe(300_000)
  await committed(storage)
  await fill()
  log.clear()
  await committed(storage)
})

test('large bodies are in memory a few at a time, before a restart and after it', async () => {
  const memoryBytes = 8 * MIB
  const first = await nextLife({ memoryBytes, durability: 'os' })
  for (let number = 0; number < 60; number++) {
    first.log.append(durable(number, MIB))
    await committed(first.storage)
  }
  expect(first.storage.bytesInUse).toBeLessThan(memoryBytes + 2 * 5 * MIB)
  const second = await nextLife({ memoryBytes })
  for (let number = 0; number < 60; number++) {
    await readable(second.log)
    expect(second.storage.bytesInUse).toBeLessThan(memoryBytes + 2 * 5 * MIB)
    const taken = await takeOne(second.log)
    expect(taken.number).toBe(number)
    second.log.settle(taken.segment, taken.index)
  }
})

test('a message per commit takes no page of its own for good', async () => {
  const { storage, log } = await nextLife({ durability: 'os' })
  const count = 6000
  for (let number = 0; number < count; number++) {
    log.append(durable(number, 200))
    await committed(storage)
  }
  const segmentCount = (count * 260) / (256 * 1024)
  const second = await nextLife()
  // One segment is not complete yet; the others were written again.
  expect(pageCount(second.storage)).toBeLessThan(256 * 5 + segmentCount * 2)
  expect(await drain(second.log)).toEqual(Array.from({ length: count }, (_, number) => number))
})

test('what was settled before a segment was written again stays settled', async () => {
  const { storage, log } = await nextLife({ durability: 'os' })
  const settled = new Set<number>()
  for (let number = 0; number < 4000; number++) {
    log.append(number % 7 === 3 ? transient(number, 200) : durable(number, 200))
    await committed(storage)
    if (number % 3 !== 0) continue
    const taken = await takeOne(log)
    settled.add(taken.number)
    log.settle(taken.segment, taken.index)
  }
  await committed(storage)
  const second = await nextLife()
  const kept = Array.from({ length: 4000 }, (_, number) => number).filter((n) => n % 7 !== 3 && !settled.has(n))
  expect(await drain(second.log)).toEqual(kept)
})

function pageCount({ journal }: LevelStorage): number {
  let count = 0
  for (const { segments } of journal.changes.recorders) for (const { pages } of segments.values()) count += pages.length
  return count
}

test('no two segments ever have the same sequence, whatever came in between', async () => {
  const sequences = new Set<number>()
  const empty = async ({ storage, log }: { storage: LevelStorage; log: QueueLog }): Promise<void> => {
    log.append(durable(0))
    await committed(storage)
    const { segment, index } = await takeOne(log)
    expect(sequences).not.toContain(segment.sequence)
    sequences.add(segment.sequence)
    log.settle(segment, index)
    await committed(storage)
  }
  await empty(await nextLife())
  await empty(await nextLife())
  const third = await nextLife()
  await empty(third)
  await third.storage.close()
  await empty(await nextLife())
  expect(sequences.size).toBe(4)
})

test('a message at the place of one that was never kept is not marked as delivered', async () => {
  const first = await nextLife()
  first.log.append(durable(0))
  await committed(first.storage)
  for (let number = 1; number < 5; number++) first.log.append(transient(number))
  for (let number = 0; number < 5; number++) await takeOne(first.log)
  await committed(first.storage)
  const second = await nextLife()
  second.log.append(durable(5))
  await committed(second.storage)
  const third = await nextLife()
  const marks = (await takeMany(third.log, 2)).map(({ number, isRedelivered }) => [number, isRedelivered])
  expect(marks).toEqual([
    [0, true],
    [5, false],
  ])
})

test('so it is when others of the segment came back in between', async () => {
  const first = await nextLife()
  for (let number = 0; number < 10; number++) first.log.append(durable(number))
  for (let number = 10; number < 15; number++) first.log.append(transient(number))
  for (let number = 0; number < 15; number++) await takeOne(first.log)
  await committed(first.storage)
  const second = await nextLife()
  const { segment, index } = await takeOne(second.log)
  second.log.requeue(segment, index)
  for (let number = 20; number < 24; number++) second.log.append(durable(number))
  await committed(second.storage)
  const third = await nextLife()
  const marked = (await takeMany(third.log, 14))
    .filter(({ isRedelivered }) => isRedelivered)
    .map(({ number }) => number)
  expect(marked).toEqual(Array.from({ length: 10 }, (_, number) => number))
})

/** More than one segment takes: the last ones lie in another. They are taken and done with before a commit begins. */
async function passThrough(log: QueueLog): Promise<void> {
  for (let number = 100; number < 120; number++) log.append(durable(number, 30_000))
  for (const { segment, index } of await takeMany(log, 20)) log.settle(segment, index)
}

/** A process whose first message was delivered, and whose later segments came and went. */
async function lifeWithoutLaterSegments() {
  const life = await nextLife()
  life.log.append(durable(0))
  await committed(life.storage)
  await takeOne(life.log)
  await passThrough(life.log)
  await committed(life.storage)
  return life
}

/** The numbers of the ready messages, with their marks. */
async function marksOf(log: QueueLog): Promise<[number, boolean][]> {
  return (await takeMany(log, log.readyCount)).map(({ number, isRedelivered }) => [number, isRedelivered])
}

test('a message that comes when later segments are gone is not marked as delivered', async () => {
  const first = await lifeWithoutLaterSegments()
  first.log.append(durable(1))
  first.log.append(durable(2))
  await committed(first.storage)
  await takeOne(first.log)
  await committed(first.storage)
  const second = await nextLife()
  expect(await marksOf(second.log)).toEqual([
    [0, true],
    [1, true],
    [2, false],
  ])
})

test('nor is one that comes when they went with their process', async () => {
  await lifeWithoutLaterSegments()
  const second = await nextLife()
  await takeOne(second.log)
  second.log.append(durable(1))
  second.log.append(durable(2))
  expect((await takeOne(second.log)).isRedelivered).toBe(false)
  await committed(second.storage)
  const third = await nextLife()
  expect(await marksOf(third.log)).toEqual([
    [0, true],
    [1, true],
    [2, false],
  ])
})

test('nor one that takes the place of a message that is gone, when the catalogue tells of both', async () => {
  const first = await nextLife()
  first.log.append(durable(0))
  await committed(first.storage)
  for (let number = 1; number < 5; number++) first.log.append(transient(number))
  for (let number = 0; number < 5; number++) await takeOne(first.log)
  await first.storage.close()
  const second = await nextLife()
  await readable(second.log)
  second.log.append(durable(5))
  second.log.append(durable(6))
  await second.storage.close()
  const third = await nextLife()
  expect(await marksOf(third.log)).toEqual([
    [0, true],
    [5, false],
    [6, false],
  ])
})

/** What a process does before it is killed, step by step: so many messages each. */
const LIFE = fc.record({
  takenFirst: fc.nat(3),
  kept: fc.nat(5),
  transient: fc.nat(6),
  taken: fc.nat(14),
  requeued: fc.nat(2),
  settled: fc.nat(2),
  keptThen: fc.constantFrom(0, 0, 0, 1, 5),
})

test('whatever processes do before they are killed, only what was delivered is marked as delivered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(LIFE, { minLength: 2, maxLength: 3 }), async (plan) => {
      for (const storage of lives.splice(0)) await storage.close()
      rmSync(root, { recursive: true })
      root = mkdtempSync(join(tmpdir(), 'leveret-lives-'))
      const delivered = new Set<number>()
      let next = 0
      for (const life of plan) {
        const { storage, log } = await nextLife({ durability: 'os' })
        const append = (count: number, make: (number: number) => RecordSource): void => {
          for (let left = count; left > 0; left--) log.append(make(next++))
        }
        // What is read back goes on in its old segment.
        const taken = await takeAll(log, delivered, life.takenFirst)
        append(life.kept, durable)
        append(life.transient, transient)
        taken.push(...(await takeAll(log, delivered, life.taken)))
        await committed(storage)
        for (const { segment, index } of taken.splice(0, life.requeued)) log.requeue(segment, index)
        for (const { segment, index } of taken.splice(0, life.settled)) log.settle(segment, index)
        append(life.keptThen, durable)
        await committed(storage)
      }
      await takeAll((await nextLife()).log, delivered)
    }),
    { numRuns: 6 },
  )
}, 60_000)

/** Takes so many messages, or all; only those that were delivered before may say so. */
async function takeAll(
  log: QueueLog,
  delivered: Set<number>,
  countMax = Number.POSITIVE_INFINITY,
): Promise<TakenMessage[]> {
  const taken: TakenMessage[] = []
  while (log.readyCount > 0 && taken.length < countMax) {
    const message = await takeOne(log)
    if (message.isRedelivered) expect(delivered).toContain(message.number)
    delivered.add(message.number)
    taken.push(message)
  }
  return taken
}
