// A store takes no more of the disk than twice what it holds, and a constant: some log files, and what LevelDB gathers in
// memory and has in its log before it writes a table.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Catalogue } from '../../../storage/level/catalogue/catalogue.ts'
import { putPage } from '../../../storage/level/catalogue/catalogue-records.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { Segment } from '../../../storage/segment.ts'
import { committed, durable, takeOne } from '../contract-model.ts'
import { copyAsKilled } from './killed-copy.ts'

const LOG_FILE_BYTES = 256 * 1024
/** The current file, the next one, spare ones, and those that are full before the catalogue follows. */
const LOG_FILES = 24
/** Two of LevelDB's write buffers, each also in a log, while one becomes a table. */
const LEVELDB_BYTES = 24 * 1024 * 1024
const CONSTANT_BYTES = LOG_FILES * LOG_FILE_BYTES + LEVELDB_BYTES
const BODY_BYTES = 4000
const PER_COMMIT = 20

let folder: string
let storage: LevelStorage
let peakExcess: number
let liveBytes: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-disk-'))
  storage = new LevelStorage({ folder, durability: 'os', logFileBytes: LOG_FILE_BYTES })
  await storage.open()
  peakExcess = 0
  liveBytes = 0
})

afterEach(async () => {
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

function diskBytes(): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => {
      // It may be gone by now.
      return sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0)
    }, 0)
}

async function entries(place: string): Promise<number> {
  const catalogue = await Catalogue.open(join(place, 'catalogue'))
  let count = 0
  for await (const _ of catalogue.pageIds()) count++
  await catalogue.close()
  return count
}

function copyOfKilled(): string {
  const copy = `${folder}+`
  copyAsKilled(folder, copy)
  return copy
}

async function entriesOfKilled(): Promise<number> {
  const copy = copyOfKilled()
  const count = await entries(copy)
  rmSync(copy, { recursive: true })
  return count
}

async function kill(): Promise<void> {
  const copy = copyOfKilled()
  await storage.close()
  rmSync(folder, { recursive: true })
  folder = copy
}

type Kept = { readonly segment: Segment; readonly index: number }

/** Appends so many messages; each is settled at once, but for those that are kept. */
async function pass(log: QueueLog, count: number, keeps: (number: number) => boolean): Promise<Kept[]> {
  const kept: Kept[] = []
  for (let number = 0; number < count; number++) {
    log.append(durable(number, BODY_BYTES))
    if (number % PER_COMMIT < PER_COMMIT - 1) continue
    await committed(storage)
    while (log.readyCount > 0) {
      const taken = await takeOne(log)
      if (!keeps(taken.number)) log.settle(taken.segment, taken.index)
      else {
        kept.push(taken)
        liveBytes += BODY_BYTES
      }
    }
    if (number % (10 * PER_COMMIT) === PER_COMMIT - 1) {
      peakExcess = Math.max(peakExcess, diskBytes() - 2 * liveBytes)
    }
  }
  return kept
}

test('the disk never has more than twice what is held, and a constant', { timeout: 60_000 }, async () => {
  const log = storage.createQueueLog(storage.newQueueId())
  // Sparse and dense in turn: what is written is far more than the limit.
  await pass(log, 12_000, (number) => number % 6 === 0)
  await pass(log, 4000, () => true)
  await pass(log, 12_000, (number) => number % 50 === 0)
  expect(28_000 * BODY_BYTES).toBeGreaterThan(2 * liveBytes + CONSTANT_BYTES)
  expect(peakExcess).toBeLessThan(CONSTANT_BYTES)
})

test('what was held for long and is settled leaves the disk, too', { timeout: 60_000 }, async () => {
  const log = storage.createQueueLog(storage.newQueueId())
  const kept = await pass(log, 40_000, (number) => number % 4 === 0)
  expect(diskBytes()).toBeGreaterThan(liveBytes)
  const other = storage.createQueueLog(storage.newQueueId())
  for (const { segment, index } of kept) log.settle(segment, index)
  liveBytes = 0
  const step = async (): Promise<void> => {
    await pass(other, 400, () => false)
    expect(diskBytes()).toBeLessThan(CONSTANT_BYTES)
  }
  await vi.waitFor(step, { timeout: 20_000, interval: 5 })
})

test('entries of the catalogue go with their messages, whenever the process is killed', {
  timeout: 60_000,
}, async () => {
  const id = storage.newQueueId()
  const log = storage.createQueueLog(id)
  const kept = await pass(log, 2000, (number) => number % 20 === 0)
  await vi.waitFor(async () => {
    await pass(log, 200, () => false)
    expect(await entriesOfKilled()).toBeGreaterThanOrEqual(90)
  }, 20_000)
  for (const { segment, index } of kept) log.settle(segment, index)
  await committed(storage)
  // The catalogue has not followed when the process is killed, and has as soon as the next one is closed.
  await kill()
  storage = new LevelStorage({ folder, durability: 'os', logFileBytes: LOG_FILE_BYTES })
  expect(await storage.open()).toMatchObject({ messages: 0, problems: [] })
  storage.createQueueLog(id)
  storage.dropUnclaimed()
  await storage.close()
  expect(await entries(folder)).toBe(0)
})

test('entries that a killed process has written for nothing go with the next start', async () => {
  await storage.close()
  const catalogue = await Catalogue.open(join(folder, 'catalogue'))
  const { nextPageId } = (await catalogue.meta()) ?? { nextPageId: 0 }
  await catalogue.write([putPage(nextPageId, Buffer.alloc(100)), putPage(nextPageId + 7, Buffer.alloc(100))], true)
  await catalogue.close()
  expect(await entries(folder)).toBe(2)
  storage = new LevelStorage({ folder, durability: 'os', logFileBytes: LOG_FILE_BYTES })
  await storage.open()
  await storage.close()
  expect(await entries(folder)).toBe(0)
})
