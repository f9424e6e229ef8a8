// Log files go when nothing needs them any more, whatever is left of the messages in them stays readable, and what a
// killed process leaves behind is recovered, once or several times over.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Catalogue } from '../../../../storage/level/catalogue/catalogue.ts'
import { openFolder } from '../../../../storage/level/disk/files.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import type { LevelStorageOptions } from '../../../../storage/level/level-storage-options.ts'
import type { QueueLog } from '../../../../storage/queue-log.ts'
import type { Recovery } from '../../../../storage/storage.ts'
import { committed, drain, durable, takeMany, takeNow, takeOne } from '../../contract-model.ts'
import { FaultyFiles } from '../faulty-files.ts'
import { gate, watchCatalogue } from '../gate.ts'
import { copyAsKilled } from '../killed-copy.ts'

const LOG_FILE_BYTES = 256 * 1024

let folder: string
let storage: LevelStorage
let recovery: Recovery
let fatal: Error[]
let damage: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-checkpoint-'))
})

afterEach(async () => {
  vi.restoreAllMocks()
  await storage.close()
  expect(fatal).toEqual([])
  expect(damage).toEqual([])
  rmSync(folder, { recursive: true, force: true })
})

async function open(options: Partial<LevelStorageOptions> = {}): Promise<void> {
  fatal = []
  damage = []
  storage = new LevelStorage({
    folder,
    durability: 'os',
    logFileBytes: LOG_FILE_BYTES,
    onFatal: (error) => fatal.push(error),
    onDamage: (text) => damage.push(text),
    ...options,
  })
  recovery = await storage.open()
}

let kills = 0

/** The process is killed: what another one would find is from now on what is opened here. */
async function kill(): Promise<void> {
  const copy = `${folder.replace(/~\d+$/, '')}~${++kills}`
  copyAsKilled(folder, copy)
  await storage.close()
  rmSync(folder, { recursive: true })
  folder = copy
}

/** Spare ones aside. */
function logFiles(): string[] {
  const names = readdirSync(join(folder, 'log'))
  return names.filter((name) => name.endsWith('.log')).sort()
}

function logBytes(): number {
  return logFiles().reduce((sum, name) => sum + statSync(join(folder, 'log', name)).size, 0)
}

/** Appends so many messages, ten to a commit, each of them settled again but those that `keeps` names. */
async function pass(log: QueueLog, from: number, count: number, keeps: (number: number) => boolean): Promise<void> {
  for (let number = from; number < from + count; number++) {
    log.append(durable(number, number % 97 === 0 ? 40_000 : 1000))
    if (number % 10 < 9) continue
    await committed(storage)
    while (log.readyCount > 0) {
      const taken = await takeOne(log)
      if (!keeps(taken.number)) log.settle(taken.segment, taken.index)
    }
  }
  await committed(storage)
}

/** The catalogue follows a log that goes on: with messages that come and go, until this holds. */
async function eventually(log: QueueLog, expectation: () => void): Promise<void> {
  let next = 1_000_000
  const step = async (): Promise<void> => {
    await pass(log, next, 100, () => false)
    next += 100
    expectation()
  }
  await vi.waitFor(step, { timeout: 8000, interval: 5 })
}

describe('the log', () => {
  test('goes file by file when its messages are settled', async () => {
    await open()
    const log = storage.createQueueLog(storage.newQueueId())
    await pass(log, 0, 3000, () => false)
    // The last one, and what was written since the catalogue was brought up to date.
    await eventually(log, () => expect(logFiles().length).toBeLessThanOrEqual(4))
    expect(logFiles()[0]).not.toBe('0000000000000001.log')
    await storage.close()
    await open()
    expect(recovery).toMatchObject({ messages: 0, problems: [], tornBytes: 0 })
  })

  test('is not kept by a few old messages: they move, and are read where they are', async () => {
    await open()
    const id = storage.newQueueId()
    const log = storage.createQueueLog(id)
    const keeps = (number: number): boolean => number % 500 === 7 || number === 97
    await pass(log, 0, 3000, keeps)
    const kept = Array.from({ length: 3000 }, (_, number) => number).filter(keeps)
    await eventually(log, () => expect(logFiles().length).toBeLessThanOrEqual(5))
    expect(logFiles()[0]).not.toBe('0000000000000001.log')
    await kill()
    await open()
    expect(recovery).toMatchObject({ messages: kept.length, problems: [] })
    const again = storage.createQueueLog(id)
    expect(await drain(again)).toEqual(kept)
    await pass(again, 3000, 1000, () => false)
    await storage.close()
    await open()
    expect(recovery).toMatchObject({ messages: 0, problems: [] })
  })

  test('takes no more than twice what it holds, and three files', async () => {
    await open()
    const log = storage.createQueueLog(storage.newQueueId())
    await pass(log, 0, 6000, (number) => number % 4 === 0)
    const live = 1500 * 1000 + 16 * 40_000
    await eventually(log, () => expect(logBytes()).toBeLessThan(2 * live + 3 * LOG_FILE_BYTES))
  })

  test('removes what killed processes left behind', async () => {
    await open()
    const id = storage.newQueueId()
    for (let life = 0; life < 15; life++) {
      const log = storage.createQueueLog(id)
      await drain(log)
      for (let number = 0; number < 40; number++) log.append(durable(number, 1000))
      await committed(storage)
      await kill()
      await open()
      expect(recovery).toMatchObject({ messages: 40, problems: [] })
    }
    const log = storage.createQueueLog(id)
    expect(await drain(log)).toHaveLength(40)
    await eventually(log, () => expect(logFiles().length).toBeLessThanOrEqual(3))
  })
})

