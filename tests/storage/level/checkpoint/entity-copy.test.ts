// Entities have a second way back: what a damaged catalogue has lost is in their copy, and what changed since is in the log.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Catalogue } from '../../../../storage/level/catalogue/catalogue.ts'
import { putEntity } from '../../../../storage/level/catalogue/catalogue-records.ts'
import { EntityCopy, readEntityCopy } from '../../../../storage/level/checkpoint/entity-copy.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import type { EntityChange } from '../../../../storage/level/log/entity-change.ts'
import { backupStore } from '../../../../storage/level/offline/backup.ts'
import { restoreStore } from '../../../../storage/level/offline/restore.ts'
import type { Recovery } from '../../../../storage/storage.ts'
import { committed } from '../../contract-model.ts'
import { copyAsKilled } from '../killed-copy.ts'

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

/** Opens the store and changes it. What it has then, and would have if it was killed, is in its place afterwards. */
async function killedAfter(work: (storage: LevelStorage) => Promise<void>): Promise<Recovery> {
  const storage = new LevelStorage({ folder })
  const found = await storage.open()
  await work(storage)
  await committed(storage)
  const killed = join(root, 'killed')
  copyAsKilled(folder, killed)
  await storage.close()
  put(killed, folder)
  rmSync(killed, { recursive: true })
  return found
}

/** A copy of its own, in the root, which follows an empty catalogue. */
async function withCopy(work: (copy: EntityCopy, catalogue: Catalogue) => Promise<void>): Promise<void> {
  const catalogue = await Catalogue.open(join(root, 'catalogue'))
  const copy = await EntityCopy.open(root)
  await work(copy, catalogue)
  await copy.close()
  await catalogue.close()
}

const cataloguePlace = (): string => join(folder, 'catalogue')
const logPlace = (): string => join(folder, 'log')
const copyPlace = (): string => join(folder, 'entities')

/** Copies a file or folder to where nothing else is afterwards. */
function put(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}

/** Puts the first of these log files back among those of the store. */
function putFirstLogBack(from: string): void {
  const [first = ''] = readdirSync(from)
  cpSync(join(from, first), join(logPlace(), first))
}

function removeCatalogueAndLog(): void {
  for (const place of [cataloguePlace(), logPlace()]) rmSync(place, { recursive: true })
}

/** LevelDB cannot open it then: it has to be repaired. */
function behead(): void {
  rmSync(join(cataloguePlace(), 'CURRENT'))
}

const key = (number: number): string => `queue ${String(number).padStart(4, '0')}`

function keysOf({ entities }: Recovery): string[] {
  return [...entities].map((entity) => entity.key).sort()
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
  const place = cataloguePlace()
  const tables = readdirSync(place).filter((name) => /\.ldb$/.test(name))
  expect(tables).not.toEqual([])
  for (const name of tables) flip(join(place, name), 200)
}

/** No log file says what came before the last start. */
function zeroLogs(): void {
  const place = logPlace()
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
  await killedAfter(async (storage) => {
    await putEntities(storage, 100, 120)
    for (let number = 10; number < 20; number++) storage.journal.remove(3, key(number))
  })
  damageCatalogue()
  expect(keysOf(await life())).toEqual(keys(20, 120))
})

test('a copy that is damaged itself gives back what is left of it', async () => {
  await life((storage) => putEntities(storage, 0, COUNT))
  await makeTables()
  damageCatalogue()
  zeroLogs()
  const [name = ''] = readdirSync(copyPlace())
  flip(join(copyPlace(), name), 100_000)
  const kept = keysOf(await life())
  expect(kept.length).toBeGreaterThan(COUNT / 4)
  expect(kept.length).toBeLessThan(COUNT)
})

