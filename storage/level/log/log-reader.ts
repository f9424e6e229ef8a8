/** Reads the frames of a log file back, and says where it stops making sense. */

import { crc32 } from 'node:zlib'
import type { DataFile } from '../disk/data-file.ts'
import { FileWindow, WINDOW_BYTES } from './file-window.ts'
import { type LogVisitor, NO_VISITOR, ownCrc, visitEntry, visitPayload } from './log-entries.ts'
import {
  CONTINUES_OFFSET,
  CRC_OFFSET,
  LOG_FILE_HEADER_BYTES,
  LOG_FRAME_HEADER_BYTES,
  LOG_VERSION,
  MARK_BYTES,
  readFileHeader,
} from './log-format.ts'

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
  /** The store that the file belongs to; undefined where it does not say. */
  readonly storeId: string | undefined
}

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
  const window = new FileWindow(file, fileBytes)
  const gaps: { offset: number; bytes: number }[] = []
  let firstCommit = 0
  let lastCommit = 0
  const { mark, storeId, isDamaged, isReused } = await readHeader(window, fileBytes)
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
    return { end: fileBytes, tornBytes: 0, gaps, firstCommit, lastCommit, storeId }
  }
  // Of a commit that was not finished, any part may be there, and so may what comes behind it.
  const tornBytes = isEnded ? at - end : await tornAt(window, mark, end, fileBytes, isReused)
  return { end, tornBytes, gaps, firstCommit, lastCommit, storeId }
}

/** Visits whole frames that were looked at before. */
async function visitFrames(window: FileWindow, start: number, end: number, visitor: LogVisitor): Promise<void> {
  for (let at = start; at < end; ) {
    const payloadBytes = (await window.bytes(at, LOG_FRAME_HEADER_BYTES)).readUInt32BE(8)
    const from = at + LOG_FRAME_HEADER_BYTES
    visitPayload(await window.bytes(from, payloadBytes), from, visitor)
    at = from + payloadBytes
  }
}

/** How much there is of a frame that was not finished. In a file that is used again, anything may lie behind it. */
async function tornAt(
  window: FileWindow,
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
  window: FileWindow,
  fileBytes: number,
): Promise<{ mark: Buffer; storeId: string | undefined; isDamaged: boolean; isReused: boolean }> {
  const unknown = { storeId: undefined, isDamaged: true, isReused: false }
  if (fileBytes < LOG_FILE_HEADER_BYTES) return { mark: Buffer.alloc(MARK_BYTES), ...unknown }
  const header = readFileHeader(await window.bytes(0, LOG_FILE_HEADER_BYTES))
  if (header === undefined) {
    const markBytes = Math.min(MARK_BYTES, fileBytes - LOG_FILE_HEADER_BYTES)
    const mark = Buffer.from(await window.bytes(LOG_FILE_HEADER_BYTES, markBytes))
    return { mark, ...unknown }
  }
  if (header.version > LOG_VERSION) throw new NewerFormatError(header.version)
  return header
}

async function readFrame(
  window: FileWindow,
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
      const end = visitEntry(payload, at, 0, NO_VISITOR)
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

async function findNext(window: FileWindow, mark: Buffer, from: number, fileBytes: number): Promise<number> {
  for (let at = from; at + LOG_FRAME_HEADER_BYTES <= fileBytes; ) {
    const bytes = await window.bytes(at, Math.min(WINDOW_BYTES, fileBytes - at))
    const found = bytes.indexOf(mark)
    if (found >= 0) return at + found
    at += Math.max(1, bytes.length - (MARK_BYTES - 1))
  }
  return fileBytes
}
