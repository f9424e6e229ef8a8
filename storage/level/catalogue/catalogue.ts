/**
 * The catalogue: a LevelDB with the records of `catalogue-records.ts`, and the one place that asks it for something.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ClassicLevel, Iterator } from 'classic-level'
import { makeFolder, syncFolder } from '../disk/files.ts'
import type { Page } from '../disk/places.ts'
import { readU48 } from '../disk/u48.ts'
import {
  type CatalogueMeta,
  type CatalogueOperation,
  CRC_BYTES,
  decodeMeta,
  isWhole,
  pageIdOf,
  pageKey,
  RecordKind,
  range,
} from './catalogue-records.ts'
import { EntryUse } from './entry-use.ts'
import { levelDb } from './leveldb.ts'
import { type CatalogueSegment, decodeSegment } from './segment-entry.ts'
import { TableRecords, type VisitRecord } from './table-records.ts'

export type Broken = (key: Buffer) => void

type Database = ClassicLevel<Buffer, Buffer>

/** LevelDB is told to drop what was removed when that takes more room than what is there, and this much. */
const GARBAGE_BYTES_MIN = 8 * 1024 * 1024
/** LevelDB slows writers down at so many unsorted files, and stops them at 12. */
const LEVEL_ZERO_FILES_MAX = 8
/** So many records are read at a time. */
const READ_ENTRIES = 1000
/** And so many bytes, about. */
const READ_BYTES = 1024 * 1024
/** Of a large batch, so many operations are handed to LevelDB in one turn of the event loop. */
const TURN_OPERATIONS = 256

/**
 * LevelDB begins a new list of its files when it is opened, and does not sync the name of the file that says which list is
 * the current one: after a power loss it might find an old one, which lacks what was written since.
 */
async function openSafely(database: Database): Promise<void> {
  await database.open()
  try {
    await syncFolder(database.location)
  } catch (error) {
    await database.close()
    throw error
  }
}

async function* batchesOf(iterator: Iterator<Database, Buffer, Buffer>): AsyncGenerator<[Buffer, Buffer][]> {
  try {
    for (;;) {
      const entries = await iterator.nextv(READ_ENTRIES)
      if (entries.length === 0) return
      yield entries
    }
  } finally {
    await iterator.close()
  }
}

export class Catalogue {
  readonly #database: Database
  readonly entries = new EntryUse()
  #compacting: Promise<void> | undefined
  /** While it is closed to be opened again: the reads that wait for that. If it stays closed, the storage closes, too, and drops them. */
  #waitingReads: (() => void)[] | undefined
  /** LevelDB brings all that it has into tables when it is opened; what is written later is elsewhere for a while. */
  #isAllInTables = true

  private constructor(database: Database) {
    this.#database = database
  }

