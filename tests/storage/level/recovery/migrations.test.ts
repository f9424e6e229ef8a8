import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Catalogue } from '../../../../storage/level/catalogue/catalogue.ts'
import { CATALOGUE_VERSION, putEntity, putMeta } from '../../../../storage/level/catalogue/catalogue-records.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import { type Migration, migrate } from '../../../../storage/level/recovery/migrations.ts'

const META = {
  version: 1,
  commit: 7,
  file: 3,
  offset: 24,
  nextQueueId: 5,
  nextPageId: 6,
  nextSequence: 0,
  storeId: '0123456789abcdef',
}

let folder: string
let catalogue: Catalogue

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-migrations-'))
  catalogue = await Catalogue.open(join(folder, 'catalogue'))
  await catalogue.write([putMeta(META)], true)
})

afterEach(async () => {
  await catalogue.close()
  rmSync(folder, { recursive: true, force: true })
})

async function entities(): Promise<string[]> {
  const found: string[] = []
  await catalogue.eachEntity((_, key, value) => void found.push(`${key} ${value}`))
  return found
}

/** Adds an entity that says what it has found. */
function step(name: string): Migration {
  return async () => [putEntity(1, Buffer.from(name), Buffer.from(`after ${(await entities()).length}`))]
}

test('an older store goes through every version up to the current one', async () => {
  const migrations = new Map([1, 2, 3].map((from) => [from, step(`from ${from}`)]))
  expect(await migrate(catalogue, META, migrations, 3)).toEqual({ ...META, version: 3 })
  expect(await catalogue.meta()).toEqual({ ...META, version: 3 })
  expect(await entities()).toEqual(['from 1 after 0', 'from 2 after 1'])
})

test('a migration that was interrupted goes on where it was', async () => {
  let isBroken = true
  const fails: Migration = async (opened) => {
    if (isBroken) throw new Error('the power went')
    return await step('from 2')(opened)
  }
  const migrations = new Map([
    [1, step('from 1')],
    [2, fails],
  ])
  await expect(migrate(catalogue, META, migrations, 3)).rejects.toThrow('the power went')
  const meta = await catalogue.meta()
  expect(meta).toEqual({ ...META, version: 2 })
  isBroken = false
  await migrate(catalogue, meta ?? META, migrations, 3)
  expect(await entities()).toEqual(['from 1 after 0', 'from 2 after 1'])
})

test('a store of the current version stays as it is', async () => {
  const meta = { ...META, version: CATALOGUE_VERSION }
  expect(await migrate(catalogue, meta)).toBe(meta)
})

test('a version that there is no way from is refused before anything is changed', async () => {
  await expect(migrate(catalogue, META, new Map([[1, step('from 1')]]), 3)).rejects.toThrow(
    /the catalogue was written in format version 1; this version of Leveret does not know it any more/,
  )
  expect(await entities()).toEqual([])
  expect(await catalogue.meta()).toEqual(META)
})

test.each([
  [CATALOGUE_VERSION + 1, /format version \d+; this version of Leveret reads up to \d+: use a newer one/],
  [0, /format version 0; this version of Leveret does not know it/],
])('a store of version %i is not opened, and not changed', async (version, text) => {
  const meta = { ...META, version }
  await catalogue.write([putMeta(meta)], true)
  await catalogue.close()
  await expect(new LevelStorage({ folder }).open()).rejects.toThrow(text)
  // Nothing of it is kept open.
  await expect(new LevelStorage({ folder }).open()).rejects.toThrow(text)
  catalogue = await Catalogue.open(join(folder, 'catalogue'))
  expect(await catalogue.meta()).toEqual(meta)
})

test('a newer version is known by its number, whatever else it says', async () => {
  await catalogue.close()
  const database: ClassicLevel<Buffer, Buffer> = new ClassicLevel(join(folder, 'catalogue'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  const [key, version] = [Buffer.from('m'), Buffer.from('00000063', 'hex')]
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32(version, crc32(key)))
  await database.put(key, Buffer.concat([crc, version]))
  await database.close()
  await expect(new LevelStorage({ folder }).open()).rejects.toThrow('format version 99')
  catalogue = await Catalogue.open(join(folder, 'catalogue'))
})
