import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Catalogue } from '../../../../storage/level/catalogue/catalogue.ts'
import { damageInLevelFiles } from '../../../../storage/level/catalogue/leveldb-files.ts'
import { damageInLog } from '../../../../storage/level/catalogue/leveldb-log.ts'
import { isTableIntact } from '../../../../storage/level/catalogue/table-check.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import type { QueueLog } from '../../../../storage/queue-log.ts'
import { committed, drain, durable, readable, takeOne } from '../../contract-model.ts'
import { copyAsKilled } from '../killed-copy.ts'

const NO_DAMAGE = { tables: [], problems: [] }

function isIntact(table: Buffer): Promise<boolean> {
  return isTableIntact({
    bytes: table.length,
    read: async (buffer, offset) => void table.copy(buffer, 0, offset, offset + buffer.length),
  })
}

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-repair-'))
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 0x10, offset)
  writeFileSync(path, bytes)
}

function namesIn(place: string, pattern: RegExp): string[] {
  return readdirSync(place).filter((name) => pattern.test(name))
}

test('a change that is lost in the middle of the catalogue is told of, and taken from the log again', async () => {
  const store = join(folder, 'store')
  const storage = new LevelStorage({ folder: store, durability: 'os', logFileBytes: 64 * 1024 })
  await storage.open()
  const ids = Array.from({ length: 8 }, () => storage.newQueueId())
  for (const id of ids) {
    const log = storage.createQueueLog(id)
    for (let number = 0; number < 20; number++) log.append(durable(number, 1000))
    storage.journal.put(1, `queue ${id}`, Buffer.alloc(100, `${id};`))
    // Each has its own entry in the log, and a change of the catalogue that is not repeated.
    await committed(storage)
    await committed(storage)
  }
  const logOf = (one: string): string => {
    const [name = ''] = namesIn(join(one, 'catalogue'), /^\d+\.log$/)
    return join(one, 'catalogue', name)
  }
  // The catalogue follows the log in its own time.
  await vi.waitFor(() => expect(readFileSync(logOf(store)).length).toBeGreaterThan(1000), { timeout: 10_000 })
  const killed = join(folder, 'killed')
  copyAsKilled(store, killed)
  await storage.close()
  const path = logOf(killed)
  flip(path, Math.floor(readFileSync(path).length / 3))
  const again = new LevelStorage({ folder: killed })
  const { problems, entities, messages } = await again.open()
  expect(problems.join()).toMatch(/the catalogue was damaged: its file \d+\.log is damaged at \d+/)
  expect([...entities].map(({ key }) => key).sort()).toEqual(ids.map((id) => `queue ${id}`))
  expect(messages).toBe(8 * 20)
  for (const id of ids) expect(await drain(again.createQueueLog(id))).toHaveLength(20)
  await again.close()
})

test('every byte of a table that has a checksum is checked', async () => {
  const place = join(folder, 'tables')
  mkdirSync(place)
  expect(await damageInLevelFiles(place)).toMatchObject(NO_DAMAGE)
  expect(await damageInLevelFiles(join(folder, 'nowhere'))).toMatchObject(NO_DAMAGE)
  for (let life = 0; life < 2; life++) {
    const database = new ClassicLevel(place, { compression: false })
    for (let i = 0; i < 300; i++) await database.put(`key ${i}`, `value ${i} `.repeat(20))
    await database.close()
  }
  expect(await damageInLevelFiles(place)).toMatchObject(NO_DAMAGE)
  const [name = ''] = namesIn(place, /\.ldb$/)
  const table = readFileSync(join(place, name))
  expect(table.length).toBeGreaterThan(10_000)
  const unseen: number[] = []
  // Behind the handles, the footer is padding.
  for (let offset = 0; offset < table.length - 48; offset += 7) {
    const byte = table.readUInt8(offset)
    table.writeUInt8(byte ^ 1, offset)
    if (await isIntact(table)) unseen.push(offset)
    table.writeUInt8(byte, offset)
  }
  expect(unseen).toEqual([])
  for (const length of [0, 1, 47, 48, 1000, table.length - 1]) {
    expect(await isIntact(table.subarray(0, length)), `${length} bytes`).toBe(false)
  }
  flip(join(place, name), 100)
  expect(await damageInLevelFiles(place)).toMatchObject({
    tables: [name],
    problems: [`its table ${name} is not what was written`],
  })
})

