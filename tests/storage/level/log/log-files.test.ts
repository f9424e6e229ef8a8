import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Files, openFolder } from '../../../../storage/level/disk/files.ts'
import { FrameBuilder } from '../../../../storage/level/log/frame-builder.ts'
import { type LogFile, LogFiles } from '../../../../storage/level/log/log-files.ts'
import {
  isSpareFileName,
  LOG_FILE_HEADER_BYTES,
  logFileName,
  spareFileName,
} from '../../../../storage/level/log/log-format.ts'
import { SpareFiles } from '../../../../storage/level/log/spare-files.ts'
import { FaultyFiles, systemError } from '../faulty-files.ts'

const FILE_BYTES = 1024 * 1024

let folder: string
let files: Files
let logs: LogFiles
let commit: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-log-files-'))
  files = await openFolder(folder)
  logs = new LogFiles(files, FILE_BYTES)
  await logs.open()
  await logs.startNext()
  commit = 0
})

afterEach(async () => {
  await logs.close()
  rmSync(folder, { recursive: true })
})

/** Appends a commit of about so many bytes. */
async function append(bytes: number): Promise<void> {
  const builder = new FrameBuilder()
  builder.put(1, Buffer.from('key'), Buffer.alloc(bytes))
  await logs.append(builder.finish(++commit, logs.current.mark), true)
}

function names(): string[] {
  return readdirSync(folder).sort()
}

test('small commits go into room that an earlier one has made', async () => {
  await append(10)
  const length = statSync(join(folder, logFileName(1))).size
  expect(length).toBeGreaterThan(256 * 1024)
  for (let left = 100; left > 0; left--) await append(10)
  expect(statSync(join(folder, logFileName(1))).size).toBe(length)
  expect(logs.current.bytes).toBeLessThan(10_000)
})

test('large commits, and the last ones of a file, make no room', async () => {
  await append(100_000)
  expect(statSync(join(folder, logFileName(1))).size).toBeLessThan(110_000)
  await append(FILE_BYTES - 110_000)
  await append(10)
  expect(statSync(join(folder, logFileName(1))).size).toBe(FILE_BYTES)
})

test('the next file is made ahead of need', async () => {
  await append(FILE_BYTES / 3)
  expect(names()).toEqual([logFileName(1)])
  await append(FILE_BYTES / 3)
  await vi.waitFor(() => expect(names()).toEqual([logFileName(1), logFileName(2)]))
  expect(logs.all().map(({ number }) => number)).toEqual([1])
  expect((await logs.startNext()).number).toBe(2)
  expect(logs.current.bytes).toBe(LOG_FILE_HEADER_BYTES)
})

test('a file that is not needed any more becomes the next one', async () => {
  await append(FILE_BYTES - 1000)
  const [first] = logs.all()
  await logs.startNext()
  const inode = statSync(join(folder, logFileName(1))).ino
  if (first !== undefined) await logs.remove(first)
  expect(names()).toEqual([logFileName(2), '0000000000000001.spare'].sort())
  const mark = Buffer.from(logs.current.mark)
  const third = await logs.startNext()
  expect(names()).toEqual([logFileName(2), logFileName(3)])
  expect(statSync(join(folder, logFileName(3))).ino).toBe(inode)
  expect(third.bytes).toBe(LOG_FILE_HEADER_BYTES)
  expect(Buffer.from(third.mark).equals(mark)).toBe(false)
  await append(10)
  // The last block may have been filled.
  const { size } = statSync(join(folder, logFileName(3)))
  expect(size - (first?.roomBytes ?? 0)).toBeGreaterThanOrEqual(0)
  expect(size - (first?.roomBytes ?? 0)).toBeLessThan(4096)
})

test('a file that is being read is not used again', async () => {
  await append(FILE_BYTES - 1000)
  const [first] = logs.all()
  await logs.startNext()
  const buffer = Buffer.alloc(1000)
  const reading = logs.read(1, buffer, 100)
  if (first !== undefined) await logs.remove(first)
  await reading
  expect(names()).toEqual([logFileName(2)])
})

test('no more than sixteen spare files are kept, and none at the end', async () => {
  for (let number = 1; number <= 19; number++) {
    await append(FILE_BYTES - 1000)
    await logs.startNext()
  }
  for (const log of logs.all()) if (log !== logs.current) await logs.remove(log)
  expect(names().filter((name) => name.endsWith('.spare'))).toHaveLength(16)
  await logs.close()
  expect(names()).toEqual([logFileName(20)])
})

test('spare files that another process left behind go when the log goes on', async () => {
  await append(FILE_BYTES - 1000)
  const [first] = logs.all()
  await logs.startNext()
  if (first !== undefined) await logs.remove(first)
  const next = new LogFiles(files, FILE_BYTES)
  await next.open()
  await next.startNext()
  await next.close()
  expect(names()).toEqual([logFileName(2), logFileName(3)])
})

