/**
 * The catalogue in LevelDB: entities, which segments have which pages, what is settled in them, and messages that
 * outlived their log file. Keys are a kind byte and fixed-width big-endian numbers, so that they sort as they count.
 *
 *     m                                     → format version u32 · log file u48 · offset u48 · next queue id u48
 *                                             · next page id u48 · last commit u48
 *     e · entity kind u8 · key              → value
 *     s · queue u48 · segment u48           → segment (see encodeSegment)
 *     c · queue u48                         → segment u48 · index u32: what lies before it was delivered
 *     p · page id u48                       → bytes of a page or body whose log file is gone
 *
 * In front of every value but those of pages, whose segments have theirs, is the CRC-32 u32 of its key and itself.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { ClassicLevel } from 'classic-level'
import { syncFolder } from '../disk/files.ts'
import type { Page } from '../log/stored-segment.ts'
import { EntryUse } from './entry-use.ts'
import { levelDb } from './leveldb.ts'
import { type CatalogueSegment, decodeSegment, encodeSegment } from './segment-entry.ts'

export const CATALOGUE_VERSION = 1

const CRC_BYTES = 4
const PAGE_KEY_BYTES = 7

const META = 0x6d
const CURSOR = 0x63
const ENTITY = 0x65
const SEGMENT = 0x73
const PAGE = 0x70

export interface LogPosition {
  readonly file: number
  readonly offset: number
}

export interface CatalogueMeta extends LogPosition {
  readonly version: number
  /** Number of the last commit that the catalogue has taken in. */
  readonly commit: number
  readonly nextQueueId: number
  readonly nextPageId: number
  /** No segment has had this sequence, or a larger one. */
  readonly nextSequence: number
}

export interface EntityChange {
  readonly kind: number
  readonly key: Buffer
  /** Undefined removes it. */
  readonly value: Buffer | undefined
}

/** Of an entity among all others, in tables. */
export function entityId(kind: number, key: Buffer): string {
  return `${kind}:${key.toString('latin1')}`
}

export type CatalogueOperation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer }

export type Broken = (key: Buffer) => void

type Database = ClassicLevel<Buffer, Buffer>

/** LevelDB is told to let go of what was removed when that takes more room than what is there, and this much. */
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

export class Catalogue {
  readonly #database: Database
  readonly entries = new EntryUse()
  #compacting: Promise<void> | undefined
  /** While it is closed to be opened again: those who wait for that. When it is not, nobody needs them any more. */
  #waitingReads: (() => void)[] | undefined

  private constructor(database: Database) {
    this.#database = database
  }

  static async open(folder: string): Promise<Catalogue> {
    const LevelDb = await levelDb()
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
    const batch = this.#database.batch()
    for (const [at, operation] of operations.entries()) {
      if (at > 0 && at % TURN_OPERATIONS === 0) await nextTurn()
      if (operation.type === 'put') batch.put(operation.key, operation.value)
      else batch.del(operation.key)
    }
    await batch.write({ sync: isSynced })
    for (const operation of operations) {
      if (operation.key[0] !== PAGE || operation.key.length !== PAGE_KEY_BYTES) continue
      const id = operation.key.readUIntBE(1, 6)
      if (operation.type === 'put') this.entries.written(id, operation.value.length)
      else this.entries.removed(id)
    }
    // LevelDB drops what was removed only where it writes, and where messages came and went it may never write again.
    if (this.entries.garbageBytes > this.entries.liveBytes + GARBAGE_BYTES_MIN) this.#compacting ??= this.#compact()
  }

  /**
   * Once a write has failed, what LevelDB would write next may be lost: it has to be opened again. Reading waits meanwhile,
   * also while that fails and is to be tried once more.
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
    const { gte, lt } = range(PAGE)
    this.entries.garbageBytes = Math.max(0, (await this.#database.approximateSize(gte, lt)) - this.entries.liveBytes)
  }

  async #compact(): Promise<void> {
    const { gte, lt } = range(PAGE)
    this.entries.garbageBytes = 0
    // It is only about room: what is wrong with the disk shows where something is written.
    await this.#database.compactRange(gte, lt).catch(() => {})
    this.#compacting = undefined
  }

  /** Here as below, `broken` is called with the keys of records that are damaged. */
  async meta(broken: Broken = () => {}): Promise<CatalogueMeta | undefined> {
    const key = metaKey()
    const record = await this.#database.get(key)
    if (record === undefined) return undefined
    if (!isIntact(key, record)) {
      broken(key)
      return undefined
    }
    // Another version may have less to say: who asks for it refuses it, or migrates it.
    const value = Buffer.alloc(Math.max(META_BYTES, record.length))
    record.copy(value, 0, CRC_BYTES)
    return {
      version: value.readUInt32BE(0),
      file: value.readUIntBE(4, 6),
      offset: value.readUIntBE(10, 6),
      nextQueueId: value.readUIntBE(16, 6),
      nextPageId: value.readUIntBE(22, 6),
      commit: value.readUIntBE(28, 6),
      nextSequence: value.readUIntBE(34, 6),
    }
  }

  async eachEntity(
    visit: (kind: number, key: Buffer, value: Buffer) => void | Promise<void>,
    broken: Broken = () => {},
  ): Promise<void> {
    await this.#each(ENTITY, broken, (key, value) => visit(key.readUInt8(1), key.subarray(2), value))
  }

  async eachSegment(visit: (segment: CatalogueSegment) => void, broken: Broken = () => {}): Promise<void> {
    await this.#each(SEGMENT, broken, (key, value) => visit(decodeSegment(key, value)))
  }