describe('recovery', () => {
  test('finds the same however often it is repeated', async () => {
    await open()
    const ids = [storage.newQueueId(), storage.newQueueId(), storage.newQueueId()]
    for (const [i, id] of ids.entries()) {
      const log = storage.createQueueLog(id)
      await pass(log, 0, 200 * (i + 1), (number) => number % 3 === 0)
      storage.journal.put(1, `queue ${id}`, Buffer.from(String(i)))
      if (i === 1) log.clear()
    }
    await committed(storage)
    storage.journal.remove(1, `queue ${ids[0]}`)
    await committed(storage)
    const found: unknown[] = []
    for (let life = 0; life < 4; life++) {
      await kill()
      await open()
      const { messages, problems, entities } = recovery
      const texts = [...entities].map(({ key, value }) => `${key} ${value}`).sort()
      found.push({ messages, problems, texts })
    }
    expect(found[0]).toEqual({ messages: 67 + 200, problems: [], texts: ['queue 2 1', 'queue 3 2'] })
    for (const one of found) expect(one).toEqual(found[0])
    for (const [i, id] of ids.entries()) {
      const log = storage.createQueueLog(id)
      expect(await drain(log)).toHaveLength([67, 0, 200][i] as number)
    }
  })

  test('mistakes no new message for one that was settled before it was written', async () => {
    const files = new FaultyFiles(folder, () => openFolder(join(folder, 'log')))
    await open({ files, durability: 'sync', logFileBytes: 4300 })
    const id = storage.newQueueId()
    const log = storage.createQueueLog(id)
    let release: () => void = () => {}
    const isHeld = new Promise<void>((resolve) => {
      release = resolve
    })
    files.fault = (operation) => (operation === 'sync' ? isHeld : undefined)
    const { commitsBegun } = storage.journal
    log.append(durable(0))
    while (storage.journal.commitsBegun === commitsBegun) await new Promise(setImmediate)
    // The second comes and goes while the first is on its way to the disk; the catalogue follows at once.
    await takeOne(log)
    log.append(durable(1))
    const second = await takeOne(log)
    log.settle(second.segment, second.index)
    release()
    await vi.waitFor(() => expect(logFiles().length).toBeGreaterThan(1))
    await kill()
    await open()
    const again = storage.createQueueLog(id)
    expect((await takeOne(again)).number).toBe(0)
    again.append(durable(2))
    expect((await takeOne(again)).number).toBe(2)
    await committed(storage)
    await kill()
    await open()
    expect(recovery).toMatchObject({ messages: 2, problems: [] })
    expect(await drain(storage.createQueueLog(id))).toEqual([0, 2])
  })

  test('has how often messages came back, from the log and from the catalogue', async () => {
    await open()
    const id = storage.newQueueId()
    const log = storage.createQueueLog(id)
    for (let number = 0; number < 10; number++) log.append(durable(number))
    for (let times = 0; times < 3; times++) {
      const { segment, index } = await takeOne(log)
      log.requeue(segment, index)
    }
    await committed(storage)
    await kill()
    await open()
    const fromLog = storage.createQueueLog(id)
    const taken = [await takeOne(fromLog), await takeOne(fromLog)]
    expect(taken.map(({ number, deliveries }) => [number, deliveries])).toEqual([
      [0, 3],
      [1, 0],
    ])
    for (const { segment, index } of taken) fromLog.requeue(segment, index)
    // More than the log keeps for itself.
    await pass(storage.createQueueLog(storage.newQueueId()), 0, 500, () => false)
    await committed(storage)
    await kill()
    await open()
    const fromCatalogue = storage.createQueueLog(id)
    expect([(await takeOne(fromCatalogue)).deliveries, (await takeOne(fromCatalogue)).deliveries]).toEqual([4, 1])
  })

  test('marks what was delivered, as far as the last commit, and nothing behind it', async () => {
    await open()
    const id = storage.newQueueId()
    const log = storage.createQueueLog(id)
    for (let number = 0; number < 100; number++) log.append(durable(number, 5000))
    await committed(storage)
    for (let number = 0; number < 60; number++) await takeOne(log)
    await committed(storage)
    await kill()
    await open()
    const again = storage.createQueueLog(id)
    const taken = await takeMany(again, 100)
    expect(taken.filter(({ isRedelivered }) => isRedelivered).map(({ number }) => number)).toEqual(
      Array.from({ length: 60 }, (_, number) => number),
    )
    await committed(storage)
    await kill()
    await open()
    const all = storage.createQueueLog(id)
    for (let number = 0; number < 100; number++)
      expect(await takeOne(all)).toMatchObject({ number, isRedelivered: true })
  })
})

