// Any byte of a store may be wrong, and any file of it may end too early: it opens, keeps what can be read, and reports
// the rest; a message that comes back is the one that was sent.
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { committed, drain, durable, readable, takeOne } from '../contract-model.ts'
import { copyAsKilled } from './killed-copy.ts'

const QUEUES = [1, 2, 3] as const
const RUNS = Number(process.env.LEVERET_CORRUPTION_RUNS ?? 10)
const TIMEOUT_MS = 60_000 + RUNS * 3000
const PER_COMMIT = 10
const PER_LIFE = 160
const LOG_FILE_BYTES = 128 * 1024

const root = mkdtempSync(join(tmpdir(), 'leveret-corruption-'))
const template = join(root, 'template')
/** What the undamaged store has. */
const wanted = new Map<number, readonly number[]>()
const entities = new Map<string, string>()
/** Files of the store, below its folder. */
let paths: string[] = []

beforeAll(async () => {
  // Twice: LevelDB puts into a table what it finds in its log.
  for (let life = 0; life < 2; life++) await fill(life)
  // Closing has brought the catalogue up to date: what is killed now leaves something to replay.
  const storage = open(template, () => {})
  const { entities: found } = await storage.open()
  for (const { kind, key, value } of found) entities.set(`${kind} ${key}`, value.toString())
  const logs = QUEUES.map((id) => storage.createQueueLog(id))
  for (let number = 1000; number < 1040; number++) {
    for (const log of logs) log.append(durable(number, number % 8 === 0 ? 40_000 : 200))
    if (number % PER_COMMIT === 0) await committed(storage)
  }
  storage.journal.put(2, 'late', Buffer.from('late value'))
  entities.set('2 late', 'late value')
  await committed(storage)
  copyAsKilled(template, join(root, 'killed'))
  copyFileSync(join(template, 'owner'), join(root, 'killed', 'owner'))
  await storage.close()
  rmSync(template, { recursive: true })
  cpSync(join(root, 'killed'), template, { recursive: true })
  const { numbers } = await readAll(copyOf('intact'))
  for (const [id, found] of numbers) wanted.set(id, found)
  paths = readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).length > 0)
    .map((entry) => join(entry.parentPath, entry.name).slice(template.length + 1))
    .sort()
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

function open(folder: string, report: (text: string) => void): LevelStorage {
  return new LevelStorage({
    folder,
    durability: 'os',
    logFileBytes: LOG_FILE_BYTES,
    onDamage: report,
    onFatal: (error) => {
      throw error
    },
  })
}

/** Several log files, some of whose messages have moved into the catalogue; three queues, entities. */
async function fill(life: number): Promise<void> {
  const storage = open(template, () => {})
  await storage.open()
  const logs = QUEUES.map((id) => storage.createQueueLog(id))
  for (let number = 0; number < PER_LIFE; number++) {
    for (const log of logs) log.append(durable(life * PER_LIFE + number, number % 29 === 0 ? 40_000 : 300))
    if (number % PER_COMMIT > 0) continue
    storage.journal.put(1, `entity ${life} ${number}`, Buffer.alloc(40, `value ${number};`))
    await committed(storage)
  }
  for (const log of logs) {
    for (let left = 0; left < PER_LIFE; left++) {
      const { number, segment, index } = await takeOne(log)
      // A few of the oldest stay, and keep nothing but themselves.
      if (number % 20 !== 0 && number % 29 !== 0) log.settle(segment, index)
    }
  }
  await committed(storage)
  await storage.close()
}

let copies = 0
function copyOf(name: string): string {
  const folder = join(root, `${name}-${++copies}`)
  cpSync(template, folder, { recursive: true })
  return folder
}

/** Opens the store and takes everything that it has, without settling it. `whileOpen` is called before it is closed. */
async function readAll(folder: string, whileOpen: () => void = () => {}) {
  const reports: string[] = []
  const storage = open(folder, (text) => reports.push(text))
  const recovery = await storage.open()
  const numbers = new Map<number, number[]>()
  for (const id of QUEUES) {
    const log = storage.createQueueLog(id)
    const found: number[] = []
    for (await readable(log); log.readyCount > 0; await readable(log)) found.push((await takeOne(log)).number)
    numbers.set(id, found)
  }
  whileOpen()
  await storage.close()
  return { recovery, reports: [...recovery.problems, ...reports], numbers }
}

/** Messages of each queue that the undamaged store has, and this one has not. */
function lostIn(numbers: ReadonlyMap<number, readonly number[]>): number {
  let lost = 0
  for (const [id, found] of numbers) {
    const all = new Set(wanted.get(id))
    expect(found).toEqual([...found].sort((a, b) => a - b))
    expect(new Set(found).size).toBe(found.length)
    for (const number of found) all.delete(number)
    lost += all.size
  }
  return lost
}

/** Nothing else in a store tells of its last log file: a process may have been killed just before it wrote to one. */
function isLastOfLog(path: string): boolean {
  return path === `gone: ${paths.filter((one) => one.startsWith('log')).at(-1)}`
}

