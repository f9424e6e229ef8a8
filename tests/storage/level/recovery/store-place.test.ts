import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from '../../../../storage/level/disk/files.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import { LogFiles } from '../../../../storage/level/log/log-files.ts'
import { StorePlace } from '../../../../storage/level/recovery/store-place.ts'

let root: string
let folder: string
let storage: LevelStorage
let logs: LogFiles
let place: StorePlace

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'leveret-place-'))
  folder = join(root, 'store')
  storage = new LevelStorage({ folder })
  await storage.open()
  logs = new LogFiles(await openFolder(join(folder, 'log')))
  await logs.open()
  place = await StorePlace.of(folder, logs)
})

afterEach(async () => {
  await logs.close()
  await storage.close()
  rmSync(root, { recursive: true, force: true })
})

test('nothing is wrong while everything is where it was', async () => {
  expect(await place.trouble()).toBeUndefined()
})

test.each(['.', 'log', 'catalogue', 'lock', 'log/0000000000000001.log'])(
  'it is noticed that %s was moved away, and that it is back',
  async (name) => {
    renameSync(join(folder, name), join(root, 'moved'))
    expect(await place.trouble()).toContain('was removed or replaced')
    renameSync(join(root, 'moved'), join(folder, name))
    expect(await place.trouble()).toBeUndefined()
  },
)

test.each(['.', 'catalogue', 'lock'])('it is noticed that a copy is in the place of %s', async (name) => {
  renameSync(join(folder, name), join(root, 'moved'))
  cpSync(join(root, 'moved'), join(folder, name), { recursive: true })
  expect(await place.trouble()).toContain('was removed or replaced')
})

test('a log file that goes because nothing needs it is no trouble', async () => {
  await logs.startNext()
  const [first] = logs.all()
  if (first !== undefined) await logs.remove(first)
  expect(await place.trouble()).toBeUndefined()
})
