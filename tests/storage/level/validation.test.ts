// What is broken in a store is left out, told of once, and kept in the quarantine; what can be read around it is kept.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from '../../../storage/level/disk/files.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { NO_VISITOR } from '../../../storage/level/log/log-entries.ts'
import { scanLog } from '../../../storage/level/log/log-reader.ts'
import type { Recovery } from '../../../storage/storage.ts'
import { committed, drain, durable } from '../contract-model.ts'
import { copyAsKilled } from './killed-copy.ts'

const QUEUE = 1
const OTHER_QUEUE = 2
const PER_LIFE = 10

let root: string
let folder: string
let storage: LevelStorage
let damage: string[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'leveret-validation-'))
  folder = join(root, '0')
})

afterEach(async () => {
  await storage.close()
  rmSync(root, { recursive: true, force: true })
})

async function open(): Promise<Recovery> {
  damage = []
  storage = new LevelStorage({ folder, onDamage: (text) => damage.push(text) })
  return await storage.open()
}

/** The catalogue has everything then. */
async function openAndClose(): Promise<Recovery> {
  const recovery = await open()
  for (const queue of [QUEUE, OTHER_QUEUE]) storage.createQueueLog(queue)
  storage.dropUnclaimed()
  await storage.close()
  return recovery
}

/** What another process would find if this one was killed now. */
async function kill(): Promise<void> {
  const copy = join(root, String(Number(folder.slice(root.length + 1)) + 1))
  copyAsKilled(folder, copy)
  await storage.close()
  folder = copy
}

/** A store of processes that were all killed before they brought the catalogue up to date: one log file of each. */
async function makeKilledStore(lives: number): Promise<void> {
  for (let life = 0; life < lives; life++) {
    await open()
    storage.journal.put(1, `life ${life}`, Buffer.from(`value ${life}`))
    for (const queue of [QUEUE, OTHER_QUEUE]) {
      const log = storage.createQueueLog(queue)
      for (let number = 0; number < PER_LIFE; number++) log.append(durable(life * PER_LIFE + number))
    }
    await committed(storage)
    await kill()
  }
}

function logFiles(): string[] {
  return readdirSync(join(folder, 'log'))
    .sort()
    .map((name) => join(folder, 'log', name))
}

function numbersOf(...lives: number[]): number[] {
  return lives.flatMap((life) => Array.from({ length: PER_LIFE }, (_, number) => life * PER_LIFE + number))
}

/** Changes what LevelDB itself holds to be right. */
async function changeCatalogue(change: (database: ClassicLevel<Buffer, Buffer>) => Promise<void>): Promise<void> {
  const database: ClassicLevel<Buffer, Buffer> = new ClassicLevel(join(folder, 'catalogue'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
  })
  await database.open()
  await change(database)
  await database.close()
}

function inQuarantine(): string[] {
  const place = join(folder, 'quarantine')
  if (!existsSync(place)) return []
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
}

test('a log file that is missing in the middle is told of, and what is around it is kept', async () => {
  await makeKilledStore(3)
  rmSync(logFiles()[1] as string)
  const { problems, messages } = await open()
  expect(problems).toEqual([expect.stringMatching(/^1 commits in front of log file 3 are missing$/)])
  expect(messages).toBe(2 * 2 * PER_LIFE)
  expect(await drain(storage.createQueueLog(QUEUE))).toEqual(numbersOf(0, 2))
})

test('a log file that is missing at the start is told of, even when the catalogue was never written', async () => {
  await makeKilledStore(3)
  rmSync(logFiles()[0] as string)
  const { problems } = await open()
  expect(problems).toEqual([expect.stringMatching(/^1 commits in front of log file 2 are missing$/)])
  expect(await drain(storage.createQueueLog(QUEUE))).toEqual(numbersOf(1, 2))
})

test('a catalogue that is missing is told of', async () => {
  await makeKilledStore(1)
  await open()
  await storage.close()
  await open()
  storage.journal.put(1, 'more', Buffer.from('x'))
  await committed(storage)
  await storage.close()
  for (const path of logFiles().slice(0, -1)) rmSync(path)
  rmSync(join(folder, 'catalogue'), { recursive: true })
  const { problems } = await open()
  expect(problems).toEqual([expect.stringMatching(/commits in front of log file \d+ are missing/)])
})

test('a log file that was cut off between two commits is told of', async () => {
  await makeKilledStore(1)
  const [path = ''] = logFiles()
  const file = await (await openFolder(join(folder, 'log'))).open('0000000000000001.log')
  const { end } = await scanLog(file, 0, NO_VISITOR)
  await file.close()
  truncateSync(path, end)
  expect(await open()).toMatchObject({
    problems: [`log file 1 was cut off at ${end}: commits may be missing`],
    messages: 20,
  })
})

test('a log file that is there twice is told of', async () => {
  await makeKilledStore(2)
  const [first = '', second = ''] = logFiles()
  copyFileSync(first, second.replace('2.log', '3.log'))
  const { problems } = await open()
  expect(problems).toEqual(['log file 3 has commits that came before those of the file in front of it'])
})

