// Tables that were checked are not checked again without a reason: a start does not take longer the more of them there are.
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CheckedTables, NOTE_FILE, type TableOnDisk } from '../../../../storage/level/catalogue/checked-tables.ts'
import { damageInLevelFiles } from '../../../../storage/level/catalogue/leveldb-files.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'

const MIB = 1024 * 1024

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-checked-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('of a database', () => {
  let keys = 0

  /** Opens it, writes something, and closes it; which tables were checked before that. */
  async function live(isKilled = false): Promise<string[]> {
    const tables = await CheckedTables.read(folder)
    const { known, checked, problems } = await damageInLevelFiles(folder, { tables })
    expect(problems).toEqual([])
    await tables.begin(known, checked)
    const database = new ClassicLevel(folder, { compression: false, writeBufferSize: 64 * 1024 })
    for (let left = 200; left > 0; left--) await database.put(`key ${keys++}`, 'value '.repeat(100))
    await database.close()
    if (!isKilled) await tables.end()
    return checked.map(({ name }) => name)
  }

  /** Those that LevelDB knows of: when it is closed, it may leave one behind that it was writing. */
  async function tableNames(): Promise<string[]> {
    return (await damageInLevelFiles(folder)).known.map(({ name }) => name)
  }

  test('nothing is checked after an orderly end', async () => {
    await live()
    expect((await tableNames()).length).toBeGreaterThan(0)
    expect(await live()).toEqual([])
    expect(await live()).toEqual([])
  })

  test('everything is checked when there is no note, or one that makes no sense', async () => {
    for (const text of [
      undefined,
      '',
      'null',
      '{"tables":1}',
      '{"isRunning":true,"shortLives":0,"tables":null}',
      '[[]]',
    ]) {
      await live()
      const names = await tableNames()
      if (text === undefined) rmSync(join(folder, NOTE_FILE))
      else writeFileSync(join(folder, NOTE_FILE), text)
      expect(await live(), text).toEqual(names)
    }
  })

  test('a table that is not the one that was checked is checked', async () => {
    await live()
    const [name = ''] = await tableNames()
    utimesSync(join(folder, name), 1, 1)
    expect(await live()).toEqual([name])
  })

  test('what a process that was killed has written is checked', async () => {
    await live()
    const before = await tableNames()
    await live(true)
    const written = (await tableNames()).filter((name) => !before.includes(name))
    expect(written.length).toBeGreaterThan(0)
    expect(await live()).toEqual(expect.arrayContaining(written))
    expect(await live()).toEqual([])
  })
})

describe('of large tables', () => {
  const tables: TableOnDisk[] = Array.from({ length: 10 }, (_, at) => ({
    name: `00000${at}.ldb`,
    bytes: 60 * MIB,
    identity: `identity ${at}`,
  }))

  /** A process that checks what is due, and is killed. */
  async function shortLife(there = tables): Promise<string> {
    const checked = await CheckedTables.read(folder)
    const due = checked.due(there)
    await checked.begin(there, due)
    return due.map(({ name }) => name[5]).join('')
  }

  test('some are checked again after a kill, in turn; all of them after two short lives', async () => {
    expect(await shortLife()).toBe('0123456789')
    expect(await shortLife()).toBe('012')
    expect(await shortLife()).toBe('0123456789')
    expect(await shortLife()).toBe('012')
  })

  test('those that were checked the longest ago come first', async () => {
    const long = { isRunning: true, shortLives: 0 }
    const identities = [...tables].reverse().map(({ name, identity }) => [name, identity])
    writeFileSync(join(folder, NOTE_FILE), JSON.stringify({ ...long, tables: Object.fromEntries(identities) }))
    expect(await shortLife()).toBe('987')
    expect(await shortLife(tables.slice(0, 9))).toBe('654')
  })
})

test('a store whose tables were checked opens without reading them, and check reads them all', async () => {
  const seen: number[] = []
  for (let life = 0; life < 3; life++) {
    const storage = new LevelStorage({ folder })
    await storage.open()
    for (let number = 0; number < 40; number++) storage.journal.put(1, `entity ${number}`, Buffer.alloc(5000, 'x'))
    storage.dropUnclaimed()
    await storage.close()
    const place = join(folder, 'catalogue')
    seen.push((await damageInLevelFiles(place, { tables: await CheckedTables.read(place) })).checked.length)
    expect((await damageInLevelFiles(place)).checked.length).toBeGreaterThan(life === 0 ? -1 : 0)
  }
  expect(seen).toEqual([0, 0, 0])
})