test('every byte of a log of LevelDB is checked, and what was never written is no damage', async () => {
  const place = join(folder, 'logs')
  const database = new ClassicLevel(place)
  for (let i = 0; i < 60; i++) await database.put(`key ${i}`, `value ${i} `.repeat(i % 7 === 0 ? 2000 : 20))
  const [name = ''] = namesIn(place, /^\d+\.log$/)
  const log = readFileSync(join(place, name))
  await database.close()
  // Three blocks, and records that go from one to the next.
  expect(log.length).toBeGreaterThan(3 * 32 * 1024)
  expect(await damageInLog(log)).toBeUndefined()
  const unseen: number[] = []
  for (let offset = 0; offset < log.length; offset += 11) {
    const byte = log.readUInt8(offset)
    log.writeUInt8(byte ^ 1, offset)
    if ((await damageInLog(log)) === undefined) unseen.push(offset)
    log.writeUInt8(byte, offset)
  }
  // A length that leads behind the end of the file looks like a record that was never finished.
  expect(unseen.filter((offset) => offset < log.length - 32 * 1024)).toEqual([])
  for (let cut = 0; cut < log.length; cut += 997) {
    expect(await damageInLog(log.subarray(0, cut))).toBeUndefined()
    const longer = Buffer.concat([log.subarray(0, cut), Buffer.alloc(100_000)])
    expect((await damageInLog(longer)) ?? cut).toBeLessThanOrEqual(cut)
  }
  expect(await damageInLog(Buffer.concat([log, Buffer.alloc(100_000)]))).toBeUndefined()
})

test('any part of the last record of LevelDB may be left of a write that was cut off, of others all is', async () => {
  const place = join(folder, 'logs')
  const database = new ClassicLevel(place)
  await database.put('first', 'one '.repeat(10_000))
  const [name = ''] = namesIn(place, /^\d+\.log$/)
  const lastAt = readFileSync(join(place, name)).length
  await database.put('last', 'two '.repeat(20_000))
  const log = readFileSync(join(place, name))
  await database.close()
  const withoutSector = (at: number): Buffer =>
    Buffer.concat([log.subarray(0, at), Buffer.alloc(512), log.subarray(at + 512)])
  for (let sector = 512; sector + 512 < log.length; sector += 512) {
    const torn = withoutSector(sector)
    expect(await damageInLog(torn), `sector at ${sector}`).toBeDefined()
    if (sector >= lastAt) expect(await damageInLog(torn, true), `sector at ${sector}`).toBeUndefined()
    else if (sector + 512 < lastAt) expect(await damageInLog(torn, true), `sector at ${sector}`).toBeDefined()
  }
})

test('a catalogue whose tables are damaged does not take the process with it', async () => {
  // Log files that are nearly full of what is needed: they stay.
  const open = async (): Promise<LevelStorage> => new LevelStorage({ folder, logFileBytes: 20_000 })
  for (let life = 0; life < 3; life++) {
    const storage = await open()
    await storage.open()
    const log = storage.createQueueLog(1)
    for (let number = 0; number < 50; number++) log.append(durable(life * 50 + number, 300))
    storage.journal.put(1, `life ${life}`, Buffer.from('x'))
    await storage.close()
  }
  const place = join(folder, 'catalogue')
  for (const name of namesIn(place, /\.ldb$/)) flip(join(place, name), 10)
  const storage = await open()
  const { problems, messages } = await storage.open()
  expect(problems.join()).toMatch(/its table \d+\.ldb is not what was written/)
  // All of it was in log files that are still there.
  expect(messages).toBe(150)
  expect(await drain(storage.createQueueLog(1))).toEqual(Array.from({ length: 150 }, (_, number) => number))
  await storage.close()
  expect(namesIn(join(folder, 'quarantine'), /catalogue/)).toHaveLength(1)
})

test.each(['CURRENT', 'MANIFEST-000002', 'nothing else'])(
  'damaged tables are taken out when %s is damaged, too',
  async (other) => {
    for (let life = 0; life < 2; life++) {
      const storage = new LevelStorage({ folder })
      await storage.open()
      for (let number = 0; number < 20; number++)
        storage.journal.put(1, `entity ${life} ${number}`, Buffer.alloc(500, 'x'))
      await storage.close()
    }
    const place = join(folder, 'catalogue')
    const [table = ''] = namesIn(place, /\.ldb$/)
    // Every length that an entry of its index gives is wrong: LevelDB would end the process.
    const bytes = readFileSync(join(place, table))
    writeFileSync(join(place, table), bytes.fill(0xee, bytes.length - 400, bytes.length - 48))
    // And one that it was writing when it was killed.
    writeFileSync(join(place, '000099.ldb'), bytes.subarray(bytes.length - 300))
    for (const name of namesIn(place, /^(?:CURRENT|MANIFEST-\d+)$/)) {
      if (name.startsWith(other.slice(0, 7))) writeFileSync(join(place, name), Buffer.alloc(50, 0x5a))
    }
    const storage = new LevelStorage({ folder })
    expect((await storage.open()).problems.join()).toContain('the catalogue was damaged')
    await storage.close()
  },
)