async function expectHonest(folder: string, path: string): Promise<void> {
  const killed = `${folder}-killed`
  const { recovery, reports, numbers } = await readAll(folder, () => copyAsKilled(folder, killed))
  for (const { kind, key, value } of recovery.entities) {
    const known = entities.get(`${kind} ${key}`)
    if (known !== undefined) expect(value.toString()).toBe(known)
    else expect.fail(`${path}: an entity ${kind} ${key} that was never put`)
  }
  const lost = lostIn(numbers)
  const isReported = reports.length > 0 || recovery.tornBytes > 0
  const isWhole = lost === 0 && [...recovery.entities].length === entities.size
  if (!isWhole && !isLastOfLog(path)) expect(isReported, `${path}: lost ${lost}`).toBe(true)
  // One place of a log is one commit of three queues, or the pages of it.
  if (path.startsWith('log')) expect(lost, path).toBeLessThanOrEqual(3 * 2 * PER_COMMIT)
  // What was left out is left out for good, and the store is whole again; also when the process that found it is killed.
  for (const place of [folder, killed]) {
    const again = await readAll(place)
    expect(again.numbers, `${path}, again`).toEqual(numbers)
    expect(new Set([...again.recovery.entities].map(({ key }) => key)), `${path}, again`).toEqual(
      new Set([...recovery.entities].map(({ key }) => key)),
    )
    rmSync(place, { recursive: true })
  }
}

test('a store without damage says so', async () => {
  const { recovery, reports, numbers } = await readAll(copyOf('whole'))
  expect(reports).toEqual([])
  expect(recovery).toMatchObject({ tornBytes: 0, quarantined: 0 })
  expect(new Map([...recovery.entities].map(({ kind, key, value }) => [`${kind} ${key}`, value.toString()]))).toEqual(
    entities,
  )
  for (const id of QUEUES) expect(numbers.get(id)?.length).toBeGreaterThan(60)
  expect(paths.filter((path) => path.startsWith('log')).length).toBeGreaterThan(2)
  expect(paths.some((path) => path.endsWith('.ldb'))).toBe(true)
})

for (const part of ['log', 'catalogue', 'owner'] as const) {
  test(`any wrong byte in the ${part} is survived`, { timeout: TIMEOUT_MS }, async () => {
    const ours = paths.filter((path) => path.startsWith(part))
    const place = fc.record({
      file: fc.nat(1000),
      at: fc.double({ min: 0, max: 0.999, noNaN: true }),
      flip: fc.integer({ min: 1, max: 255 }),
    })
    const property = fc.asyncProperty(place, async ({ file, at, flip }) => {
      const folder = copyOf('flipped')
      const path = ours[file % ours.length] as string
      const bytes = readFileSync(join(folder, path))
      const offset = Math.floor(bytes.length * at)
      bytes.writeUInt8(bytes.readUInt8(offset) ^ flip, offset)
      writeFileSync(join(folder, path), bytes)
      await expectHonest(folder, path)
    })
    await fc.assert(property, { numRuns: RUNS })
  })
}

test('any parts of any files may be zero, garbage or another part', { timeout: TIMEOUT_MS }, async () => {
  const share = fc.double({ min: 0, max: 0.999, noNaN: true })
  const damage = fc.record({
    file: fc.nat(1000),
    at: share,
    bytes: fc.constantFrom(7, 64, 512, 4096, 40_000),
    kind: fc.constantFrom('zero' as const, 'garbage' as const, 'other' as const),
    from: share,
    seed: fc.nat(255),
  })
  const property = fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (all) => {
    const folder = copyOf('overwritten')
    for (const { file, at, bytes, kind, from, seed } of all) {
      const path = join(folder, paths[file % paths.length] as string)
      const content = readFileSync(path)
      const start = Math.floor(content.length * at)
      const end = Math.min(content.length, start + bytes)
      if (kind === 'other') content.copy(content, start, Math.floor(content.length * from), content.length)
      else for (let i = start; i < end; i++) content[i] = kind === 'zero' ? 0 : (i * 7919 + seed * 31) & 0xff
      writeFileSync(path, content)
    }
    await expectHonest(folder, 'overwritten')
  })
  await fc.assert(property, { numRuns: RUNS })
})

test('any file may end too early', { timeout: TIMEOUT_MS }, async () => {
  const place = fc.record({ file: fc.nat(1000), share: fc.double({ min: 0, max: 1, noNaN: true }) })
  const property = fc.asyncProperty(place, async ({ file, share }) => {
    const folder = copyOf('cut')
    const path = paths[file % paths.length] as string
    truncateSync(join(folder, path), Math.floor(readFileSync(join(folder, path)).length * share))
    await expectHonest(folder, `${statSync(join(folder, path)).size === 0 ? 'gone' : 'cut'}: ${path}`)
  })
  await fc.assert(property, { numRuns: RUNS })
})

test(
  'a log file may be gone, and so may the catalogue',
  async () => {
    for (const path of [...paths, 'catalogue']) {
      const folder = copyOf('gone')
      rmSync(join(folder, path), { recursive: true })
      await expectHonest(folder, `gone: ${path}`)
    }
  },
  TIMEOUT_MS,
)

test('what is damaged is left out when it is settled, too', async () => {
  const folder = copyOf('drained')
  const logs = paths.filter((path) => path.startsWith('log'))
  for (const path of logs) {
    const bytes = readFileSync(join(folder, path))
    const middle = Math.floor(bytes.length / 2)
    bytes.fill(0, middle, middle + 10)
    writeFileSync(join(folder, path), bytes)
  }
  const reports: string[] = []
  const storage = open(folder, (text) => reports.push(text))
  const { problems } = await storage.open()
  for (const id of QUEUES) {
    const log = storage.createQueueLog(id)
    await drain(log)
    expect(log.readyCount).toBe(0)
  }
  await storage.close()
  expect(reports.length + problems.length).toBeGreaterThan(0)
  const { numbers } = await readAll(folder)
  for (const found of numbers.values()) expect(found).toEqual([])
})
