// What the log needs no more is given back to the disk within seconds, while nothing else happens.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { EntryUse } from '../../../../storage/level/catalogue/entry-use.ts'
import type { Checkpointer } from '../../../../storage/level/checkpoint/checkpoint.ts'
import { GiveBack } from '../../../../storage/level/checkpoint/give-back.ts'
import type { DataFile } from '../../../../storage/level/disk/data-file.ts'
import { type Files, openFolder } from '../../../../storage/level/disk/files.ts'
import type { Page } from '../../../../storage/level/disk/places.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import type { LevelJournal } from '../../../../storage/level/log/level-journal.ts'
import type { LogFile, LogFiles } from '../../../../storage/level/log/log-files.ts'
import type { StoredSegment } from '../../../../storage/level/log/stored-segment.ts'
import type { QueueLog } from '../../../../storage/queue-log.ts'
import { committed, drain, durable, takeOne } from '../../contract-model.ts'
import { FaultyFiles } from '../faulty-files.ts'

const MIB = 1024 * 1024
const LOG_FILE_BYTES = 4 * MIB
const BODY_BYTES = 200_000
const COUNT = 200
/** The file that is written to has some room for small commits. */
const REST_BYTES = 2 * MIB
const SECONDS = { timeout: 10_000, interval: 50 }

/** A store with a backlog of large bodies in one queue. */
class Backlog {
  readonly folder = mkdtempSync(join(tmpdir(), 'leveret-give-back-'))
  readonly fatal: Error[] = []
  storage!: LevelStorage
  log!: QueueLog

  static async create(files?: (folder: string) => Files): Promise<Backlog> {
    const backlog = new Backlog()
    await backlog.open(files?.(backlog.folder))
    for (let number = 0; number < COUNT; number++) {
      backlog.log.append(durable(number, BODY_BYTES))
      if (number % 10 === 9) await committed(backlog.storage)
    }
    expect(backlog.logBytes()).toBeGreaterThan(COUNT * BODY_BYTES)
    return backlog
  }

  async open(files?: Files): Promise<void> {
    this.storage = new LevelStorage({
      folder: this.folder,
      ...(files && { files }),
      durability: 'os',
      logFileBytes: LOG_FILE_BYTES,
      onFatal: (error) => this.fatal.push(error),
    })
    await this.storage.open()
    this.log = this.storage.createQueueLog(1)
  }

  /** Bytes of all files of the log, spare ones included. */
  logBytes(): number {
    const place = join(this.folder, 'log')
    const bytesOf = (name: string): number => statSync(join(place, name), { throwIfNoEntry: false })?.size ?? 0
    return readdirSync(place).reduce((sum, name) => sum + bytesOf(name), 0)
  }

  async expectGivenBack(): Promise<void> {
    await committed(this.storage)
    await vi.waitFor(() => expect(this.logBytes()).toBeLessThan(REST_BYTES), SECONDS)
  }

  async remove(): Promise<void> {
    await this.storage.close()
    rmSync(this.folder, { recursive: true, force: true })
    expect(this.fatal).toEqual([])
  }
}

describe.concurrent('within seconds, the disk is given back', () => {
  test.for([
    ['consumed', (log: QueueLog) => drain(log)],
    ['purged', (log: QueueLog) => log.purge()],
    ['deleted', (log: QueueLog) => log.clear()],
  ] as const)('of a backlog that was %s', async ([, empty]) => {
    const backlog = await Backlog.create()
    await empty(backlog.log)
    await backlog.expectGivenBack()
    await backlog.remove()
  })

  test('of a backlog of which a few messages are left, which stay readable', async () => {
    const backlog = await Backlog.create()
    const kept = new Set<number>()
    for (let number = 0; number < COUNT; number++) {
      const { segment, index } = await takeOne(backlog.log)
      if (number % 40 === 7) kept.add(number)
      else backlog.log.settle(segment, index)
    }
    await backlog.expectGivenBack()
    await backlog.storage.close()
    await backlog.open()
    expect(await drain(backlog.log)).toEqual([...kept])
    await backlog.remove()
  })

  test('of a nearly full disk, and publishers go on', async () => {
    let freeBytes = Number.POSITIVE_INFINITY
    const backlog = await Backlog.create((folder) => {
      const files = new FaultyFiles(folder, () => openFolder(join(folder, 'log')))
      files.freeBytes = async () => freeBytes
      return files
    })
    const { journal } = backlog.storage
    freeBytes = 32 * MIB
    await vi.waitFor(() => expect(journal.trouble).toContain('make room'), SECONDS)
    for (let number = 0; number < COUNT; number++) {
      const { segment, index } = await takeOne(backlog.log)
      if (number % 40 !== 7) backlog.log.settle(segment, index)
    }
    await backlog.expectGivenBack()
    freeBytes = 128 * MIB
    await vi.waitFor(() => expect(journal.trouble).toBeUndefined(), SECONDS)
    await backlog.remove()
  })
})

