/**
 * Reads LevelDB's logs: its write-ahead log, and the manifest, which is a log of edits (google/leveldb, doc/log_format.md).
 *
 *     log    = block of 32 KiB …            block = record … · zeros, when less than a header is left
 *     record = masked CRC-32C u32 of all behind the length · length u16 · type u8 (1 whole, 2 first, 3 middle, 4 last) · bytes
 *
 * All numbers are little-endian.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { crc32c } from '../../../src/lib/crc.ts'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const TYPE_OFFSET = 6
const WHOLE = 1
const FIRST = 2
const LAST = 4
const MASK_DELTA = 0xa282_ead8
/** So much is looked at in one turn of the event loop. */
const TURN_BYTES = 4 * 1024 * 1024

/** As LevelDB keeps a CRC-32C beside the bytes it is of. */
export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}

/**
 * Where the first damaged record is. One that is cut off at the end of the file was never whole. When the process that wrote
 * it was cut off, `mayBeTorn`, that holds for the last record whatever is left of it: a power loss leaves any part of what
 * was on its way. What that record told, the log of the store tells again.
 */
export async function damageInLog(log: Buffer, mayBeTorn = false): Promise<number | undefined> {
  let turnEnd = TURN_BYTES
  for (let at = recordAt(log, 0); at !== undefined; ) {
    if (at > turnEnd) {
      await nextTurn()
      turnEnd = at + TURN_BYTES
    }
    const end = recordEnd(log, at)
    if (end <= blockEnd(at) && end > log.length) return undefined
    if (!isIntact(log, at)) {
      // After a power loss the file may be longer than what was written to it.
      const isTorn = mayBeTorn ? !beginsBehind(log, at) : end <= blockEnd(at) && isZeroFrom(log, at)
      return isTorn ? undefined : at
    }
    at = recordAt(log, end)
  }
  return undefined
}

/** What was written, put together again. The checksums are not looked at. */
export function recordsInLog(log: Buffer): Buffer[] {
  const records: Buffer[] = []
  let parts: Buffer[] = []
  for (let at = recordAt(log, 0); at !== undefined; ) {
    const end = recordEnd(log, at)
    if (end > log.length) break
    const type = log.readUInt8(at + TYPE_OFFSET)
    parts.push(log.subarray(at + HEADER_BYTES, end))
    if (type === WHOLE || type === LAST) {
      records.push(Buffer.concat(parts))
      parts = []
    }
    at = recordAt(log, end)
  }
  return records
}

/** Where the next record begins; undefined when there is no room for one. */
function recordAt(log: Buffer, from: number): number | undefined {
  const at = blockEnd(from) - from < HEADER_BYTES ? blockEnd(from) : from
  return at + HEADER_BYTES <= log.length ? at : undefined
}

function recordEnd(log: Buffer, at: number): number {
  return at + HEADER_BYTES + log.readUInt16LE(at + 4)
}

function blockEnd(at: number): number {
  return at - (at % BLOCK_BYTES) + BLOCK_BYTES
}

function isZeroFrom(log: Buffer, at: number): boolean {
  return log.subarray(at).every((byte) => byte === 0)
}

function isIntact(log: Buffer, at: number): boolean {
  const end = recordEnd(log, at)
  if (end > blockEnd(at) || end > log.length) return false
  return masked(crc32c(log, at + TYPE_OFFSET, end)) === log.readUInt32LE(at)
}

/** Whether another record begins behind a damaged one, wherever in its block, or at the start of a later one. */
function beginsBehind(log: Buffer, damagedAt: number): boolean {
  const end = blockEnd(damagedAt)
  for (let at = damagedAt + 1; at + HEADER_BYTES <= Math.min(end, log.length); at++) if (begins(log, at)) return true
  for (let block = end; block + HEADER_BYTES <= log.length; block += BLOCK_BYTES) {
    for (let at = block; at + HEADER_BYTES <= Math.min(blockEnd(block), log.length); at = recordEnd(log, at)) {
      if (begins(log, at)) return true
      if (!isIntact(log, at)) break
    }
  }
  return false
}

function begins(log: Buffer, at: number): boolean {
  const type = log.readUInt8(at + TYPE_OFFSET)
  return (type === WHOLE || type === FIRST) && isIntact(log, at)
}