  static async open(folder: string): Promise<Catalogue> {
    const LevelDb = await levelDb()
    // LevelDB would let others look into it: it has password hashes.
    await makeFolder(folder)
    const database: Database = new LevelDb(folder, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      compression: false,
      writeBufferSize: 8 * 1024 * 1024,
    })
    await openSafely(database)
    return new Catalogue(database)
  }

  async close(): Promise<void> {
    await this.#compacting
    await this.#database.close()
  }

  /** Writes everything or nothing. */
  async write(operations: readonly CatalogueOperation[], isSynced: boolean): Promise<void> {
    this.#isAllInTables = false
    const batch = this.#database.batch()
    for (const [at, operation] of operations.entries()) {
      if (at > 0 && at % TURN_OPERATIONS === 0) await nextTurn()
      if (operation.type === 'put') batch.put(operation.key, operation.value)
      else batch.del(operation.key)
    }
    await batch.write({ sync: isSynced })
    for (const operation of operations) {
      const id = pageIdOf(operation.key)
      if (id === undefined) continue
      if (operation.type === 'put') this.entries.written(id, operation.value.length)
      else this.entries.removed(id)
    }
    // LevelDB drops what was removed only where it writes, and where messages came and went it may never write again.
    if (this.entries.garbageBytes > this.entries.liveBytes + GARBAGE_BYTES_MIN) this.#compacting ??= this.#compact()
  }

  /**
   * Once a write has failed, what LevelDB would write next may be lost: it has to be opened again. Reading waits meanwhile,
   * also while that fails and is to be tried again.
   */
  async reopen(): Promise<void> {
    this.#waitingReads ??= []
    await this.#compacting
    await this.#database.close()
    await openSafely(this.#database)
    const waiting = this.#waitingReads
    this.#waitingReads = undefined
    for (const read of waiting) read()
  }

  /** To be told once of the pages that are needed: all other entries take room for nothing. */
  async pagesFound(pages: Iterable<Page>): Promise<void> {
    for (const page of pages) if (page.file === 0) this.entries.found(page)
    const { gte, lt } = range(RecordKind.page)
    this.entries.garbageBytes = Math.max(0, (await this.#database.approximateSize(gte, lt)) - this.entries.liveBytes)
  }

  async #compact(): Promise<void> {
    const { gte, lt } = range(RecordKind.page)
    this.entries.garbageBytes = 0
    // It is only about room: what is wrong with the disk shows where something is written.
    await this.#database.compactRange(gte, lt).catch(() => {})
    this.#compacting = undefined
  }

  /** All records as they are at this moment, whatever is written meanwhile, so many bytes at a time, about. */
  all(bytes: number): AsyncGenerator<[Buffer, Buffer][]> {
    // It sees what is there when it is made.
    return batchesOf(this.#database.iterator({ highWaterMarkBytes: bytes }))
  }

  /** Here as below, `broken` is called with the keys of records that are damaged. */
  async meta(broken: Broken = () => {}): Promise<CatalogueMeta | undefined> {
    let meta: CatalogueMeta | undefined
    await this.#each(RecordKind.meta, broken, (_key, value) => {
      meta = decodeMeta(value)
    })
    return meta
  }

  async eachEntity(
    visit: (kind: number, key: Buffer, value: Buffer) => void | Promise<void>,
    broken: Broken = () => {},
  ): Promise<void> {
    await this.#each(RecordKind.entity, broken, (key, value) => visit(key.readUInt8(1), key.subarray(2), value))
  }

  async eachSegment(visit: (segment: CatalogueSegment) => void, broken: Broken = () => {}): Promise<void> {
    await this.#each(RecordKind.segment, broken, (key, value) => visit(decodeSegment(key, value)))
  }

  async eachCursor(
    visit: (queue: number, segment: number, index: number) => void,
    broken: Broken = () => {},
  ): Promise<void> {
    await this.#each(RecordKind.cursor, broken, (key, value) =>
      visit(readU48(key, 1), readU48(value, 0), value.readUInt32BE(6)),
    )
  }

  async #each(kind: number, broken: Broken, visit: VisitRecord): Promise<void> {
    const visitWhole: VisitRecord = (key, record) => visit(key, record.subarray(CRC_BYTES))
    let keys: object = range(kind)
    if (this.#isAllInTables) {
      const records = await TableRecords.find(this.#database.location, kind).catch(() => undefined)
      if ((await records?.each(isWhole, visitWhole)) === true) return
      // LevelDB knows where the rest is, or what is wrong with it.
      if (records?.lastKey !== undefined) keys = { gt: records.lastKey, lt: range(kind).lt }
    }
    await this.#iterate(keys, (key, record) => (isWhole(key, record) ? visitWhole(key, record) : broken(key)))
  }

  /** Many at a time: a promise for each record would take longer than the record. */
  async #iterate(keys: object, visit: VisitRecord): Promise<void> {
    const iterator = this.#database.iterator({ ...keys, highWaterMarkBytes: READ_BYTES })
    try {
      for (;;) {
        const entries = await iterator.nextv(READ_ENTRIES)
        if (entries.length === 0) return
        for (const [key, record] of entries) {
          const visited = visit(key, record)
          if (visited !== undefined) await visited
        }
      }
    } finally {
      await iterator.close()
    }
  }

  /** The records under these keys as they are, damaged or not. */
  async records(keys: readonly Buffer[]): Promise<{ readonly key: Buffer; readonly value: Buffer }[]> {
    const values = await this.#database.getMany([...keys])
    return keys.flatMap((key, at) => {
      const value = values[at]
      return value === undefined ? [] : [{ key, value }]
    })
  }

  async page(id: number): Promise<Buffer | undefined> {
    while (this.#waitingReads !== undefined) {
      const waiting = this.#waitingReads
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    return await this.#database.get(pageKey(id))
  }

  /** The numbers of all entries with pages and bodies. */
  async *pageIds(): AsyncIterable<number> {
    for await (const key of this.#database.keys(range(RecordKind.page))) {
      const id = pageIdOf(key)
      if (id !== undefined) yield id
    }
  }

  /** Removes the entries with this number and higher ones: they were written by a process that was killed too early. */
  async removePagesFrom(id: number): Promise<void> {
    this.#isAllInTables = false
    await this.#database.clear({ gte: pageKey(id), lt: range(RecordKind.page).lt })
  }

  /** The highest number of an entry with a page or body; 0 when there is none. */
  async lastPageId(): Promise<number> {
    for await (const key of this.#database.keys({ ...range(RecordKind.page), reverse: true, limit: 1 })) {
      return pageIdOf(key) ?? 0
    }
    return 0
  }

  /** LevelDB slows writers down, or will soon: it has more to sort than it can. */
  get isBehind(): boolean {
    if (this.#waitingReads !== undefined) return false
    return Number(this.#database.getProperty('leveldb.num-files-at-level0')) >= LEVEL_ZERO_FILES_MAX
  }
}
