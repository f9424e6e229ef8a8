// What is left in old log files moves into the catalogue: as it is on the disk at one moment, shared bodies once, in few
// batches, and around whatever cannot be read.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Block } from '../../../../src/lib/block.ts'
import { Catalogue } from '../../../../storage/level/catalogue/catalogue.ts'
import type { QueueLog } from '../../../../storage/queue-log.ts'
import type { RecordSource } from '../../../../storage/record.ts'
import { committed, drain, durable, takeOne } from '../../contract-model.ts'
import { systemError } from '../faulty-files.ts'
import { FaultyStore } from '../faulty-store.ts'
import { gate, watchCatalogue } from '../gate.ts'
import { copyAsKilled } from '../killed-copy.ts'

const LOG_FILE_BYTES = 1024 * 1024
const OLDEST = '0000000000000001.log'

let store: FaultyStore

beforeEach(async () => {
  store = await FaultyStore.open({ durability: 'os', logFileBytes: LOG_FILE_BYTES })
})

afterEach(async () => {
  vi.restoreAllMocks()
  expect(store.fatal).toEqual([])
  await store.remove()
})

/** Messages come and go in another queue until this holds. */
async function passUntil(other: QueueLog, expectation: () => void | Promise<void>): Promise<void> {
  const step = async (): Promise<void> => {
    for (let number = 0; number < 200; number++) {
      other.append(durable(number, 1000))
      if (number % 20 === 19) await committed(store.storage)
    }
    await drain(other)
    await committed(store.storage)
    await expectation()
  }
  await vi.waitFor(step, { timeout: 10_000, interval: 2 })
}

const oldestIsGone = (): void => expect(readdirSync(join(store.folder, 'log'))).not.toContain(OLDEST)

async function entries(): Promise<number> {
  const copy = `${store.folder}-look`
  copyAsKilled(store.folder, copy)
  const catalogue = await Catalogue.open(join(copy, 'catalogue'))
  let count = 0
  for await (const _ of catalogue.pageIds()) count++
  await catalogue.close()
  rmSync(copy, { recursive: true })
  return count
}

test('what is settled while it moves, and whose commit never comes to the disk, is there after a crash', async () => {
  const log = store.storage.createQueueLog(1)
  const other = store.storage.createQueueLog(2)
  const third = store.storage.createQueueLog(3)
  for (const number of [1, 2]) log.append(durable(number, 40_000))
  await committed(store.storage)
  await takeOne(log)
  const second = await takeOne(log)
  const batches = watchCatalogue()
  const moving = gate()
  const commit = gate()
  const end = gate()
  let isHeld = false
  store.files.fault = async (operation, name) => {
    if (operation === 'write' && isHeld) await commit.opened
    if (operation === 'read' && name === OLDEST && !isHeld) {
      // One commit is on its way while the page moves, and the settlement waits for the next one, which never arrives.
      isHeld = true
      const { commitsBegun } = store.storage.journal
      for (let number = 0; number < 800; number++) third.append(durable(number, 1000))
      while (store.storage.journal.commitsBegun === commitsBegun) await new Promise(setImmediate)
      log.settle(second.segment, second.index)
      moving.open()
    }
  }
  let isMoving = false
  void moving.opened.then(() => {
    isMoving = true
  })
  while (!isMoving) {
    for (let number = 0; number < 20; number++) other.append(durable(number, 1000))
    await Promise.race([committed(store.storage), moving.opened])
    if (!isMoving) await drain(other)
  }
  const moves = batches.length
  await vi.waitFor(() => expect(batches.length).toBeGreaterThan(moves))
  const { fault } = store.files
  store.files.fault = async (operation, name) => {
    if (operation === 'write') await end.opened
    else await fault(operation, name)
  }
  commit.open()
  await vi.waitFor(() => expect(batches.at(-1)?.isCheckpoint).toBe(true))
  await store.kill(end.open)
  expect(await drain(store.storage.createQueueLog(1))).toEqual([1, 2])
})

test('batches are few, and each is synced', async () => {
  const log = store.storage.createQueueLog(1)
  const other = store.storage.createQueueLog(2)
  const batches = watchCatalogue()
  for (let number = 0; number < 300; number++) {
    log.append(durable(number, 100))
    other.append(durable(number, 1000))
    await committed(store.storage)
  }
  await drain(other)
  await passUntil(other, oldestIsGone)
  expect(batches.every(({ isSynced }) => isSynced)).toBe(true)
  const moves = batches.filter(({ isCheckpoint }) => !isCheckpoint)
  expect(moves.length).toBeGreaterThan(0)
  expect(moves.length).toBeLessThan(10)
  await store.kill()
  expect(await drain(store.storage.createQueueLog(1))).toEqual(Array.from({ length: 300 }, (_, number) => number))
})

test('a body that queues share moves once, and stays until the last of them needs it no more', async () => {
  const body = new Block(Buffer.alloc(50_000, '7;'))
  const shared: RecordSource = { ...durable(7, 50_000), ownBody: () => body }
  const ids = [1, 2, 3]
  let logs = ids.map((id) => store.storage.createQueueLog(id))
  let other = store.storage.createQueueLog(4)
  for (const log of logs) log.append(shared)
  await committed(store.storage)
  await passUntil(other, oldestIsGone)
  // A page for each of them.
  expect(await entries()).toBe(ids.length + 1)
  await drain(logs[0] as QueueLog)
  await committed(store.storage)
  // The first is done with it; once the log tells so, and once the catalogue does.
  for (let life = 0; life < 2; life++) {
    await store.kill()
    logs = ids.map((id) => store.storage.createQueueLog(id))
    other = store.storage.createQueueLog(4)
    await drain(other)
    await passUntil(other, async () => expect(await entries()).toBe(ids.length))
  }
  const second = await takeOne(logs[1] as QueueLog)
  const third = await takeOne(logs[2] as QueueLog)
  expect([second.number, third.number]).toEqual([7, 7])
  // Nor is it in memory twice.
  expect(second.segment.bodies?.at(second.index)).toBe(third.segment.bodies?.at(third.index))
  logs[1]?.settle(second.segment, second.index)
  logs[2]?.settle(third.segment, third.index)
  await committed(store.storage)
  await store.storage.close()
  expect(await entries()).toBe(0)
  await store.reopen()
})

test('what cannot be read stays where it is, and nothing else does', async () => {
  const log = store.storage.createQueueLog(1)
  const other = store.storage.createQueueLog(2)
  for (let number = 0; number < 3; number++) {
    log.append(durable(number, 20_000))
    await committed(store.storage)
  }
  let reads = 0
  store.files.fault = (operation, name) => {
    if (operation !== 'read' || name !== OLDEST) return
    // All of them together, and then the second.
    if (++reads === 1 || reads === 3) throw systemError('EIO')
  }
  await passUntil(other, () => expect(store.damage).toHaveLength(1))
  expect(store.damage[0]).toMatch(/^messages in log file 1 at \d+ are damaged: they stay there$/)
  await vi.waitFor(async () => expect(await entries()).toBe(2))
  store.files.fault = () => {}
  store.damage.length = 0
  await store.kill()
  expect(await drain(store.storage.createQueueLog(1))).toEqual([0, 1, 2])
  expect(store.damage).toEqual([])
})
