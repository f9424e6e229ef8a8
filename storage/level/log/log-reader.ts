/** Reads the frames of a log file back, and says where it stops making sense. */

import { crc32 } from 'node:zlib'
import type { DataFile } from '../disk/files.ts'
import {
  BODY_HEADER_BYTES,
  CONTINUES_OFFSET,
  CRC_OFFSET,
  Entry,
  LOG_FILE_HEADER_BYTES,
  LOG_FRAME_HEADER_BYTES,
  LOG_VERSION,
  MARK_BYTES,
  PAGE_BODY_BYTES,
  PAGE_HEADER_BYTES,
  readFileHeader,
} from './log-format.ts'
import type { Page, StoredBody } from './stored-segment.ts'

export interface LogVisitor {
  /** What comes next is in the commit with this number. */
  commit?(number: number): void
  /** Offsets are in the file. */
  page(queue: number, segment: number, page: Omit<Page, 'file'>): void
  settle(queue: number, segment: number, first: number, count: number): void
  /** They came back so many times, in all. */
  returned(queue: number, segment: number, first: number, count: number, times: number): void
  /** The bodies of all records of the segment that are not settled have so many bytes. */
  unsettledBytes(queue: number, segment: number, bytes: number): void
  drop(queue: number, segment: number): void
  cursor(queue: number, segment: number, index: number): void
  dropQueue(queue: number): void
  put(kind: number, key: Buffer, value: Buffer): void
  remove(kind: number, key: Buffer): void
}

export interface ScanResult {
  /** Where the last whole frame ends. */
  readonly end: number
  /** Bytes behind it of a frame that is not whole; 0 when the file ends as it should. */
  readonly tornBytes: number
  /** Ranges of the file in front of `end` that no frame covers: something was overwritten or lost there. */
  readonly gaps: readonly { readonly offset: number; readonly bytes: number }[]
  /** Numbers of the first and the last commit that were read; 0 when there was none. */
  readonly firstCommit: number
  readonly lastCommit: number
}

const READ_BYTES = 4 * 1024 * 1024
/** Of a file that was made and never written to. */
const UNUSED_BYTES = LOG_FILE_HEADER_BYTES + LOG_FRAME_HEADER_BYTES

/** A file of another version of the format: newer than this program. */
export class NewerFormatError extends Error {
  constructor(version: number) {
    super(`the log was written in format version ${version}; this version reads up to ${LOG_VERSION}`)
    this.name = 'NewerFormatError'
  }
}

/** Visits the entries of all whole frames from `start` on, frame by frame; 0 starts with the first one. */
export async function scanLog(file: DataFile, start: number, visitor: LogVisitor): Promise<ScanResult> {
  const fileBytes = await file.size()
  const window = new Window(file, fileBytes)
  const gaps: { offset: number; bytes: number }[] = []
  let firstCommit = 0
  let lastCommit = 0
  const { mark, isDamaged, isReused } = await readHeader(window, fileBytes)
  let end = Math.min(Math.max(start, LOG_FILE_HEADER_BYTES), fileBytes)
  if (isDamaged && start < LOG_FILE_HEADER_BYTES) end = 0
  let at = Math.max(end, Math.min(LOG_FILE_HEADER_BYTES, fileBytes))
  let isEnded = false
  /** Frames of a commit whose last one has not come yet. */
  let begun:
    | { readonly commit: number; readonly part: number; readonly start: number; readonly end: number }
    | undefined
  while (at + LOG_FRAME_HEADER_BYTES <= fileBytes) {
    const frame = await readFrame(window, mark, at, fileBytes)
    if (frame === undefined) {
      at = await findNext(window, mark, at + 1, fileBytes)
      continue
    }
    isEnded = frame.payload.length === 0
    if (isEnded) break
    const { commit, part, payload } = frame
    const follows = part > 0 && begun?.commit === commit && begun.part === part - 1 && begun.end === at
    const start = follows && begun !== undefined ? begun.start : at
    const next = at + LOG_FRAME_HEADER_BYTES + payload.length
    if (part > 0 && !follows) begun = undefined
    else if (frame.continues) begun = { commit, part, start, end: next }
    else {
      if (start > end) gaps.push({ offset: end, bytes: start - end })
      visitor.commit?.(commit)
      if (start < at) await visitFrames(window, start, at, visitor)
      // What was in the window may be gone.
      const last = start < at ? await window.bytes(at + LOG_FRAME_HEADER_BYTES, payload.length) : payload
      visitPayload(last, at + LOG_FRAME_HEADER_BYTES, visitor)
      if (firstCommit === 0) firstCommit = commit
      lastCommit = commit
      end = next
    }
    at = next
  }
  if (isDamaged && firstCommit === 0 && start === 0 && fileBytes > UNUSED_BYTES) {
    gaps.push({ offset: 0, bytes: fileBytes })
    return { end: fileBytes, tornBytes: 0, gaps, firstCommit, lastCommit }
  }
  // Of a commit that was not finished, any part may be there, and so may what comes behind it.
  const tornBytes = isEnded ? at - end : await tornAt(window, mark, end, fileBytes, isReused)
  return { end, tornBytes, gaps, firstCommit, lastCommit }
}

