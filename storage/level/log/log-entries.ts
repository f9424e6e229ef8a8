/** Reads the entries of a frame: what each says, and how long it is. */
import type { Page, StoredBody } from '../disk/places.ts'
import { readU48 } from '../disk/u48.ts'
import { BODY_HEADER_BYTES, Entry, PAGE_BODY_BYTES, PAGE_HEADER_BYTES } from './log-format.ts'

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
  /** Here as below, the bytes are valid until it returns. */
  put(kind: number, key: Buffer, value: Buffer): void
  remove(kind: number, key: Buffer): void
}

/** For a scan that only looks whether the frames are whole. */
export const NO_VISITOR: LogVisitor = {
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
export function visitPayload(payload: Buffer, base: number, visitor: LogVisitor): void {
  for (let at = 0; at < payload.length; ) at = visitEntry(payload, at, base, visitor)
}

export function visitEntry(payload: Buffer, at: number, base: number, visitor: LogVisitor): number {
  const kind = payload.readUInt8(at)
  const queue = (): number => readU48(payload, at + 1)
  const segment = (): number => readU48(payload, at + 7)
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
      visitor.unsettledBytes(queue(), segment(), readU48(payload, at + 13))
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
      visitor.put(payload.readUInt8(at + 1), payload.subarray(at + 10, keyEnd), payload.subarray(keyEnd, end))
      return end
    }
    case Entry.remove: {
      const end = at + 6 + payload.readUInt32BE(at + 2)
      visitor.remove(payload.readUInt8(at + 1), payload.subarray(at + 6, end))
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
  visitor.page(readU48(payload, at + 1), readU48(payload, at + 7), {
    offset: base + records,
    bytes,
    first: payload.readUInt32BE(at + 13),
    count: payload.readUInt32BE(at + 17),
    crc: payload.readUInt32BE(at + 29),
    bodies,
  })
  return records + bytes
}

/** Of an entry that ends with bytes which the CRC of the frame does not cover: how many, and their CRC. */
export function ownCrc(payload: Buffer, at: number): { readonly bytes: number; readonly crc: number } | undefined {
  const kind = payload.readUInt8(at)
  if (kind === Entry.body) return { bytes: payload.readUInt32BE(at + 1), crc: payload.readUInt32BE(at + 5) }
  if (kind === Entry.longPage) return { bytes: payload.readUInt32BE(at + 25), crc: payload.readUInt32BE(at + 29) }
  return undefined
}
