// Tables that were checked are not checked again without a reason. What a disk makes of them later shows when they are read.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { NOTE_FILE, tablesOnDisk } from '../../../../storage/level/catalogue/checked-tables.ts'
import { blocksOf, Pieces, readFooter } from '../../../../storage/level/catalogue/table-blocks.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import type { Recovery } from '../../../../storage/storage.ts'
import { committed, drain, durable } from '../../contract-model.ts'
import { tableOf } from './table-in-memory.ts'

const ENTITIES = 400
const MESSAGES = 30

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-damaged-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function opened(): Promise<{ storage: LevelStorage; recovery: Recovery }> {
  const storage = new LevelStorage({ folder, durability: 'os' })
  return { storage, recovery: await storage.open() }
}

/** A store with so many entities and messages; the second life brings them into tables, and the third has these checked. */
async function fill(): Promise<void> {
  for (let life = 0; life < 3; life++) {
    const { storage } = await opened()
    const log = storage.createQueueLog(1)
    if (life === 0) {
      for (let number = 0; number < ENTITIES; number++) storage.journal.put(1, nameOf(number), Buffer.alloc(100, 'x'))
      for (let number = 0; number < MESSAGES; number++) log.append(durable(number))
      await committed(storage)
    }
    await storage.close()
  }
}

function nameOf(number: number): string {
  return `entity ${String(number).padStart(4, '0')}`
}

interface DamagedPlace {
  readonly path: string
  readonly at: number
}

/** In every block of every table a byte, and one of each index. */
async function places(): Promise<DamagedPlace[]> {
  const found: DamagedPlace[] = []
  const catalogue = join(folder, 'catalogue')
  for (const name of readdirSync(catalogue).filter((file) => file.endsWith('.ldb'))) {
    const path = join(catalogue, name)
    const bytes = readFileSync(path)
    const table = tableOf(bytes)
    const pieces = new Pieces(table)
    const { index } = await readFooter(table, pieces)
    for (const { offset, bytes: length } of [index, ...((await blocksOf(pieces, index)) ?? [])]) {
      found.push({ path, at: offset + Math.floor(length / 2) })
    }
    // The version of the first record, and whether it is one or is gone: both lie behind its key.
    found.push({ path, at: 3 + (bytes[1] as number) - 8 })
  }
  return found
}

/** As a disk does it: the note of the tables that were checked still has this one. */
async function damage({ path, at }: DamagedPlace): Promise<void> {
  const bytes = readFileSync(path)
  bytes.writeUInt8((bytes[at] as number) ^ 1, at)
  writeFileSync(path, bytes)
  const catalogue = join(folder, 'catalogue')
  const tables = (await tablesOnDisk(catalogue)).map(({ name, identity }) => [name, identity])
  const note = { isRunning: false, shortLives: 0, tables: Object.fromEntries(tables) }
  writeFileSync(join(catalogue, NOTE_FILE), JSON.stringify(note))
}

test('a start over a damaged table tells of it, and has all that the log and the copy of the entities have', async () => {
  await fill()
  const found = await places()
  expect(found.length).toBeGreaterThan(8)
  const kept = `${folder}-kept`
  cpSync(folder, kept, { recursive: true })
  for (const place of found) {
    rmSync(folder, { recursive: true })
    cpSync(kept, folder, { recursive: true })
    await damage(place)
    const { storage, recovery } = await opened()
    const text = recovery.problems.join('; ')
    expect(text, `at ${place.at} of ${place.path}`).toMatch(
      /the catalogue was damaged: .*table .* a block has another checksum/,
    )
    const names = new Set([...recovery.entities].map(({ key }) => key))
    for (let number = 0; number < ENTITIES; number++) expect(names).toContain(nameOf(number))
    expect(await drain(storage.createQueueLog(1))).toEqual(Array.from({ length: MESSAGES }, (_, number) => number))
    await storage.close()
    const again = await opened()
    expect(again.recovery.problems).toEqual([])
    await again.storage.close()
  }
  rmSync(kept, { recursive: true })
}, 60_000)