test('a spare file that cannot be removed does not keep the others', async () => {
  const faulty = new FaultyFiles(folder, async () => files)
  const spares = new SpareFiles(faulty, FILE_BYTES)
  for (const number of [7, 8, 9]) {
    const file = await faulty.open(logFileName(number))
    await spares.keep({ number, file, roomBytes: FILE_BYTES })
  }
  faulty.fault = (operation, name) => {
    if (operation === 'remove' && name === spareFileName(7)) throw systemError('EACCES')
  }
  await spares.close()
  expect(names().filter(isSpareFileName)).toEqual([spareFileName(7)])
})

test('a spare file that cannot become a log file does no harm', async () => {
  const faulty = new FaultyFiles(folder, () => openFolder(folder))
  const failing = new LogFiles(faulty, FILE_BYTES)
  await failing.open()
  await failing.startNext()
  const builder = new FrameBuilder()
  builder.put(1, Buffer.from('key'), Buffer.alloc(FILE_BYTES - 1000))
  await failing.append(builder.finish(1, failing.current.mark), true)
  const full = failing.current
  await failing.startNext()
  await failing.remove(full)
  faulty.fault = (operation) => {
    if (operation === 'rename') throw systemError('ENOSPC')
  }
  await expect(failing.startNext()).rejects.toThrow('ENOSPC')
  faulty.fault = () => {}
  expect((await failing.startNext()).number).toBe(4)
  await failing.close()
  expect(names()).toEqual([logFileName(1), logFileName(3), logFileName(4)])
})

test('every file is closed, also when one of them fails to close', async () => {
  await logs.startNext()
  await logs.startNext()
  const [first] = logs.all()
  const closes = logs.all().map(({ file }) => vi.spyOn(file, 'close'))
  closes[0]?.mockRejectedValueOnce(systemError('EIO'))
  await expect(logs.close()).rejects.toThrow('EIO')
  for (const close of closes) expect(close).toHaveBeenCalledOnce()
  await first?.file.close()
})

/** How many descriptors this process has of files in the folder. */
function openDescriptors(): number {
  const own = '/proc/self/fd'
  const target = (name: string): string => {
    try {
      return readlinkSync(join(own, name))
    } catch {
      return '' // the one that lists them
    }
  }
  return readdirSync(own).filter((name) => target(name).startsWith(`${folder}/`)).length
}

describe.runIf(existsSync('/proc/self/fd'))('of many log files', () => {
  const MANY = 150
  const OPEN_MAX = 70

  test('few are open, however many are read', async () => {
    for (let number = 2; number <= MANY; number++) {
      await append(10)
      await logs.startNext()
    }
    // Those that are written to, and none besides.
    expect(openDescriptors()).toBeLessThan(5)
    const again = new LogFiles(files, FILE_BYTES)
    await again.open()
    expect(openDescriptors()).toBeLessThan(5)
    const headers = again.all().map(({ file }) => ({ file, bytes: Buffer.alloc(LOG_FILE_HEADER_BYTES) }))
    await Promise.all(headers.map(({ file, bytes }) => file.read(bytes, 0)))
    expect(openDescriptors()).toBeLessThan(OPEN_MAX)
    for (const { number, file } of again.all()) {
      const header = Buffer.alloc(LOG_FILE_HEADER_BYTES)
      await file.read(header, 0)
      expect(header.equals(headers[number - 1]?.bytes as Buffer)).toBe(true)
    }
    expect(openDescriptors()).toBeLessThan(OPEN_MAX)
    await again.close()
    expect(openDescriptors()).toBeLessThan(5)
  })

  test('those that were written without a sync stay open until they are synced', async () => {
    const written: LogFile[] = []
    for (let number = 2; number <= 10; number++) {
      const builder = new FrameBuilder()
      builder.put(1, Buffer.from('key'), Buffer.alloc(10))
      await logs.append(builder.finish(++commit, logs.current.mark), false)
      written.push(logs.current)
      await logs.startNext()
    }
    expect(openDescriptors()).toBeGreaterThanOrEqual(written.length)
    for (const { file } of written) await file.sync()
    expect(openDescriptors()).toBeLessThan(5)
  })
})

test('a file that is being read goes once it was read', async () => {
  await append(1000)
  const [first] = logs.all()
  await logs.startNext()
  const buffer = Buffer.alloc(500)
  // It was not open until now.
  const reading = logs.read(1, buffer, LOG_FILE_HEADER_BYTES)
  if (first !== undefined) await logs.remove(first)
  await reading
  expect(buffer.equals(Buffer.alloc(500))).toBe(false)
  expect(names()).toEqual([logFileName(2)])
})
