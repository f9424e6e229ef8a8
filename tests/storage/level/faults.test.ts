// Disks that are full, slow, short of breath or broken: what is confirmed is on them, whatever they do.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from '../../../storage/level/disk/files.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { LevelStorageOptions } from '../../../storage/level/level-storage-options.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import { testStorageContract } from '../contract.ts'
import { committed, drain, durable } from '../contract-model.ts'
import { type Fault, FaultyFiles, type FileOperation, ShortWrite, systemError } from './faulty-files.ts'

const MIB = 1024 * 1024

let folder: string
let files: FaultyFiles
let storage: LevelStorage
let log: QueueLog
let fatal: Error[]
let damage: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-faults-'))
  files = new FaultyFiles(folder, () => openFolder(join(folder, 'log')))
})

afterEach(async () => {
  files.fault = () => {}
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(options: Partial<LevelStorageOptions> = {}, from = folder): Promise<void> {
  fatal = []
  damage = []
  storage = new LevelStorage({
    folder: from,
    onFatal: (error) => fatal.push(error),
    onDamage: (text) => damage.push(text),
    ...options,
  })
  await storage.open()
  log = storage.createQueueLog(1)
}

/** Fails the operation so many times. */
function failing(operation: FileOperation, error: Error, times = Number.POSITIVE_INFINITY): Fault {
  let left = times
  return (at) => {
    if (at === operation && left-- > 0) throw error
  }
}

/** What happens next in the journal. */
function change(): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = storage.journal.onChange(() => {
      unsubscribe()
      resolve()
    })
  })
}

function whenFatal(): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => void (fatal.length > 0 ? resolve() : setImmediate(look))
    look()
  })
}

/** Stages one message; whether it was confirmed is asked later. */
function publish(number: number): { isConfirmed: boolean } {
  const publication = { isConfirmed: false }
  log.append(durable(number))
  storage.journal.whenDurable(() => {
    publication.isConfirmed = true
  })
  return publication
}

/** What a start over the same folder finds. */
async function numbersAfterRestart(): Promise<number[]> {
  files.fault = () => {}
  await storage.close()
  await open()
  return await drain(log)
}

describe('a disk that is full for a while', () => {
  for (const error of [systemError('ENOSPC'), new ShortWrite(0.6, systemError('ENOSPC'))]) {
    test(`confirms once there is room again (${error.message})`, async () => {
      await open({ files })
      // With room for those that follow, and without.
      files.fault = failing('write', error, 2)
      const publication = publish(1)
      await change()
      expect(storage.journal.trouble).toMatch(/make room/)
      expect(storage.journal.isCongested).toBe(true)
      expect(publication.isConfirmed).toBe(false)
      await committed(storage)
      expect(publication.isConfirmed).toBe(true)
      expect(storage.journal.trouble).toBeUndefined()
      expect(storage.journal.isCongested).toBe(false)
      publish(2)
      expect(fatal).toEqual([])
      expect(await numbersAfterRestart()).toEqual([1, 2])
    })
  }

  test('takes a small commit when only the room for those that follow does not fit', async () => {
    await open({ files })
    files.fault = failing('write', new ShortWrite(0.6, systemError('ENOSPC')), 1)
    let changes = 0
    storage.journal.onChange(() => changes++)
    const publication = publish(1)
    await committed(storage)
    expect(publication.isConfirmed).toBe(true)
    expect(changes).toBe(0)
    expect(await numbersAfterRestart()).toEqual([1])
  })

  test('does not keep the storage from closing, nor does who waits for one commit after the other', async () => {
    await open()
    let isOver = false
    const waitForever = (): void => {
      if (!isOver) storage.journal.whenDurable(() => setImmediate(waitForever))
    }
    log.append(durable(1))
    waitForever()
    let waits = 0
    const waitAtOnce = (): Promise<void> =>
      committed(storage).then(() => (!isOver && ++waits < 1_000_000 ? waitAtOnce() : undefined))
    log.append(durable(2))
    void waitAtOnce()
    const closed = storage.close()
    await closed
    isOver = true
    expect(waits).toBeLessThan(1_000_000)
  })

  for (const operation of ['open', 'write', 'syncFolder'] as const) {
    test(`lets the log file grow when there is no room for the next one (${operation})`, async () => {
      await open({ files, logFileBytes: 20_000 })
      let failures = 0
      files.fault = (at, name) => {
        // The first write of the next file is its header.
        if (at !== operation || failures === 3 || (at === 'write' && !name.endsWith('2.log'))) return
        failures++
        throw systemError('ENOSPC')
      }
      log.append(durable(0, 30_000))
      await committed(storage)
      for (let number = 1; number <= 5; number++) {
        publish(number)
        await committed(storage)
      }
      expect(failures).toBe(3)
      expect(fatal).toEqual([])
      expect(await numbersAfterRestart()).toEqual([0, 1, 2, 3, 4, 5])
    })
  }

  test('does not keep the storage from closing', async () => {
    await open({ files })
    files.fault = failing('write', systemError('ENOSPC'))
    const publication = publish(1)
    await change()
    await storage.close()
    expect(publication.isConfirmed).toBe(false)
    expect(fatal).toEqual([])
    expect(damage.join()).toMatch(/what was not confirmed yet is lost/)
    files.fault = () => {}
    await open()
    expect(await drain(log)).toEqual([])
  })
})