describe('the catalogue', () => {
  test('is told of one moment, though the commits go on while it is written down', async () => {
    const files = new FaultyFiles(folder, () => openFolder(join(folder, 'log')))
    await open({ files, logFileBytes: 1.25 * LOG_FILE_BYTES })
    const ids = Array.from({ length: 1000 }, () => storage.newQueueId())
    const logs = ids.map((id) => storage.createQueueLog(id))
    for (const log of logs) for (const number of [1, 2]) log.append(durable(number, 100))
    const batches = watchCatalogue()
    const held = gate()
    storage.journal.whenDurable(() => {
      // The checkpoint begins now, and behind it a commit that does not come to the disk.
      for (const log of logs) {
        const { segment, index } = takeNow(log)
        log.settle(segment, index)
      }
      files.fault = (operation) => (operation === 'write' ? held.opened : undefined)
    })
    const { commitsBegun } = storage.journal
    await vi.waitFor(() => expect(batches.some(({ isCheckpoint }) => isCheckpoint)).toBe(true))
    expect(storage.journal.commitsBegun).toBe(commitsBegun + 2)
    const copy = `${folder}~`
    copyAsKilled(folder, copy)
    held.open()
    await storage.close()
    rmSync(folder, { recursive: true })
    folder = copy
    await open()
    expect(recovery).toMatchObject({ messages: 2 * ids.length, problems: [] })
  })

  test('is written again when the disk was full, and nothing is lost', async () => {
    await open()
    const id = storage.newQueueId()
    const log = storage.createQueueLog(id)
    let failures = 0
    let isFull = true
    const batches = watchCatalogue(() => {
      if (!isFull) return
      failures++
      throw Object.assign(new Error('IO error: 000005.log: No space left on device'), { code: 'LEVEL_IO_ERROR' })
    })
    storage.journal.put(1, 'entity', Buffer.from('value'))
    await pass(log, 0, 500, (number) => number % 10 === 0)
    await vi.waitFor(() => expect(storage.journal.trouble).toMatch(/^the catalogue cannot be written .*No space left/))
    expect(storage.journal.isCongested).toBe(true)
    // What is not published can go on.
    await pass(log, 500, 500, (number) => number % 10 === 0)
    await vi.waitFor(() => expect(failures).toBeGreaterThan(1), { timeout: 5000 })
    expect(batches).toEqual([])
    isFull = false
    await vi.waitFor(() => expect(storage.journal.trouble).toBeUndefined(), { timeout: 5000 })
    await vi.waitFor(() => expect(batches.length).toBeGreaterThan(1))
    await kill()
    await open()
    expect(recovery).toMatchObject({ messages: 100, problems: [] })
    expect([...recovery.entities].map(({ key }) => key)).toEqual(['entity'])
    expect(await drain(storage.createQueueLog(id))).toEqual(Array.from({ length: 100 }, (_, i) => i * 10))
  })

  test('does not keep the storage from closing while the disk is full', async () => {
    await open()
    const id = storage.newQueueId()
    const log = storage.createQueueLog(id)
    watchCatalogue(() => {
      throw Object.assign(new Error('IO error: 000005.log: No space left on device'), { code: 'LEVEL_IO_ERROR' })
    })
    await pass(log, 0, 500, (number) => number % 10 === 0)
    await vi.waitFor(() => expect(storage.journal.trouble).toBeDefined())
    await storage.close()
    vi.restoreAllMocks()
    await open()
    expect(recovery).toMatchObject({ messages: 50, problems: [] })
  })

  test('is brought up to the end of the log when the storage closes, whatever was under way', async () => {
    await open()
    const id = storage.newQueueId()
    const log = storage.createQueueLog(id)
    const slow = gate()
    const batches = watchCatalogue(() => slow.opened)
    await pass(log, 0, 2000, (number) => number % 10 === 0)
    const closed = storage.close()
    slow.open()
    await closed
    // The one that was under way, and the last.
    expect(batches.filter(({ isCheckpoint }) => isCheckpoint)).toHaveLength(2)
    const catalogue = await Catalogue.open(join(folder, 'catalogue'))
    expect(await catalogue.meta()).toMatchObject({ commit: storage.journal.commit })
    await catalogue.close()
    await open()
    expect(recovery).toMatchObject({ messages: 200, problems: [] })
  })

  test('that is slow makes publishers wait, until it has caught up', async () => {
    await open()
    const log = storage.createQueueLog(storage.newQueueId())
    const slow = gate()
    watchCatalogue(() => slow.opened)
    await pass(log, 0, 500, () => false)
    expect(storage.journal.isCongested).toBe(false)
    await pass(log, 500, 1500, () => false)
    expect(storage.journal.isCongested).toBe(true)
    expect(storage.journal.trouble).toBeUndefined()
    slow.open()
    await vi.waitFor(() => expect(storage.journal.isCongested).toBe(false))
  })
})
