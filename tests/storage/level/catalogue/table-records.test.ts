import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Catalogue } from '../../../../storage/level/catalogue/catalogue.ts'
import { putEntity, removeEntity } from '../../../../storage/level/catalogue/catalogue-records.ts'
import { isCorruption } from '../../../../storage/level/catalogue/catalogue-repair.ts'
import { blocksOf, Pieces, readFooter } from '../../../../storage/level/catalogue/table-blocks.ts'
import { TableRecords } from '../../../../storage/level/catalogue/table-records.ts'
import { tableOf } from './table-in-memory.ts'

type Database = ClassicLevel<Buffer, Buffer>

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-tables-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Opening brings what was written before into tables. */
async function opened(): Promise<Database> {
  const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false, writeBufferSize: 64 * 1024 }
  const database: Database = new ClassicLevel<Buffer, Buffer>(folder, options)
  await database.open()
  return database
}

async function inDatabase(database: Database, octet: number): Promise<string[]> {
  const all = await database.iterator({ gte: Buffer.of(octet), lt: Buffer.of(octet + 1) }).all()
  return all.map(([key, value]) => `${key.toString('hex')} ${value.toString('hex')}`)
}

async function inTables(octet: number): Promise<{ found: string[]; isWhole: boolean; lastKey: string | undefined }> {
  const found: string[] = []
  const records = await TableRecords.find(folder, octet)
  const isWhole = await records.each(
    () => true,
    (key, record) => {
      found.push(`${key.toString('hex')} ${record.toString('hex')}`)
    },
  )
  return { found, isWhole, lastKey: records.lastKey?.subarray(2).toString() }
}

const key = fc
  .tuple(fc.constantFrom(0x64, 0x65, 0x66), fc.uint8Array({ maxLength: 3 }), fc.constantFrom(0, 0, 300))
  .map(([octet, rest, more]) => Buffer.from([octet, ...rest, ...Array<number>(more).fill(7)]))
const change = fc.record({ key, value: fc.option(fc.integer({ min: 0, max: 6000 }), { nil: undefined }) })
const lives = fc.array(fc.record({ changes: fc.array(change, { maxLength: 60 }), isMerged: fc.boolean() }), {
  minLength: 1,
  maxLength: 5,
})

test('finds what LevelDB finds, however often records were written and removed', async () => {
  await fc.assert(
    fc.asyncProperty(lives, async (all) => {
      rmSync(folder, { recursive: true, force: true })
      for (const { changes, isMerged } of all) {
        const database = await opened()
        for (const { key: changed, value } of changes) {
          if (value === undefined) await database.del(changed)
          else await database.put(changed, Buffer.alloc(value, `${value};`))
        }
        if (isMerged) await database.compactRange(Buffer.of(0), Buffer.of(255))
        await database.close()
      }
      const database = await opened()
      for (const octet of [0x63, 0x64, 0x65, 0x66, 0x67]) {
        const { found, isWhole } = await inTables(octet)
        expect({ found, isWhole }).toEqual({ found: await inDatabase(database, octet), isWhole: true })
      }
      await database.close()
    }),
    { numRuns: 25 },
  )
}, 60_000)

/** So many records that there is more than one block, and more than one table. */
async function manyRecords(): Promise<Catalogue> {
  const written = await Catalogue.open(folder)
  for (let first = 0; first < 3000; first += 1000) {
    const puts = Array.from({ length: 1000 }, (_, at) =>
      putEntity(3, Buffer.from(nameOf(first + at)), Buffer.alloc(50, 1)),
    )
    await written.write([...puts, removeEntity(3, Buffer.from(nameOf(first)))], true)
    await written.reopen()
  }
  await written.close()
  return await Catalogue.open(folder)
}

function nameOf(number: number): string {
  return `queue ${String(number).padStart(4, '0')}`
}

const ALL = Array.from({ length: 3000 }, (_, number) => nameOf(number)).filter((_, number) => number % 1000 !== 0)

async function namesIn(catalogue: Catalogue): Promise<string[]> {
  const names: string[] = []
  await catalogue.eachEntity((_kind, name) => void names.push(name.toString()))
  return names
}