describe('a disk that fails', () => {
  for (const durability of ['sync', 'interval'] as const) {
    test(`confirms nothing any more once a sync failed (${durability})`, async () => {
      await open({ files, durability, syncIntervalMs: 1 })
      const before = publish(1)
      await committed(storage)
      expect(before.isConfirmed).toBe(true)
      files.fault = failing('sync', systemError('EIO'), 1)
      const failed = publish(2)
      await whenFatal()
      // With interval, what the system has may be confirmed, as was promised.
      if (durability === 'sync') expect(failed.isConfirmed).toBe(false)
      const later = publish(3)
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      expect(later.isConfirmed).toBe(false)
      expect(fatal).toHaveLength(1)
      expect(storage.journal.trouble).toBeDefined()
      expect(storage.journal.isCongested).toBe(true)
      expect(await numbersAfterRestart()).toEqual(expect.arrayContaining([1]))
    })
  }

  test('confirms nothing that could not be written', async () => {
    await open({ files })
    files.fault = failing('write', new ShortWrite(0.00004, systemError('EIO')), 1)
    const publication = publish(1)
    await whenFatal()
    expect(publication.isConfirmed).toBe(false)
    expect(await numbersAfterRestart()).toEqual([])
  })

  test('is not mistaken for a damaged store when it cannot be read', async () => {
    await open()
    for (let number = 0; number < 20; number++) log.append(durable(number))
    await storage.close()
    await open({ files })
    files.fault = failing('read', systemError('ENOMEM'))
    await new Promise<void>((resolve) => {
      log.isReadable(() => {})
      void whenFatal().then(resolve)
    })
    expect(damage).toEqual([])
    expect(await numbersAfterRestart()).toHaveLength(20)
  })
})

describe('a slow disk', () => {
  test('holds confirms back until its sync is done, and publishers when too much waits', async () => {
    await open({ files })
    let release: () => void = () => {}
    const isSlow = new Promise<void>((resolve) => {
      release = resolve
    })
    files.fault = (operation) => (operation === 'sync' ? isSlow : undefined)
    const publication = publish(1)
    while (storage.journal.commitsBegun === 0) await new Promise(setImmediate)
    const congested = change()
    for (let number = 2; number < 40; number++) log.append(durable(number, MIB))
    await congested
    expect(storage.journal.isCongested).toBe(true)
    expect(storage.journal.trouble).toBeUndefined()
    expect(publication.isConfirmed).toBe(false)
    const relieved = change()
    release()
    await relieved
    expect(publication.isConfirmed).toBe(true)
    await committed(storage)
    expect(storage.journal.isCongested).toBe(false)
  })
})

testStorageContract('leveldb on a slow disk', (place) => {
  const slow = new FaultyFiles(place, () => openFolder(join(place, 'log')))
  let turns = 0
  slow.fault = async (operation) => {
    // Only reading at once cannot wait.
    if (operation !== 'read') for (let left = turns++ % 4; left > 0; left--) await new Promise(setImmediate)
  }
  return new LevelStorage({ folder: place, files: slow, logFileBytes: 64 * 1024, memoryBytes: 64 * 1024 })
})
