/**
 * The log: append-only files of frames. One frame is one commit: all of it counts, or, when it is torn, none of it. A very
 * large commit is several frames, numbered from 0, all but the last of which say that it continues.
 * Where bytes were lost, the next frame is found by the mark, which every file has its own of: nothing that a client
 * sends can look like a frame, and neither can what is left in a file that is used again.
 *
 *     file    = header · store · 0 … · header at 4096 · frame … · end · anything
 *     header  = magic u32 · version u8 · reused u8 · 0 u16 · mark 8 bytes · crc u32 · 0 u32
 *     store   = id of the store 8 bytes · crc u32
 *     end     = a frame without payload; the next frame takes its place
 *     frame   = mark 8 bytes · payload bytes u32 · commit u48 · part u15 · continues bit · crc u32 · payload
 *     payload = entry …          entry = kind u8 · …
 *
 *     1 page      queue u48 · segment u48 · first u32 · count u32 · bodies u32 · bytes u32 · crc of the records u32
 *                 · (index u32 · offset in payload u32 · bytes u32 · crc u32) for each body · records
 *     2 settle    queue u48 · segment u48 · runs u32 · (first u32 · count u32) …
 *     3 drop      queue u48 · segment u48
 *     4 dropQueue queue u48
 *     5 put       entity kind u8 · key bytes u32 · value bytes u32 · key · value
 *     6 remove    entity kind u8 · key bytes u32 · key
 *     7 body      bytes u32 · crc of the bytes u32 · bytes
 *     8 cursor    queue u48 · segment u48 · index u32: what lies before it was delivered
 *     9 longPage  as page
 *    10 returned  queue u48 · segment u48 · runs u32 · (first u32 · count u32 · times u8) …: so often they came back, in all
 *    11 unsettledBytes  queue u48 · segment u48 · bytes u48: of the bodies of all its records that are not settled
 *
 * The CRC-32 of a frame covers all of it but its own four bytes, the records of long pages and the bytes of bodies, which
 * have their own; that of a header covers what is in front of it. All numbers are big-endian.
 */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { decodeStoreId, encodeStoreId, STORE_ID_BYTES } from '../disk/store-id.ts'

const LOG_MAGIC = 0x4c56_524c
export const LOG_VERSION = 1
/** The header stands at the start of the file and, in case that is lost, here a second time. */
const HEADER_COPY_OFFSET = 4096
const HEADER_BYTES = 24
export const LOG_FILE_HEADER_BYTES = HEADER_COPY_OFFSET + HEADER_BYTES
export const MARK_BYTES = 8
const MARK_OFFSET = 8
const FILE_CRC_OFFSET = 16
const STORE_OFFSET = HEADER_BYTES
const STORE_CRC_OFFSET = STORE_OFFSET + STORE_ID_BYTES
export const LOG_FRAME_HEADER_BYTES = 24
export const CONTINUES_OFFSET = 18
export const CRC_OFFSET = 20

export const Entry = {
  page: 1,
  settle: 2,
  drop: 3,
  dropQueue: 4,
  put: 5,
  remove: 6,
  body: 7,
  cursor: 8,
  longPage: 9,
  returned: 10,
  unsettledBytes: 11,
} as const

/** Bytes of a body entry in front of the body, the kind included. */
export const BODY_HEADER_BYTES = 9

/** Bytes of a page entry in front of its bodies and records, the kind included. */
export const PAGE_HEADER_BYTES = 33
export const PAGE_BODY_BYTES = 16

/** The start of a log file of this store, with a mark of its own. */
export function createFileHeader(isReused = false, storeId?: string): Buffer {
  const header = Buffer.alloc(LOG_FILE_HEADER_BYTES)
  header.writeUInt32BE(LOG_MAGIC, 0)
  header.writeUInt8(LOG_VERSION, 4)
  header.writeUInt8(isReused ? 1 : 0, 5)
  header.set(randomBytes(MARK_BYTES), MARK_OFFSET)
  header.writeUInt32BE(crc32(header.subarray(0, FILE_CRC_OFFSET)), FILE_CRC_OFFSET)
  header.copy(header, HEADER_COPY_OFFSET, 0, HEADER_BYTES)
  header.set(encodeStoreId(storeId), STORE_OFFSET)
  header.writeUInt32BE(crc32(header.subarray(STORE_OFFSET, STORE_CRC_OFFSET)), STORE_CRC_OFFSET)
  return header
}

export function markIn(header: Buffer): Buffer {
  return Buffer.from(header.subarray(MARK_OFFSET, MARK_OFFSET + MARK_BYTES))
}

interface FileHeader {
  readonly version: number
  /** It was another log file before: behind the end there is what that one held. */
  readonly isReused: boolean
  readonly mark: Buffer
  /** Undefined where the file does not say. */
  readonly storeId: string | undefined
  /** It is told by the copy alone. */
  readonly isDamaged: boolean
}

/** What the header of a log file says, or undefined when there is none that is whole. */
export function readFileHeader(start: Buffer): FileHeader | undefined {
  const storeId = storeIdIn(start)
  const first = readHeader(start)
  if (first !== undefined) return { ...first, storeId, isDamaged: false }
  const copy = readHeader(start.subarray(HEADER_COPY_OFFSET))
  return copy && { ...copy, storeId, isDamaged: true }
}

function storeIdIn(start: Buffer): string | undefined {
  const id = start.subarray(STORE_OFFSET, STORE_CRC_OFFSET)
  return crc32(id) === start.readUInt32BE(STORE_CRC_OFFSET) ? decodeStoreId(id) : undefined
}

function readHeader(header: Buffer): Omit<FileHeader, 'isDamaged' | 'storeId'> | undefined {
  if (header.readUInt32BE(0) !== LOG_MAGIC) return undefined
  if (crc32(header.subarray(0, FILE_CRC_OFFSET)) !== header.readUInt32BE(FILE_CRC_OFFSET)) return undefined
  return { version: header.readUInt8(4), isReused: header.readUInt8(5) === 1, mark: markIn(header) }
}

/** What stands behind the last frame. */
export function createEnd(mark: Uint8Array): Buffer {
  const end = Buffer.alloc(LOG_FRAME_HEADER_BYTES)
  writeFrameHeader(end, mark, 0, 0)
  end.writeUInt32BE(crc32(end.subarray(0, CRC_OFFSET)), CRC_OFFSET)
  return end
}

export function writeFrameHeader(
  header: Buffer,
  mark: Uint8Array,
  commit: number,
  payloadBytes: number,
  continues = false,
  part = 0,
): void {
  header.set(mark)
  header.writeUInt32BE(payloadBytes, 8)
  header.writeUIntBE(commit, 12, 6)
  header.writeUInt16BE((part << 1) | (continues ? 1 : 0), CONTINUES_OFFSET)
}

/** `0000000000000001.log`: file names sort as their numbers do. */
export function logFileName(number: number): string {
  return `${String(number).padStart(16, '0')}.log`
}

/** What a log file is called that is not needed any more, and waits to become another one. */
export function spareFileName(number: number): string {
  return `${String(number).padStart(16, '0')}.spare`
}

export function isSpareFileName(name: string): boolean {
  return /^\d{16}\.spare$/.test(name)
}

export function logFileNumber(name: string): number | undefined {
  return /^\d{16}\.log$/.test(name) ? Number(name.slice(0, 16)) : undefined
}