  async eachCursor(
    visit: (queue: number, segment: number, index: number) => void,
    broken: Broken = () => {},
  ): Promise<void> {
    await this.#each(CURSOR, broken, (key, value) =>
      visit(key.readUIntBE(1, 6), value.readUIntBE(0, 6), value.readUInt32BE(6)),
    )
  }

  /** Many at a time: a promise for each record would take longer than the record. */
  async #each(
    kind: number,
    broken: Broken,
    visit: (key: Buffer, value: Buffer) => void | Promise<void>,
  ): Promise<void> {
    const iterator = this.#database.iterator({ ...range(kind), highWaterMarkBytes: READ_BYTES })
    try {
      for (;;) {
        const entries = await iterator.nextv(READ_ENTRIES)
        if (entries.length === 0) return
        for (const [key, record] of entries) {
          const value = record.subarray(CRC_BYTES)
          if (!isWhole(key, record, value)) broken(key)
          else {
            const visited = visit(key, value)
            if (visited !== undefined) await visited
          }
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
    for await (const key of this.#database.keys(range(PAGE))) {
      if (key.length === PAGE_KEY_BYTES) yield key.readUIntBE(1, 6)
    }
  }

  /** Removes the entries with this number and higher ones: they were written by a process that was killed too early. */
  async removePagesFrom(id: number): Promise<void> {
    await this.#database.clear({ gte: pageKey(id), lt: range(PAGE).lt })
  }

  /** The highest number of an entry with a page or body; 0 when there is none. */
  async lastPageId(): Promise<number> {
    for await (const key of this.#database.keys({ ...range(PAGE), reverse: true, limit: 1 })) {
      if (key.length === PAGE_KEY_BYTES) return key.readUIntBE(1, 6)
    }
    return 0
  }

  /** LevelDB slows writers down, or will soon: it has more to sort than it can. */
  get isBehind(): boolean {
    if (this.#waitingReads !== undefined) return false
    return Number(this.#database.getProperty('leveldb.num-files-at-level0')) >= LEVEL_ZERO_FILES_MAX
  }
}

function range(kind: number): { gte: Buffer; lt: Buffer } {
  return { gte: Buffer.of(kind), lt: Buffer.of(kind + 1) }
}

function metaKey(): Buffer {
  return Buffer.of(META)
}

function segmentKey(queue: number, sequence: number): Buffer {
  const key = Buffer.alloc(13)
  key.writeUInt8(SEGMENT)
  key.writeUIntBE(queue, 1, 6)
  key.writeUIntBE(sequence, 7, 6)
  return key
}

function pageKey(id: number): Buffer {
  const key = Buffer.alloc(PAGE_KEY_BYTES)
  key.writeUInt8(PAGE)
  key.writeUIntBE(id, 1, 6)
  return key
}

function entityKey(kind: number, key: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(ENTITY, kind), key])
}

const META_BYTES = 40

export function putMeta(meta: CatalogueMeta): CatalogueOperation {
  const value = Buffer.alloc(META_BYTES)
  value.writeUInt32BE(meta.version)
  value.writeUIntBE(meta.file, 4, 6)
  value.writeUIntBE(meta.offset, 10, 6)
  value.writeUIntBE(meta.nextQueueId, 16, 6)
  value.writeUIntBE(meta.nextPageId, 22, 6)
  value.writeUIntBE(meta.commit, 28, 6)
  value.writeUIntBE(meta.nextSequence, 34, 6)
  return put(metaKey(), value)
}

export function putEntity(kind: number, key: Uint8Array, value: Uint8Array): CatalogueOperation {
  return put(entityKey(kind, key), value)
}

export function removeEntity(kind: number, key: Uint8Array): CatalogueOperation {
  return { type: 'del', key: entityKey(kind, key) }
}

export function putSegment(segment: CatalogueSegment): CatalogueOperation {
  return put(segmentKey(segment.queue, segment.sequence), encodeSegment(segment))
}

export function removeSegment(queue: number, sequence: number): CatalogueOperation {
  return { type: 'del', key: segmentKey(queue, sequence) }
}

export function putCursor(queue: number, segment: number, index: number): CatalogueOperation {
  const value = Buffer.alloc(10)
  value.writeUIntBE(segment, 0, 6)
  value.writeUInt32BE(index, 6)
  return put(cursorKey(queue), value)
}

export function removeCursor(queue: number): CatalogueOperation {
  return { type: 'del', key: cursorKey(queue) }
}

function cursorKey(queue: number): Buffer {
  const key = Buffer.alloc(7)
  key.writeUInt8(CURSOR)
  key.writeUIntBE(queue, 1, 6)
  return key
}

export function putPage(id: number, bytes: Buffer): CatalogueOperation {
  return { type: 'put', key: pageKey(id), value: bytes }
}

export function removePage(id: number): CatalogueOperation {
  return { type: 'del', key: pageKey(id) }
}

/** Whether a record is as it was written. */
export function isIntact(key: Buffer, record: Buffer): boolean {
  return key[0] === PAGE || isWhole(key, record, record.subarray(CRC_BYTES))
}

function isWhole(key: Buffer, record: Buffer, value: Buffer): boolean {
  return record.length >= CRC_BYTES && crc32(value, crc32(key)) === record.readUInt32BE(0)
}

function put(key: Buffer, value: Uint8Array): CatalogueOperation {
  const record = Buffer.alloc(CRC_BYTES + value.length)
  record.set(value, CRC_BYTES)
  record.writeUInt32BE(crc32(value, crc32(key)))
  return { type: 'put', key, value: record }
}
