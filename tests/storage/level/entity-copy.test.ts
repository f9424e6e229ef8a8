// Entities have a second way back: what a damaged catalogue has lost is in their copy, and what changed since is in the log.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Catalogue } from '../../../storage/level/catalogue.ts'
import { EntityCopy, readEntityCopy } from '../../../storage/level/entity-copy.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { Recovery } from '../../../storage/storage.ts'
import { committed } from '../contract-model.ts'
import { copyAsKilled } from './killed-copy.ts'

const COUNT = 2000

let root: string
let folder: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'leveret-copy-'))
  folder = join(root, 'store')
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

/** Opens the store, changes it, and closes it again. */
async function life(work: (storage: LevelStorage) => Promise<void> = async () => {}): Promise<Recovery> {
  const storage = new LevelStorage({ folder })
  const found = await storage.open()
  await work(storage)
  await committed(storage)
  await storage.close()
  return found
}

const key = (number: number): string => `queue ${String(number).padStart(4, '0')}`

function keysOf({ entities }: Recovery): string[] {
  return entities.map((entity) => entity.key).sort()
}

const keys = (from: number, end: number): string[] => Array.from({ length: end - from }, (_, at) => key(from + at))

async function putEntities(storage: LevelStorage, from: number, end: number): Promise<void> {
  for (let number = from; number < end; number++) storage.journal.put(3, key(number), Buffer.alloc(60, key(number)))
}

function flip(path: string, offset: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 0x10, offset)
  writeFileSync(path, bytes)
}

/** One flipped bit in each table of the catalogue. */
function damageCatalogue(): void {
  const place = join(folder, 'catalogue')
  const tables = readdirSync(place).filter((name) => /\.ldb$/.test(name))
  expect(tables).not.toEqual([])
  for (const name of tables) flip(join(place, name), 200)
}

/** No log file says what came before the last start. */
function zeroLogs(): void {
  const place = join(folder, 'log')
  for (const name of readdirSync(place))
    writeFileSync(join(place, name), Buffer.alloc(statSync(join(place, name)).size))
}

/** What the catalogue has in its log becomes a table. */
async function makeTables(): Promise<void> {
  await life()
  await life()
}

test('all entities are there again when the catalogue is damaged and the log is lost, and that is told of once', async () => {
  await life((storage) => putEntities(storage, 0, COUNT))
  await makeTables()
  damageCatalogue()
  zeroLogs()
  const found = await life()
  expect(keysOf(found)).toEqual(keys(0, COUNT))
  expect(found.problems.filter((text) => text.includes('catalogue'))).toHaveLength(1)
  expect(new Set(found.problems).size).toBe(found.problems.length)
  const again = await life()
  expect(again).toMatchObject({ problems: [], quarantined: 0 })
  expect(keysOf(again)).toEqual(keys(0, COUNT))
})

test('what the log tells since the copy was made counts, and what was deleted stays deleted', async () => {
  await life((storage) => putEntities(storage, 0, 100))
  await life(async (storage) => {
    for (let number = 0; number < 10; number++) storage.journal.remove(3, key(number))
  })
  await makeTables()
  const storage = new LevelStorage({ folder })
  await storage.open()
  await putEntities(storage, 100, 120)
  for (let number = 10; number < 20; number++) storage.journal.remove(3, key(number))
  await committed(storage)
  const killed = join(root, 'killed')
  copyAsKilled(folder, killed)
  await storage.close()
  rmSync(folder, { recursive: true })
  cpSync(killed, folder, { recursive: true })
  damageCatalogue()
  expect(keysOf(await life())).toEqual(keys(20, 120))
})

test('a copy that is damaged itself gives back what is left of it', async () => {
  await life((storage) => putEntities(storage, 0, COUNT))
  await makeTables()
  damageCatalogue()
  zeroLogs()
  const [name = ''] = readdirSync(join(folder, 'entities'))
  flip(join(folder, 'entities', name), 100_000)
  const kept = keysOf(await life())
  expect(kept.length).toBeGreaterThan(COUNT / 4)
  expect(kept.length).toBeLessThan(COUNT)
})

test('whatever is in the place of the copy, the store opens', async () => {
  await life((storage) => putEntities(storage, 0, 10))
  const place = join(folder, 'entities')
  for (const name of readdirSync(place)) truncateSync(join(place, name), 10)
  writeFileSync(join(place, 'new'), 'left behind')
  writeFileSync(join(place, '9999999999999999.log'), Buffer.alloc(100_000, 7))
  expect(keysOf(await life())).toEqual(keys(0, 10))
  rmSync(place, { recursive: true })
  expect(keysOf(await life())).toEqual(keys(0, 10))
  expect((await readEntityCopy(folder))?.entities.size).toBe(10)
})

test('the copy follows every change, and does not grow for ever', async () => {
  const catalogue = await Catalogue.open(join(root, 'catalogue'))
  const copy = await EntityCopy.open(root)
  let commit = 0
  const value = Buffer.alloc(100_000)
  await copy.follow([], ++commit, catalogue)
  for (let round = 0; round < 200; round++) {
    await copy.follow([{ kind: 3, key: Buffer.from(key(round % 5)), value }], ++commit, catalogue)
    await copy.follow([{ kind: 3, key: Buffer.from(key((round + 1) % 5)), value: undefined }], ++commit, catalogue)
  }
  const found = await readEntityCopy(root)
  expect(found).toMatchObject({ commit, isWhole: true })
  await copy.close()
  await catalogue.close()
  const names = readdirSync(join(root, 'entities'))
  expect(names).toHaveLength(1)
  expect(statSync(join(root, 'entities', names[0] ?? '')).size).toBeLessThan(6 * 1024 * 1024)
})
