/** The entry of a segment in the catalogue. */
import type { DeliveryCountRun } from '../../delivery-counts.ts'
import type { Page, StoredBody } from '../disk/places.ts'
import { readU48 } from '../disk/u48.ts'

/** Most pages have none of these: they share one empty list. */
const NO_BODIES: readonly StoredBody[] = []
const NO_RUNS: readonly DeliveryCountRun[] = []
const NOTHING_SETTLED: Uint8Array = new Uint8Array(0)
/** Bytes of a page in the entry without its bodies, and of one body. */
const PAGE_BYTES = 32
const BODY_BYTES = 18
const RETURNED_BYTES = 9
const HEAD_BYTES = 12
const TOLD_BYTES = 6
const ARE_BYTES_TOLD = 0x8000_0000

export interface CatalogueSegment {
  readonly queue: number
  readonly sequence: number
  readonly gathered: number
  readonly settled: Uint8Array
  readonly pages: Page[]
  /** Of the bodies of records that are not settled; undefined when that was not told. */
  readonly unsettledBytes: number | undefined
  /** How often messages came back. */
  readonly returnedInCommits: readonly DeliveryCountRun[]
}

/**
 * gathered u32 · settled bytes u32 · are bytes told bit · pages u31 · unsettled bytes u48, if they are · settled bits
 * · (file u48 · offset u48 · bytes u32 · first u32 · count u32 · crc u32 · bodies u32
 *   · (index u32 · offset u48 · bytes u32 · crc u32)…)…
 * · (first u32 · count u32 · times came back u8)… up to the end
 */
export function encodeSegment({
  gathered,
  settled,
  pages,
  unsettledBytes,
  returnedInCommits,
}: CatalogueSegment): Buffer {
  const bodies = pages.reduce((count, page) => count + page.bodies.length, 0)
  const pagesBytes = pages.length * PAGE_BYTES + bodies * BODY_BYTES
  const headBytes = unsettledBytes === undefined ? HEAD_BYTES : HEAD_BYTES + TOLD_BYTES
  const value = Buffer.alloc(headBytes + settled.length + pagesBytes + returnedInCommits.length * RETURNED_BYTES)
  value.writeUInt32BE(gathered, 0)
  value.writeUInt32BE(settled.length, 4)
  value.writeUInt32BE(unsettledBytes === undefined ? pages.length : pages.length + ARE_BYTES_TOLD, 8)
  if (unsettledBytes !== undefined) value.writeUIntBE(unsettledBytes, HEAD_BYTES, TOLD_BYTES)
  value.set(settled, headBytes)
  let at = headBytes + settled.length
  for (const page of pages) {
    value.writeUIntBE(page.file, at, 6)
    value.writeUIntBE(page.offset, at + 6, 6)
    value.writeUInt32BE(page.bytes, at + 12)
    value.writeUInt32BE(page.first, at + 16)
    value.writeUInt32BE(page.count, at + 20)
    value.writeUInt32BE(page.crc, at + 24)
    value.writeUInt32BE(page.bodies.length, at + 28)
    at += PAGE_BYTES
    for (const body of page.bodies) {
      value.writeUInt32BE(body.index, at)
      value.writeUIntBE(body.offset, at + 4, 6)
      value.writeUInt32BE(body.bytes, at + 10)
      value.writeUInt32BE(body.crc, at + 14)
      at += BODY_BYTES
    }
  }
  for (const { first, count, times } of returnedInCommits) {
    value.writeUInt32BE(first, at)
    value.writeUInt32BE(count, at + 4)
    value.writeUInt8(times, at + 8)
    at += RETURNED_BYTES
  }
  return value
}

function decodeSettled(value: Buffer, start: number, end: number): Uint8Array {
  for (let at = start; at < end; at++) if (value[at] !== 0) return Uint8Array.from(value.subarray(start, end))
  return NOTHING_SETTLED
}

function decodeBodies(value: Buffer, start: number, count: number): StoredBody[] {
  return Array.from({ length: count }, (_, place) => {
    const at = start + place * BODY_BYTES
    return {
      index: value.readUInt32BE(at),
      offset: readU48(value, at + 4),
      bytes: value.readUInt32BE(at + 10),
      crc: value.readUInt32BE(at + 14),
    }
  })
}

function decodeRuns(value: Buffer, start: number): DeliveryCountRun[] {
  const runs: DeliveryCountRun[] = []
  for (let at = start; at < value.length; at += RETURNED_BYTES) {
    const [first, count] = [value.readUInt32BE(at), value.readUInt32BE(at + 4)]
    runs.push({ first, count, times: value.readUInt8(at + 8) })
  }
  return runs
}

export function decodeSegment(key: Buffer, value: Buffer): CatalogueSegment {
  const settledBytes = value.readUInt32BE(4)
  const told = value.readUInt32BE(8)
  const areBytesTold = told >= ARE_BYTES_TOLD
  const unsettledBytes = areBytesTold ? readU48(value, HEAD_BYTES) : undefined
  const headBytes = areBytesTold ? HEAD_BYTES + TOLD_BYTES : HEAD_BYTES
  const settled = decodeSettled(value, headBytes, headBytes + settledBytes)
  let at = headBytes + settledBytes
  // Pushed into an empty array, a single page would take the room of seventeen.
  const pages = new Array<Page>(areBytesTold ? told - ARE_BYTES_TOLD : told)
  for (let place = 0; place < pages.length; place++) {
    const bodyCount = value.readUInt32BE(at + 28)
    pages[place] = {
      file: readU48(value, at),
      offset: readU48(value, at + 6),
      bytes: value.readUInt32BE(at + 12),
      first: value.readUInt32BE(at + 16),
      count: value.readUInt32BE(at + 20),
      crc: value.readUInt32BE(at + 24),
      bodies: bodyCount === 0 ? NO_BODIES : decodeBodies(value, at + PAGE_BYTES, bodyCount),
    }
    at += PAGE_BYTES + bodyCount * BODY_BYTES
  }
  const returnedInCommits = at === value.length ? NO_RUNS : decodeRuns(value, at)
  return {
    queue: readU48(key, 1),
    sequence: readU48(key, 7),
    gathered: value.readUInt32BE(0),
    settled,
    pages,
    unsettledBytes,
    returnedInCommits,
  }
}