test('a log file of a newer version is refused', async () => {
  await makeKilledStore(1)
  const [path = ''] = logFiles()
  const bytes = readFileSync(path)
  bytes.writeUInt8(99, 4)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 16)), 16)
  writeFileSync(path, bytes)
  await expect(open()).rejects.toThrow('format version 99')
})

test('messages of a queue without an entity go into the quarantine, and are gone then', async () => {
  await makeKilledStore(3)
  expect(await open()).toMatchObject({ problems: [], messages: 60 })
  storage.createQueueLog(QUEUE)
  expect(storage.dropUnclaimed()).toBe(1)
  await storage.close()
  expect(damage).toEqual([])
  const [place = ''] = readdirSync(join(folder, 'quarantine'))
  const names = readdirSync(join(folder, 'quarantine', place))
  for (const name of names) expect(name).toMatch(new RegExp(`^queue-${OTHER_QUEUE}-segment-\\d+$`))
  const kept = names.map((name) => readFileSync(join(folder, 'quarantine', place, name), 'latin1')).join()
  for (const number of numbersOf(0, 1, 2)) expect(kept).toContain(`k${number}`)
  expect(await open()).toMatchObject({ problems: [], messages: 30 })
  expect(await drain(storage.createQueueLog(QUEUE))).toEqual(numbersOf(0, 1, 2))
  expect(storage.dropUnclaimed()).toBe(0)
})

test('messages of unknown queues stay where they are when there is no room in the quarantine', async () => {
  await makeKilledStore(1)
  await open()
  storage.createQueueLog(QUEUE)
  writeFileSync(join(folder, 'quarantine'), 'not a folder')
  storage.dropUnclaimed()
  await storage.close()
  expect(damage).toEqual([expect.stringContaining('could not be put into the quarantine')])
  rmSync(join(folder, 'quarantine'))
  expect(await open()).toMatchObject({ messages: 20 })
})

test('a store that is closed before its queues were claimed has them all', async () => {
  await makeKilledStore(1)
  for (let life = 0; life < 2; life++) {
    expect(await open()).toMatchObject({ messages: 20 })
    await storage.close()
  }
  await openAndClose()
  expect(await open()).toMatchObject({ messages: 20, problems: [] })
})

test('of two queues with the same number, the first has the messages', async () => {
  await makeKilledStore(1)
  await open()
  const log = storage.createQueueLog(QUEUE)
  expect(() => storage.createQueueLog(QUEUE)).toThrow(`another queue has its number ${QUEUE} too`)
  storage.dropUnclaimed()
  expect(await drain(log)).toEqual(numbersOf(0))
  const next = storage.newQueueId()
  expect(next).toBeGreaterThan(OTHER_QUEUE)
  expect(storage.createQueueLog(next).readyCount).toBe(0)
})

test.each([
  { place: 'with its copy, it is there again', hasCopy: true },
  { place: 'without, it is left out', hasCopy: false },
])('a damaged entity is told of once, and is in the quarantine then; $place', async ({ hasCopy }) => {
  await open()
  storage.journal.put(1, 'good', Buffer.from('good value'))
  storage.journal.put(1, 'bad', Buffer.from('bad value'))
  await storage.close()
  await open()
  await storage.close()
  for (const path of logFiles().slice(0, -1)) rmSync(path)
  if (!hasCopy) rmSync(join(folder, 'entities'), { recursive: true })
  await changeCatalogue(async (database) => {
    const key = Buffer.from('e\x01bad')
    const record = (await database.get(key)) as Buffer
    record.writeUInt8(record.readUInt8(6) ^ 1, 6)
    await database.put(key, record)
  })
  const { problems, entities } = await open()
  expect(problems).toEqual([`catalogue entry ${Buffer.from('e\x01bad').toString('hex')} is damaged`])
  expect([...entities].map(({ key }) => key).sort()).toEqual(hasCopy ? ['bad', 'good'] : ['good'])
  expect(inQuarantine()).toEqual(['records.jsonl'])
  await kill()
  expect(await open()).toMatchObject({ problems: [], quarantined: 0 })
})

test('damage in the log is told of once, also when the next process is killed', async () => {
  await makeKilledStore(2)
  const [path = ''] = logFiles()
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(4200) ^ 1, 4200)
  writeFileSync(path, bytes)
  const found = await open()
  expect(found.quarantined).toBeGreaterThan(0)
  expect(found).toMatchObject({ messages: 2 * PER_LIFE })
  await kill()
  expect(await open()).toMatchObject({ problems: [], quarantined: 0, messages: 2 * PER_LIFE })
  expect(await drain(storage.createQueueLog(QUEUE))).toEqual(numbersOf(1))
})