describe('looking at a log', () => {
  const FILE_BYTES = 32 * MIB
  let done: string[]
  let journal: { commit: number; troubleBesidesRoom: string | undefined; startFreshLog: () => void }
  let logs: {
    writtenBytes: number
    hasFree: boolean
    current: LogFile
    fileBytes: number
  }
  let entries: { hasUnneeded: boolean }
  let all: LogFile[]
  let giveBack: GiveBack
  let mayBegin: boolean

  const file = (bytes: number, pages: Map<Page, StoredSegment> = new Map()): LogFile => ({
    number: 1,
    file: {} as DataFile,
    mark: new Uint8Array(),
    bytes,
    roomBytes: bytes,
    reads: 0,
    pages,
  })

  beforeEach(() => {
    vi.useFakeTimers()
    done = []
    mayBegin = true
    entries = { hasUnneeded: false }
    journal = { commit: 1, troubleBesidesRoom: undefined, startFreshLog: () => void done.push('fresh log') }
    const current = file(FILE_BYTES / 32)
    all = [file(FILE_BYTES), current]
    logs = {
      ...{ writtenBytes: 0, hasFree: false, current, fileBytes: FILE_BYTES, shape: '' },
      ...{ all: () => all, totalBytes: FILE_BYTES },
    } as typeof logs
    giveBack = new GiveBack({
      journal: journal as unknown as LevelJournal,
      logs: logs as unknown as LogFiles,
      entries: entries as unknown as EntryUse,
      checkpointer: {
        isFree: true,
        beginBetweenCommits: () => void done.push('checkpoint'),
      } as unknown as Checkpointer,
      mayBegin: () => mayBegin,
      onDefect: () => void done.push('defect'),
    })
    giveBack.start()
  })

  afterEach(() => {
    giveBack.stop()
    vi.useRealTimers()
  })

  /** What was done in this many seconds. */
  const doneIn = async (seconds: number): Promise<string[]> => {
    done = []
    await vi.advanceTimersByTimeAsync(seconds * 1000)
    return done
  }

  test('a file that cannot be emptied is tried once, and again when something was committed', async () => {
    expect(await doneIn(5)).toEqual(['checkpoint'])
    journal.commit++
    expect(await doneIn(5)).toEqual(['checkpoint'])
  })

  test('a look that fails is told of, and the next one comes', async () => {
    mayBegin = false
    await doneIn(1)
    mayBegin = true
    Object.defineProperty(logs, 'hasFree', {
      configurable: true,
      get: () => {
        throw new Error('broken inside')
      },
    })
    expect(await doneIn(2)).toEqual(['defect', 'defect'])
    Object.defineProperty(logs, 'hasFree', { value: true })
    expect(await doneIn(1)).toEqual(['checkpoint'])
  })

  test('a file that is free is given back at once, also while the log grows', async () => {
    await doneIn(2)
    logs.hasFree = true
    expect(await doneIn(1)).toEqual(['checkpoint'])
    logs.writtenBytes += 100 * MIB
    expect(await doneIn(1)).toEqual(['checkpoint'])
  })

  test('entries of the catalogue that nothing needs are given back while the log is quiet', async () => {
    await doneIn(2)
    entries.hasUnneeded = true
    expect(await doneIn(1)).toEqual(['checkpoint'])
    logs.writtenBytes += 100 * MIB
    expect(await doneIn(1)).toEqual([])
  })

  test('the last file is given back when it is large and holds nothing, not while the log grows', async () => {
    await doneIn(2)
    logs.current.roomBytes = FILE_BYTES / 2
    journal.commit++
    logs.writtenBytes += 100 * MIB
    expect(await doneIn(1)).toEqual([])
    expect(await doneIn(1)).toEqual(['fresh log', 'checkpoint'])
  })

  test('small log files are not changed for the room that a few small commits make', async () => {
    await doneIn(2)
    logs.fileBytes = 4 * MIB
    logs.current.roomBytes = MIB
    journal.commit++
    expect(await doneIn(1)).toEqual(['checkpoint'])
  })

  test('a file holds little when that is little of the room it takes, written to or not', async () => {
    await doneIn(2)
    const { current } = logs
    const stored = { unsettledIn: () => 1, isSettled: () => false } as unknown as StoredSegment
    current.bytes = MIB
    current.roomBytes = FILE_BYTES
    current.pages.set({ bytes: MIB / 2, count: 1, bodies: [] } as unknown as Page, stored)
    all.splice(0, 1)
    journal.commit++
    expect(await doneIn(1)).toEqual(['fresh log', 'checkpoint'])
    // The next one is written to now.
    logs.current = file(100)
    all.push(logs.current)
    journal.commit++
    expect(await doneIn(1)).toEqual(['checkpoint'])
  })

  test('nothing is done while the disk makes trouble, or the catalogue must wait', async () => {
    logs.hasFree = true
    journal.troubleBesidesRoom = 'full'
    expect(await doneIn(2)).toEqual([])
    journal.troubleBesidesRoom = undefined
    mayBegin = false
    expect(await doneIn(2)).toEqual([])
    mayBegin = true
    expect(await doneIn(1)).toEqual(['checkpoint'])
  })
})