/** Visits whole frames that were looked at before. */
async function visitFrames(window: Window, start: number, end: number, visitor: LogVisitor): Promise<void> {
  for (let at = start; at < end; ) {
    const payloadBytes = (await window.bytes(at, LOG_FRAME_HEADER_BYTES)).readUInt32BE(8)
    const from = at + LOG_FRAME_HEADER_BYTES
    visitPayload(await window.bytes(from, payloadBytes), from, visitor)
    at = from + payloadBytes
  }
}

/** How much there is of a frame that was not finished. In a file that is used once more, anything may lie behind it. */
async function tornAt(
  window: Window,
  mark: Buffer,
  end: number,
  fileBytes: number,
  isReused: boolean,
): Promise<number> {
  const left = fileBytes - end
  if (left < LOG_FRAME_HEADER_BYTES) return left
  const header = await window.bytes(end, LOG_FRAME_HEADER_BYTES)
  if (header.subarray(0, MARK_BYTES).equals(mark)) {
    return Math.min(left, LOG_FRAME_HEADER_BYTES + header.readUInt32BE(8))
  }
  return isReused ? LOG_FRAME_HEADER_BYTES : left
}

/** What the frames of this file begin with: the file says so twice, in its header and with the first frame. */
async function readHeader(
  window: Window,
  fileBytes: number,
): Promise<{ mark: Buffer; isDamaged: boolean; isReused: boolean }> {
  if (fileBytes < LOG_FILE_HEADER_BYTES) return { mark: Buffer.alloc(MARK_BYTES), isDamaged: true, isReused: false }
  const header = readFileHeader(await window.bytes(0, LOG_FILE_HEADER_BYTES))
  if (header === undefined) {
    const markBytes = Math.min(MARK_BYTES, fileBytes - LOG_FILE_HEADER_BYTES)
    const mark = Buffer.from(await window.bytes(LOG_FILE_HEADER_BYTES, markBytes))
    return { mark, isDamaged: true, isReused: false }
  }
  if (header.version > LOG_VERSION) throw new NewerFormatError(header.version)
  return header
}

async function readFrame(
  window: Window,
  mark: Buffer,
  at: number,
  fileBytes: number,
): Promise<{ payload: Buffer; commit: number; continues: boolean; part: number } | undefined> {
  const header = await window.bytes(at, LOG_FRAME_HEADER_BYTES)
  if (!header.subarray(0, MARK_BYTES).equals(mark)) return undefined
  const payloadBytes = header.readUInt32BE(8)
  if (at + LOG_FRAME_HEADER_BYTES + payloadBytes > fileBytes) return undefined
  const commit = header.readUIntBE(12, 6)
  const parts = header.readUInt16BE(CONTINUES_OFFSET)
  const continues = (parts & 1) !== 0
  const expected = header.readUInt32BE(CRC_OFFSET)
  const crc = crc32(header.subarray(0, CRC_OFFSET))
  const payload = await window.bytes(at + LOG_FRAME_HEADER_BYTES, payloadBytes)
  return isWhole(payload, crc, expected) ? { payload, commit, continues, part: parts >>> 1 } : undefined
}