test('a catalogue reads from its tables until something is written to it', async () => {
  const catalogue = await manyRecords()
  expect(await namesIn(catalogue)).toEqual(ALL)
  await catalogue.write([putEntity(3, Buffer.from('new'), Buffer.of(1))], true)
  expect(await namesIn(catalogue)).toEqual(['new', ...ALL])
  await catalogue.close()
})

test('where tables are gone or are none, a catalogue goes on with what LevelDB says', async () => {
  const catalogue = await manyRecords()
  const tables = readdirSync(folder)
    .filter((name) => name.endsWith('.ldb'))
    .sort()
  expect(tables.length).toBe(3)
  // From now on LevelDB has them open, whatever becomes of their names.
  await catalogue.records(ALL.map((name) => removeEntity(3, Buffer.from(name)).key))
  const [, second = '', third = ''] = tables
  const bytes = readFileSync(join(folder, third))
  unlinkSync(join(folder, third))
  expect((await inTables(0x65)).isWhole).toBe(false)
  expect(await namesIn(catalogue)).toEqual(ALL)
  writeFileSync(join(folder, third), bytes)
  unlinkSync(join(folder, second))
  const { found, isWhole, lastKey } = await inTables(0x65)
  expect([found.length, isWhole, lastKey]).toEqual([999, false, nameOf(999)])
  expect(await namesIn(catalogue)).toEqual(ALL)
  await catalogue.close()
})

test('from a record on that is not whole, a catalogue reads what LevelDB says, and tells of the record', async () => {
  await (await manyRecords()).close()
  const database = await opened()
  const { key: changed } = removeEntity(3, Buffer.from(nameOf(1500)))
  const record = Buffer.from((await database.get(changed)) ?? [])
  record.writeUInt8(2, record.length - 1)
  await database.put(changed, record)
  await database.close()
  const catalogue = await Catalogue.open(folder)
  const broken: string[] = []
  const names: string[] = []
  await catalogue.eachEntity(
    (_kind, name) => void names.push(name.toString()),
    (name) => void broken.push(name.subarray(2).toString()),
  )
  expect(broken.length).toBe(1)
  expect([...names, ...broken].sort()).toEqual(ALL)
  await catalogue.close()
})

test('a byte of a table that is not what was written is found, or makes no difference', async () => {
  await (await manyRecords()).close()
  const [first = ''] = readdirSync(folder).filter((name) => name.endsWith('.ldb'))
  const path = join(folder, first)
  const bytes = readFileSync(path)
  const table = tableOf(bytes)
  const pieces = new Pieces(table)
  const { index } = await readFooter(table, pieces)
  const [block = index] = (await blocksOf(pieces, index)) ?? []
  const whole = await inTables(0x65)
  const isFound = async (at: number): Promise<boolean> => {
    const damaged = Buffer.from(bytes)
    damaged.writeUInt8((bytes[at] as number) ^ 1, at)
    writeFileSync(path, damaged)
    const outcome = await inTables(0x65).catch(reasonOfDamage)
    if (typeof outcome === 'string') expect(outcome).toContain(`its table ${first} is not what was written`)
    else expect(outcome).toEqual(whole)
    return typeof outcome === 'string'
  }
  // The first record says whether it is one or is gone, and its version.
  for (let at = block.offset; at < block.offset + 60; at++) expect(await isFound(at), `at ${at}`).toBe(true)
  for (let at = index.offset; at < index.offset + index.bytes + 5; at += 3) {
    expect(await isFound(at), `at ${at}`).toBe(true)
  }
  for (let at = 0; at < bytes.length; at += 997) await isFound(at)
  for (let at = bytes.length - 48; at < bytes.length; at++) await isFound(at)
})

function reasonOfDamage(error: unknown): string {
  if (!isCorruption(error)) throw error
  return String(error)
}

test('what a visitor throws is thrown, and ends the visit', async () => {
  const catalogue = await manyRecords()
  let visits = 0
  const visited = catalogue.eachEntity(() => {
    visits++
    throw new RangeError('enough')
  })
  await expect(visited).rejects.toThrow('enough')
  expect(visits).toBe(1)
  await catalogue.close()
})
