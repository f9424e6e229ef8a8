// LevelDB ends the process over some names in its folder: such files are put aside before it opens it.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { impossibleNames } from '../../../../storage/level/catalogue/leveldb-names.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import { committed } from '../../contract-model.ts'

const IMPOSSIBLE = [
  '000000.log',
  '0.log',
  '000000.ldb',
  '000000.sst',
  'MANIFEST-000000',
  '18446744073709551614.log',
  '18446744073709551615.log',
  '18446744073709551615.ldb',
]

let folder: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-names-'))
  const storage = new LevelStorage({ folder })
  await storage.open()
  storage.journal.put(3, 'kept', Buffer.from('x'))
  await committed(storage)
  await storage.close()
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function open(): Promise<{ readonly keys: string[]; readonly problems: readonly string[] }> {
  const storage = new LevelStorage({ folder })
  const { entities, problems } = await storage.open()
  await storage.close()
  return { keys: [...entities].map(({ key }) => key), problems }
}

test('names that LevelDB gives are possible', async () => {
  const place = join(folder, 'names')
  mkdirSync(place)
  for (const name of ['000001.log', '123456.ldb', '1234567.sst', 'MANIFEST-000002', 'CURRENT', 'LOCK', 'LOG', '0'])
    writeFileSync(join(place, name), '')
  expect(await impossibleNames(place)).toEqual([])
})

test.each(['file', 'folder'])('a %s with an impossible number is put aside and told of once', async (kind) => {
  const catalogue = join(folder, 'catalogue')
  for (const name of IMPOSSIBLE) {
    if (kind === 'file') writeFileSync(join(catalogue, name), 'what is this')
    else mkdirSync(join(catalogue, name))
  }
  const { keys, problems } = await open()
  expect(keys).toEqual(['kept'])
  for (const name of IMPOSSIBLE) expect(problems.filter((text) => text.includes(` ${name} `))).toHaveLength(1)
  expect(await impossibleNames(catalogue)).toEqual([])
  expect(readdirSync(join(folder, 'quarantine'))).toEqual(expect.arrayContaining(IMPOSSIBLE))
  expect(await open()).toEqual({ keys: ['kept'], problems: [] })
})

test('so it is where the catalogue has to be repaired, and in the folder of the lock', async () => {
  rmSync(join(folder, 'catalogue', 'CURRENT'))
  for (const name of IMPOSSIBLE)
    for (const place of ['catalogue', 'lock']) writeFileSync(join(folder, place, name), 'what is this')
  const { keys, problems } = await open()
  expect(keys).toEqual(['kept'])
  expect(problems).toHaveLength(1)
  expect(await open()).toEqual({ keys: ['kept'], problems: [] })
})