/** Whether the payload is what was written: all of it counts, or none. Long pages and bodies have a CRC of their own. */
function isWhole(payload: Buffer, headerCrc: number, expected: number): boolean {
  let crc = headerCrc
  let covered = 0
  try {
    for (let at = 0; at < payload.length; ) {
      const end = visitEntry(payload, at, 0, NOBODY)
      const own = ownCrc(payload, at)
      if (own !== undefined) {
        const bytes = payload.subarray(end - own.bytes, end)
        if (bytes.length !== own.bytes || crc32(bytes) !== own.crc) return false
        crc = crc32(payload.subarray(covered, end - own.bytes), crc)
        covered = end
      }
      at = end
    }
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
  return crc32(payload.subarray(covered), crc) === expected
}

/** Of an entry that ends with bytes which the CRC of the frame does not cover: how many, and their CRC. */
function ownCrc(payload: Buffer, at: number): { readonly bytes: number; readonly crc: number } | undefined {
  const kind = payload.readUInt8(at)
  if (kind === Entry.body) return { bytes: payload.readUInt32BE(at + 1), crc: payload.readUInt32BE(at + 5) }
  if (kind === Entry.longPage) return { bytes: payload.readUInt32BE(at + 25), crc: payload.readUInt32BE(at + 29) }
  return undefined
}

async function findNext(window: Window, mark: Buffer, from: number, fileBytes: number): Promise<number> {
  for (let at = from; at + LOG_FRAME_HEADER_BYTES <= fileBytes; ) {
    const bytes = await window.bytes(at, Math.min(READ_BYTES, fileBytes - at))
    const found = bytes.indexOf(mark)
    if (found >= 0) return at + found
    at += Math.max(1, bytes.length - (MARK_BYTES - 1))
  }
  return fileBytes
}

/** For a scan that only looks whether the frames are whole. */
export const NOBODY: LogVisitor = {
  page: () => {},
  settle: () => {},
  returned: () => {},
  unsettledBytes: () => {},
  drop: () => {},
  cursor: () => {},
  dropQueue: () => {},
  put: () => {},
  remove: () => {},
}

/** Throws RangeError for what this version does not write. */
function visitPayload(payload: Buffer, base: number, visitor: LogVisitor): void {
  for (let at = 0; at < payload.length; ) at = visitEntry(payload, at, base, visitor)
}

function visitEntry(payload: Buffer, at: number, base: number, visitor: LogVisitor): number {
  const kind = payload.readUInt8(at)
  const queue = (): number => payload.readUIntBE(at + 1, 6)
  const segment = (): number => payload.readUIntBE(at + 7, 6)
  switch (kind) {
    case Entry.page:
    case Entry.longPage:
      return visitPage(payload, at, base, visitor)
    case Entry.settle: {
      const runs = payload.readUInt32BE(at + 13)
      for (let run = 0; run < runs; run++) {
        const from = at + 17 + run * 8
        visitor.settle(queue(), segment(), payload.readUInt32BE(from), payload.readUInt32BE(from + 4))
      }
      return at + 17 + runs * 8
    }
    case Entry.returned: {
      const runs = payload.readUInt32BE(at + 13)
      for (let run = 0; run < runs; run++) {
        const from = at + 17 + run * 9
        const [first, count] = [payload.readUInt32BE(from), payload.readUInt32BE(from + 4)]
        visitor.returned(queue(), segment(), first, count, payload.readUInt8(from + 8))
      }
      return at + 17 + runs * 9
    }
    case Entry.unsettledBytes:
      visitor.unsettledBytes(queue(), segment(), payload.readUIntBE(at + 13, 6))
      return at + 19
    case Entry.drop:
      visitor.drop(queue(), segment())
      return at + 13
    case Entry.cursor:
      visitor.cursor(queue(), segment(), payload.readUInt32BE(at + 13))
      return at + 17
    case Entry.dropQueue:
      visitor.dropQueue(queue())
      return at + 7
    case Entry.put: {
      const keyEnd = at + 10 + payload.readUInt32BE(at + 2)
      const end = keyEnd + payload.readUInt32BE(at + 6)
      visitor.put(
        payload.readUInt8(at + 1),
        Buffer.from(payload.subarray(at + 10, keyEnd)),
        Buffer.from(payload.subarray(keyEnd, end)),
      )
      return end
    }
    case Entry.remove: {
      const end = at + 6 + payload.readUInt32BE(at + 2)
      visitor.remove(payload.readUInt8(at + 1), Buffer.from(payload.subarray(at + 6, end)))
      return end
    }
    case Entry.body:
      return at + BODY_HEADER_BYTES + payload.readUInt32BE(at + 1)
    default:
      throw new RangeError(`unknown log entry ${kind}`)
  }
}

function visitPage(payload: Buffer, at: number, base: number, visitor: LogVisitor): number {
  const bodyCount = payload.readUInt32BE(at + 21)
  const bytes = payload.readUInt32BE(at + 25)
  const bodies: StoredBody[] = []
  for (let i = 0; i < bodyCount; i++) {
    const from = at + PAGE_HEADER_BYTES + i * PAGE_BODY_BYTES
    bodies.push({
      index: payload.readUInt32BE(from),
      offset: base + payload.readUInt32BE(from + 4),
      bytes: payload.readUInt32BE(from + 8),
      crc: payload.readUInt32BE(from + 12),
    })
  }
  const records = at + PAGE_HEADER_BYTES + bodyCount * PAGE_BODY_BYTES
  visitor.page(payload.readUIntBE(at + 1, 6), payload.readUIntBE(at + 7, 6), {
    offset: base + records,
    bytes,
    first: payload.readUInt32BE(at + 13),
    count: payload.readUInt32BE(at + 17),
    crc: payload.readUInt32BE(at + 29),
    bodies,
  })
  return records + bytes
}

/** A part of the file in memory, moved along as it is read. */
class Window {
  readonly #file: DataFile
  readonly #fileBytes: number
  /** Grows to what was the longest frame so far, and is used again and again. */
  #room: Buffer = Buffer.alloc(0)
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0

  constructor(file: DataFile, fileBytes: number) {
    this.#file = file
    this.#fileBytes = fileBytes
  }

  /** Valid until the next call. */
  async bytes(offset: number, length: number): Promise<Buffer> {
    if (offset < this.#start || offset + length > this.#start + this.#buffer.length) await this.#move(offset, length)
    return this.#buffer.subarray(offset - this.#start, offset - this.#start + length)
  }

  async #move(offset: number, length: number): Promise<void> {
    const wanted = Math.min(Math.max(length, READ_BYTES), this.#fileBytes - offset)
    // What it had is overwritten, also by a read that fails.
    this.#buffer = this.#room.subarray(0, 0)
    if (this.#room.length < wanted) this.#room = Buffer.allocUnsafeSlow(wanted)
    const buffer = this.#room.subarray(0, wanted)
    await this.#file.read(buffer, offset)
    this.#buffer = buffer
    this.#start = offset
  }
}
