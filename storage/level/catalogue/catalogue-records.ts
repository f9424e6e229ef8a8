/**
 * The records of the catalogue: entities, which segments have which pages, what is settled in them, and messages that
 * outlived their log file. Keys are a kind byte and fixed-width big-endian numbers, so that they sort as they count.
 *
 *     m                                     → format version u32 · log file u48 · offset u48 · next queue id u48
 *                                             · next page id u48 · last commit u48 · next sequence u48
 *                                             · id of the store 8 bytes
 *     e · entity kind u8 · key              → value
 *     s · queue u48 · segment u48           → segment (see encodeSegment)
 *     c · queue u48                         → segment u48 · index u32: what lies before it was delivered
 *     p · page id u48                       → bytes of a page or body whose log file is gone
 *
 * In front of every value but those of pages, whose segments have theirs, is the CRC-32 u32 of its key and itself.
 */
import { crc32 } from 'node:zlib'
import { shortCrc32 } from '../../../src/lib/crc.ts'
import { decodeStoreId, encodeStoreId, STORE_ID_BYTES } from '../disk/store-id.ts'
import { type CatalogueSegment, encodeSegment } from './segment-entry.ts'

export const CATALOGUE_VERSION = 1

export const CRC_BYTES = 4
const PAGE_KEY_BYTES = 7
const META_BYTES = 48
const STORE_ID_OFFSET = 40

/** The first byte of a key. */
export const RecordKind = { meta: 0x6d, cursor: 0x63, entity: 0x65, segment: 0x73, page: 0x70 } as const

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
  /** Undefined where the catalogue does not say. */
  readonly storeId: string | undefined
}

/** What a store has come to, beside the position in its log. */
interface Counters extends Pick<CatalogueMeta, 'nextQueueId' | 'nextPageId' | 'nextSequence' | 'storeId'> {
  readonly lastCommit: number
}

export function metaAt(
  { file, offset }: LogPosition,
  { nextQueueId, nextPageId, nextSequence, lastCommit, storeId }: Counters,
): CatalogueMeta {
  const version = CATALOGUE_VERSION
  return { version, file, offset, nextQueueId, nextPageId, nextSequence, storeId, commit: lastCommit }
}

export type CatalogueOperation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer }

/** The keys of all records of a kind. */
export function range(kind: number): { gte: Buffer; lt: Buffer } {
  return { gte: Buffer.of(kind), lt: Buffer.of(kind + 1) }
}

export function metaKey(): Buffer {
  return Buffer.of(RecordKind.meta)
}

function segmentKey(queue: number, sequence: number): Buffer {
  const key = Buffer.alloc(13)
  key.writeUInt8(RecordKind.segment)
  key.writeUIntBE(queue, 1, 6)
  key.writeUIntBE(sequence, 7, 6)
  return key
}

/** The number of the page or body that is under this key; undefined for other keys. */
export function pageIdOf(key: Buffer): number | undefined {
  return key[0] === RecordKind.page && key.length === PAGE_KEY_BYTES ? key.readUIntBE(1, 6) : undefined
}

export function pageKey(id: number): Buffer {
  const key = Buffer.alloc(PAGE_KEY_BYTES)
  key.writeUInt8(RecordKind.page)
  key.writeUIntBE(id, 1, 6)
  return key
}

function entityKey(kind: number, key: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(RecordKind.entity, kind), key])
}

export function putMeta(meta: CatalogueMeta): CatalogueOperation {
  const value = Buffer.alloc(META_BYTES)
  value.writeUInt32BE(meta.version)
  value.writeUIntBE(meta.file, 4, 6)
  value.writeUIntBE(meta.offset, 10, 6)
  value.writeUIntBE(meta.nextQueueId, 16, 6)
  value.writeUIntBE(meta.nextPageId, 22, 6)
  value.writeUIntBE(meta.commit, 28, 6)
  value.writeUIntBE(meta.nextSequence, 34, 6)
  value.set(encodeStoreId(meta.storeId), STORE_ID_OFFSET)
  return put(metaKey(), value)
}

export function decodeMeta(record: Buffer): CatalogueMeta {
  // Another version may have less to say: who asks for it refuses it, or migrates it.
  const value = Buffer.alloc(Math.max(META_BYTES, record.length))
  record.copy(value)
  return {
    version: value.readUInt32BE(0),
    file: value.readUIntBE(4, 6),
    offset: value.readUIntBE(10, 6),
    nextQueueId: value.readUIntBE(16, 6),
    nextPageId: value.readUIntBE(22, 6),
    commit: value.readUIntBE(28, 6),
    nextSequence: value.readUIntBE(34, 6),
    storeId: decodeStoreId(value.subarray(STORE_ID_OFFSET, STORE_ID_OFFSET + STORE_ID_BYTES)),
  }
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
  key.writeUInt8(RecordKind.cursor)
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
  return key[0] === RecordKind.page || isWhole(key, record)
}

/** The same, for a record that is no page. */
export function isWhole(key: Buffer, record: Buffer): boolean {
  if (record.length < CRC_BYTES) return false
  return shortCrc32(record, CRC_BYTES, record.length, shortCrc32(key)) === record.readUInt32BE(0)
}

function put(key: Buffer, value: Uint8Array): CatalogueOperation {
  const record = Buffer.alloc(CRC_BYTES + value.length)
  record.set(value, CRC_BYTES)
  record.writeUInt32BE(crc32(value, crc32(key)))
  return { type: 'put', key, value: record }
}