test('whatever is in the place of the copy, the store opens', async () => {
  await life((storage) => putEntities(storage, 0, 10))
  const place = copyPlace()
  for (const name of readdirSync(place)) truncateSync(join(place, name), 10)
  writeFileSync(join(place, 'new'), 'left behind')
  writeFileSync(join(place, '9999999999999999.log'), Buffer.alloc(100_000, 7))
  expect(keysOf(await life())).toEqual(keys(0, 10))
  rmSync(place, { recursive: true })
  expect(keysOf(await life())).toEqual(keys(0, 10))
  expect((await readEntityCopy(folder))?.entities.size).toBe(10)
})

test('the copy follows every change, and does not grow for ever', async () => {
  await withCopy(async (copy, catalogue) => {
    let commit = 0
    const value = Buffer.alloc(100_000)
    await copy.follow([], ++commit, catalogue)
    for (let round = 0; round < 200; round++) {
      await copy.follow([{ kind: 3, key: Buffer.from(key(round % 5)), value }], ++commit, catalogue)
      await copy.follow([{ kind: 3, key: Buffer.from(key((round + 1) % 5)), value: undefined }], ++commit, catalogue)
    }
    const found = await readEntityCopy(root)
    expect(found).toMatchObject({ commit, isWhole: true })
  })
  const names = readdirSync(join(root, 'entities'))
  expect(names).toHaveLength(1)
  expect(statSync(join(root, 'entities', names[0] ?? '')).size).toBeLessThan(6 * 1024 * 1024)
})

test('what the copy gave back stays, although an old part of the log tells otherwise', async () => {
  await killedAfter((storage) => putEntities(storage, 0, 2))
  put(logPlace(), join(root, 'log'))
  await life(async (storage) => storage.journal.remove(3, key(0)))
  await makeTables()
  // A message had kept the first file of the log; what came behind it has gone.
  putFirstLogBack(join(root, 'log'))
  behead()
  for (let start = 0; start < 3; start++) expect(keysOf(await life())).toEqual(keys(1, 2))
})

test('a copy that was left of another store is not believed', async () => {
  await life((storage) => putEntities(storage, 0, 10))
  removeCatalogueAndLog()
  expect(keysOf(await killedAfter((storage) => putEntities(storage, 20, 21)))).toEqual([])
  behead()
  expect(keysOf(await life())).toEqual(keys(20, 21))
})

test('nor is one when catalogue and log are those of another store, put there by hand', async () => {
  await life((storage) => putEntities(storage, 20, 30))
  await makeTables()
  const other = join(root, 'other')
  put(folder, other)
  rmSync(folder, { recursive: true })
  await life((storage) => putEntities(storage, 0, 10))
  for (const name of ['catalogue', 'log']) put(join(other, name), join(folder, name))
  behead()
  const found = await life()
  expect(keysOf(found)).toEqual(keys(20, 30))
  expect(found.problems.join()).toContain('the copy of the entities is of another store')
  expect(keysOf(await life())).toEqual(keys(20, 30))
  expect((await readEntityCopy(folder))?.entities.size).toBe(10)
})

test('a catalogue and a log of two stores are told of', async () => {
  await life((storage) => putEntities(storage, 20, 30))
  put(logPlace(), join(root, 'log'))
  rmSync(folder, { recursive: true })
  await life((storage) => putEntities(storage, 0, 10))
  put(join(root, 'log'), logPlace())
  expect((await life()).problems.join()).toContain('the log is of another store than the catalogue')
  expect((await life()).problems).toEqual([])
})

test('a restore removes the copy of the store that was there before', async () => {
  await life((storage) => putEntities(storage, 0, 10))
  const backup = join(root, 'backup')
  await backupStore(folder, backup, { checkEntities: () => ({ problems: [], refused: [], queueIds: new Set() }) })
  await life((storage) => putEntities(storage, 10, 20))
  removeCatalogueAndLog()
  await restoreStore(backup, folder)
  expect(await readEntityCopy(folder)).toBeUndefined()
})

