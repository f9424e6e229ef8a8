// One process has a data folder, whatever the last one left behind, and the next one is told who it is.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import { claimFolder, folderContent } from '../../../../storage/level/recovery/data-folder.ts'
import { HandClock } from '../../../support/hand-clock.ts'
import { committed } from '../../contract-model.ts'

const DOOR = pathToFileURL(join(import.meta.dirname, '../../../../dist/storage/index.js')).href

let root: string
let folder: string
const children: ChildProcess[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'leveret-folder-'))
  folder = join(root, 'store')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

/** Another process that opens the store, says so, and keeps it. */
function startOther(): ChildProcess {
  const script = `
    import { LevelStorage } from ${JSON.stringify(DOOR)}
    setInterval(() => {}, 1000)
    new LevelStorage({ folder: ${JSON.stringify(folder)} }).open().then(
      ({ problems }) => console.log(JSON.stringify({ problems })),
      (error) => console.log(JSON.stringify({ error: error.message })),
    )`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

async function saidBy(child: ChildProcess): Promise<{ readonly problems?: string[]; readonly error?: string }> {
  const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  return JSON.parse(String(line))
}

function open(): Promise<unknown> {
  return new LevelStorage({ folder }).open()
}

/** A store whose catalogue is damaged: the process that opens it repairs it. */
async function makeDamagedStore(): Promise<void> {
  const storage = new LevelStorage({ folder: join(root, 'whole') })
  await storage.open()
  storage.journal.put(1, 'kept', Buffer.from('x'))
  await committed(storage)
  await storage.close()
  cpSync(join(root, 'whole'), folder, { recursive: true })
  rmSync(join(folder, 'catalogue', 'CURRENT'))
}

test('a folder that this process has is refused, by any path', async () => {
  const storage = new LevelStorage({ folder })
  await storage.open()
  symlinkSync(folder, join(root, 'other name'))
  for (const path of [folder, `${folder}/../store/`, join(root, 'other name')]) {
    await expect(new LevelStorage({ folder: path }).open()).rejects.toThrow(
      /is in use by this process since .*: stop it/,
    )
  }
  await storage.close()
  await expect(open()).resolves.toMatchObject({ problems: [] })
})

test('a folder that another process has is refused, and free at once when that is killed', async () => {
  const other = startOther()
  expect(await saidBy(other)).toEqual({ problems: [] })
  await expect(open()).rejects.toThrow(`is in use by process ${other.pid} since `)
  const exit = once(other, 'exit')
  other.kill('SIGKILL')
  await exit
  expect(JSON.parse(readFileSync(join(folder, 'owner'), 'utf8'))).toMatchObject({ pid: other.pid })
  const storage = new LevelStorage({ folder })
  expect(await storage.open()).toMatchObject({ problems: [] })
  expect(JSON.parse(readFileSync(join(folder, 'owner'), 'utf8'))).toMatchObject({ pid: process.pid })
  await storage.close()
  expect(existsSync(join(folder, 'owner'))).toBe(false)
})

test('of several processes that start at once on a damaged store, one repairs it and has it', async () => {
  await makeDamagedStore()
  const all = await Promise.all([startOther(), startOther(), startOther()].map(saidBy))
  expect(all.filter(({ problems }) => problems?.length === 1)).toHaveLength(1)
  for (const { error } of all) if (error !== undefined) expect(error).toContain('is in use by ')
  expect(all.filter(({ error }) => error !== undefined)).toHaveLength(2)
  expect(readdirSync(join(folder, 'quarantine'))).toEqual(['catalogue'])
})

test('so does one of several storages in a process', async () => {
  await makeDamagedStore()
  const storages = Array.from({ length: 4 }, () => new LevelStorage({ folder }))
  const all = await Promise.allSettled(storages.map((storage) => storage.open()))
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(readdirSync(join(folder, 'quarantine'))).toEqual(['catalogue'])
  for (const storage of storages) await storage.close()
})

test('a note of a process that is gone is not believed, even when another one has its number', async () => {
  mkdirSync(folder)
  const note = (pid: number): string => JSON.stringify({ pid, host: hostname(), since: '2020-01-01T00:00:00.000Z' })
  // A process that lives, but has not got the lock.
  writeFileSync(join(folder, 'owner'), note(process.ppid))
  const claimed = await claimFolder(folder)
  const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(gone, 'exit')
  writeFileSync(join(folder, 'owner'), note(gone.pid as number))
  await expect(claimFolder(folder)).rejects.toThrow('is in use by another process: stop it first')
  await claimed.release()
})

test.each(['', 'null', '[]', '{"pid":"1"}', '{', '\0\0\0'])(
  'a note that says %j does not keep a store from opening',
  async (text) => {
    mkdirSync(folder)
    writeFileSync(join(folder, 'owner'), text)
    const claimed = await claimFolder(folder)
    writeFileSync(join(folder, 'owner'), text)
    await expect(claimFolder(folder)).rejects.toThrow('is in use by another process')
    await claimed.release()
  },
)

test('whatever is in the place of the note, the folder can be used', async () => {
  mkdirSync(join(folder, 'owner', 'inside'), { recursive: true })
  const claimed = await claimFolder(folder)
  await claimed.release()
})

test('any bytes in the files of the lock are survived', async () => {
  const names = fc.constantFrom(
    'LOCK',
    'CURRENT',
    'MANIFEST-000001',
    'MANIFEST-000002',
    '000003.log',
    '000005.ldb',
    'LOG',
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.constantFrom('MANIFEST-000001\n', 'MANIFEST-000002\n', 'MANIFEST-9').map((text) => Buffer.from(text)),
  )
  const files = fc.array(fc.tuple(names, bytes), { maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(files, async (damaged) => {
      const place = join(folder, 'lock')
      mkdirSync(place, { recursive: true })
      for (const [name, content] of damaged) writeFileSync(join(place, name), content)
      const claimed = await claimFolder(folder)
      await expect(claimFolder(folder)).rejects.toThrow('is in use by this process')
      await claimed.release()
      expect(readdirSync(place).filter((name) => name !== 'LOG')).toEqual(['LOCK'])
    }),
  )
})

test('it is told since when a folder is in use, by the clock of the one who has it', async () => {
  const clock = new HandClock()
  clock.wallBeginMs = Date.UTC(2001, 1, 3, 4, 5, 6)
  const claimed = await claimFolder(folder, clock)
  await expect(claimFolder(folder)).rejects.toThrow('is in use by this process since 2001-02-03T04:05:06.000Z')
  await claimed.release()
})

test('a folder with other files is refused, and nothing is put there', async () => {
  mkdirSync(folder)
  writeFileSync(join(folder, 'letter.txt'), 'Dear')
  await expect(open()).rejects.toThrow('has other files in it and no store')
  expect(readdirSync(folder)).toEqual(['letter.txt'])
})

test('what a store leaves beside itself is not in the way of a new one', async () => {
  for (const name of ['lock', 'quarantine', 'lost+found', '.snapshot'])
    mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'owner'), '{}')
  expect(await folderContent(folder)).toBe('nothing')
  expect(await folderContent(join(folder, 'nowhere'))).toBe('nothing')
})