test('the copy of a damaged catalogue is on the disk before LevelDB changes anything', async () => {
  const storage = new LevelStorage({ folder })
  await storage.open()
  storage.journal.put(1, 'one', Buffer.from('x'))
  await storage.close()
  rmSync(join(folder, 'catalogue', 'CURRENT'))
  const files = readdirSync(join(folder, 'catalogue')).length
  const probe = await open(folder)
  const syncs = vi.spyOn(Object.getPrototypeOf(probe), 'sync')
  await probe.close()
  let syncedBefore = 0
  const { repair } = ClassicLevel
  const repairs = vi.spyOn(ClassicLevel, 'repair').mockImplementation(async (place: string) => {
    syncedBefore = syncs.mock.calls.length
    await repair.call(ClassicLevel, place)
  })
  const again = new LevelStorage({ folder })
  await again.open()
  await again.close()
  expect(repairs).toHaveBeenCalledOnce()
  expect(readdirSync(join(folder, 'quarantine', 'catalogue'))).toHaveLength(files)
  // Each file and the folder they are in, the quarantine, and the folders that were made.
  expect(syncedBefore).toBeGreaterThan(files + 1)
})

test('a table that LevelDB was writing when it was killed is no damage', async () => {
  const storage = new LevelStorage({ folder })
  await storage.open()
  storage.journal.put(1, 'kept', Buffer.from('x'))
  await storage.close()
  writeFileSync(join(folder, 'catalogue', '000099.ldb'), Buffer.alloc(5000, 'half a table'))
  const again = new LevelStorage({ folder })
  expect(await again.open()).toMatchObject({ problems: [], quarantined: 0 })
  await again.close()
})

test.each([
  ['LEVEL_IO_ERROR', 'IO error: 000012.ldb: No space left on device'],
  ['LEVEL_IO_ERROR', 'IO error: 000012.ldb: Too many open files'],
  ['EACCES', 'EACCES: permission denied, unlink'],
])('a repair that the system stops (%s, %s) loses nothing', async (code, text) => {
  for (let life = 0; life < 2; life++) {
    const storage = new LevelStorage({ folder })
    await storage.open()
    storage.journal.put(1, `entity ${life}`, Buffer.alloc(500, 'x'))
    await storage.close()
  }
  // What the log had is in the catalogue alone.
  for (const name of readdirSync(join(folder, 'log')).slice(0, -1)) rmSync(join(folder, 'log', name))
  rmSync(join(folder, 'catalogue', 'CURRENT'))
  const repair = vi.spyOn(ClassicLevel, 'repair').mockRejectedValue(Object.assign(new Error(text), { code }))
  await expect(new LevelStorage({ folder }).open()).rejects.toThrow(text)
  repair.mockRestore()
  const storage = new LevelStorage({ folder })
  const { entities, problems } = await storage.open()
  expect(problems.join()).not.toContain('beyond repair')
  expect([...entities].map(({ key }) => key).sort()).toEqual(['entity 0', 'entity 1'])
  await storage.close()
  expect(namesIn(join(folder, 'quarantine'), /^catalogue/)).toHaveLength(1)
})

test('a catalogue that does not know how far it has come writes over nothing', async () => {
  const open = async (): Promise<LevelStorage> => {
    const storage = new LevelStorage({ folder, durability: 'os', logFileBytes: 20_000 })
    await storage.open()
    return storage
  }
  let next = 0
  /** One of a hundred stays: it moves into the catalogue, unless the recorder writes it to the log again. */
  const pass = async (storage: LevelStorage, log: QueueLog, count: number): Promise<void> => {
    for (let left = count; left > 0; left--) {
      log.append(durable(next++, 500))
      await committed(storage)
      const { number, segment, index } = await takeOne(log)
      if (number % 100 > 0) log.settle(segment, index)
    }
  }
  /** The highest number of an entry once the storage was closed; 0 when there is none. */
  const live = async (): Promise<number> => {
    const storage = await open()
    const log = storage.createQueueLog(1)
    for (await readable(log); log.readyCount > 0; await readable(log)) await takeOne(log)
    await pass(storage, log, 300)
    await storage.close()
    const catalogue = await Catalogue.open(join(folder, 'catalogue'))
    const last = await catalogue.lastPageId()
    if (last > 0) await catalogue.write([{ type: 'del', key: Buffer.from('m') }], true)
    await catalogue.close()
    return last
  }
  await vi.waitFor(async () => expect(await live()).toBeGreaterThan(0), { timeout: 10_000, interval: 1 })
  const second = await open()
  const again = second.createQueueLog(1)
  for (let number = 100_000; number < 100_400; number++) {
    again.append(durable(number, 500))
    await committed(second)
  }
  const numbers = await drain(again)
  for (let number = 0; number < next; number += 100) expect(numbers).toContain(number)
  for (let number = 100_000; number < 100_400; number++) expect(numbers).toContain(number)
  await second.close()
})