test('a part of the changes does not count as all of them', async () => {
  await withCopy(async (copy, catalogue) => {
    const value = Buffer.alloc(50_000)
    const change = (number: number): EntityChange => ({ kind: 3, key: Buffer.from(key(number)), value })
    await copy.follow([change(0)], 1, catalogue)
    const [name = ''] = readdirSync(join(root, 'entities'))
    const path = join(root, 'entities', name)
    const start = statSync(path).size
    await copy.follow(
      keys(1, 9).map((_, at) => change(at + 1)),
      2,
      catalogue,
    )
    const end = statSync(path).size
    expect(await readEntityCopy(root)).toMatchObject({ commit: 2, isWhole: true })
    // Behind the last frame stands an end of 24 bytes.
    for (const bytes of [end - 30, start + 150_000]) {
      truncateSync(path, bytes)
      const found = await readEntityCopy(root)
      expect(found?.commit).toBe(1)
      expect(found?.entities.size).toBeGreaterThan(1)
    }
  })
})

test('the copy is read when the catalogue is gone as a whole, and that is told of', async () => {
  await life((storage) => putEntities(storage, 0, 10))
  await life()
  rmSync(join(folder, 'catalogue'), { recursive: true })
  const found = await life((storage) => putEntities(storage, 10, 11))
  expect(keysOf(found)).toEqual(keys(0, 10))
  expect(found.problems.join()).toContain('the catalogue is missing')
  const again = await life()
  expect(keysOf(again)).toEqual(keys(0, 11))
  expect(again.problems).toEqual([])
})

test('a new store that is killed before its catalogue is written has lost nothing', async () => {
  await killedAfter((storage) => putEntities(storage, 0, 10))
  const [kept, copy] = [join(root, 'kept'), join(root, 'entities')]
  put(folder, kept)
  await life()
  put(copyPlace(), copy)
  // The copy comes before the catalogue.
  put(kept, folder)
  put(copy, copyPlace())
  const found = await life()
  expect(keysOf(found)).toEqual(keys(0, 10))
  expect(found.problems).toEqual([])
})

test('every process writes a copy of its own, and removes what others have left', async () => {
  await life((storage) => putEntities(storage, 0, 10))
  const place = copyPlace()
  put(place, join(root, 'old'))
  await life(async (storage) => storage.journal.remove(3, key(0)))
  put(join(root, 'old'), place)
  const [name = ''] = readdirSync(place)
  cpSync(join(place, name), join(place, name.replace(/^\d/, '0').replace(/\d\.log$/, '0.log')))
  await life()
  expect(readdirSync(place)).toHaveLength(1)
  const found = await readEntityCopy(folder)
  expect([...(found?.entities.values() ?? [])].map((entity) => entity.key).sort()).toEqual(keys(1, 10))
})

test('a copy counts for all there is only when the log behind it has no gap', async () => {
  await life((storage) => putEntities(storage, 0, 2))
  const place = copyPlace()
  put(place, join(root, 'old'))
  put(logPlace(), join(root, 'log'))
  await life(async (storage) => storage.journal.remove(3, key(0)))
  await makeTables()
  await killedAfter((storage) => putEntities(storage, 2, 3))
  put(join(root, 'old'), place)
  // The old log has what the old copy has, the new one what came last; what was between them is in the catalogue alone.
  putFirstLogBack(join(root, 'log'))
  const catalogue = await Catalogue.open(join(folder, 'catalogue'))
  await catalogue.write(
    [putEntity(3, Buffer.from(key(7)), Buffer.from('between')), { type: 'del', key: Buffer.from('m') }],
    true,
  )
  await catalogue.close()
  expect(keysOf(await life())).toEqual(expect.arrayContaining([key(2), key(7)]))
})

test('a copy that cannot be followed goes', async () => {
  await withCopy(async (copy, catalogue) => {
    await copy.follow([], 1, catalogue)
    const broken = { kind: 3, key: Buffer.from('key'), value: 7 as unknown as Buffer }
    await copy.follow([broken], 2, catalogue)
    expect(await readEntityCopy(root)).toBeUndefined()
  })
})