test('what was removed before damage was found does not come back after it', async () => {
  await makeKilledStore(1)
  await openAndClose()
  await open()
  const log = storage.createQueueLog(QUEUE)
  storage.createQueueLog(OTHER_QUEUE)
  storage.dropUnclaimed()
  log.purge()
  storage.journal.remove(1, 'life 0')
  storage.journal.put(1, 'other', Buffer.from('x'))
  await committed(storage)
  await kill()
  // The catalogue has not heard of that yet.
  await changeCatalogue(async (database) => {
    for await (const [key, record] of database.iterator()) {
      if (key[0] !== 'c'.charCodeAt(0) && key[0] !== 'm'.charCodeAt(0)) continue
      record.writeUInt8(record.readUInt8(record.length - 1) ^ 1, record.length - 1)
      await database.put(key, record)
    }
  })
  const found = await open()
  expect(found.quarantined).toBeGreaterThan(0)
  expect(found).toMatchObject({ messages: PER_LIFE })
  await kill()
  const again = await open()
  expect(again).toMatchObject({ problems: [], messages: PER_LIFE })
  expect([...again.entities].map(({ key }) => key)).toEqual(['other'])
})

test('an entity that was refused is in the quarantine then, and gone', async () => {
  await makeKilledStore(1)
  const { entities } = await open()
  storage.dropUnclaimed([...entities])
  await storage.close()
  const lines = readFileSync(join(folder, 'quarantine', 'entities.jsonl'), 'utf8')
    .trim()
    .split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { kind: 1, key: 'life 0', value: Buffer.from('value 0').toString('base64') },
  ])
  expect([...(await open()).entities]).toEqual([])
})

test('an entity that was refused stays when there is no room in the quarantine', async () => {
  await makeKilledStore(1)
  const { entities } = await open()
  writeFileSync(join(folder, 'quarantine'), 'not a folder')
  storage.dropUnclaimed([...entities])
  await storage.close()
  expect(damage.join()).toContain('entities could not be put into the quarantine, and stay')
  rmSync(join(folder, 'quarantine'))
  expect([...(await open()).entities]).toHaveLength(1)
})

test('what the log told again of a damaged catalogue survives that the next process is killed, too', async () => {
  await makeKilledStore(2)
  await openAndClose()
  await changeCatalogue(async (database) => {
    for await (const [key, record] of database.iterator()) {
      record.writeUInt8(record.readUInt8(record.length - 1) ^ 1, record.length - 1)
      await database.put(key, record)
    }
  })
  const found = await open()
  expect(found.problems.length).toBeGreaterThan(4)
  expect(found).toMatchObject({ messages: 40 })
  await kill()
  const again = await open()
  expect(again).toMatchObject({ problems: [], messages: 40 })
  expect([...again.entities]).toHaveLength(2)
  expect(await drain(storage.createQueueLog(QUEUE))).toEqual(numbersOf(0, 1))
})

test('a catalogue that does not say how far it has come is told of', async () => {
  await makeKilledStore(1)
  await openAndClose()
  await changeCatalogue((database) => database.del(Buffer.from('m')))
  const { problems, messages } = await open()
  expect(problems).toEqual(['the catalogue does not say how far it has come: the whole log is read'])
  expect(messages).toBe(20)
  await kill()
  expect(await open()).toMatchObject({ problems: [], messages: 20 })
})

test('a repair of the catalogue that was interrupted is done again', async () => {
  await makeKilledStore(2)
  await openAndClose()
  const place = join(folder, 'catalogue')
  // What is in a table by now is lost with it.
  await changeCatalogue(async () => {})
  for (const name of readdirSync(place).filter((one) => one.endsWith('.ldb'))) {
    const bytes = readFileSync(join(place, name))
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
    writeFileSync(join(place, name), bytes)
  }
  // As far as a killed process came: LevelDB has been repaired, and looks whole.
  const whole = join(root, 'whole')
  cpSync(folder, whole, { recursive: true })
  expect(await open()).toMatchObject({ messages: 40 })
  await storage.close()
  const { repairCatalogue } = await import('../../../storage/level/catalogue/catalogue-repair.ts')
  const repaired = await repairCatalogue(join(whole, 'catalogue'), join(whole, 'quarantine'), 'a table is damaged')
  await repaired.catalogue.close()
  folder = whole
  const { problems, messages } = await open()
  expect(problems).toEqual(['the catalogue was damaged: a table is damaged; that was not put right before'])
  expect(messages).toBe(40)
  await storage.close()
  expect(await open()).toMatchObject({ problems: [], messages: 40 })
})

test('a log file whose beginning is lost is read all the same, and the loss is told of', async () => {
  await makeKilledStore(2)
  for (const path of logFiles()) {
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill(0xa5, 0, 64))
  }
  const found = await open()
  expect(found).toMatchObject({ messages: 2 * 2 * PER_LIFE, tornBytes: 0 })
  expect(found.quarantined).toBeGreaterThan(0)
})

test('a log file that has nothing to read by is damaged, not unfinished', async () => {
  await makeKilledStore(1)
  const [path = ''] = logFiles()
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.fill(0xa5, 0, 4200))
  const found = await open()
  expect(found.tornBytes).toBe(0)
  expect(found.problems.join()).toMatch(/bytes at 0 are damaged/)
})
