/** Gathers the entries of one commit into the pieces of a frame, or of several when it is very large. Short pages are copied; long ones and bodies are referenced. */
import { crc32 } from 'node:zlib'
import { allocateBlock, type Block, copyBytes } from '../../../src/lib/block.ts'
import type { DeliveryCountRun } from '../../delivery-counts.ts'
import {
  BODY_HEADER_BYTES,
  CRC_OFFSET,
  Entry,
  LOG_FRAME_HEADER_BYTES,
  PAGE_BODY_BYTES,
  PAGE_HEADER_BYTES,
  writeFrameHeader,
} from './log-format.ts'

const FIRST_BYTES = 64 * 1024
/** Entries behind so many bytes go into another frame: a reader holds a whole frame in memory. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024
/** A larger block than this is not kept for the next frame. */
const KEPT_BYTES_MAX = 1024 * 1024
/** From this length on, referencing the records of a page costs less than copying them. */
const LONG_PAGE_BYTES = 8 * 1024

/** A body of a record, kept beside its page. */
export interface PageBody {
  readonly index: number
  /** Where it begins, in bytes from the start of the commit. */
  readonly offset: number
  readonly bytes: number
  readonly crc: number
}

type PlacedBody = Omit<PageBody, 'index'>

/** Where the records of a page lie in the frame. */
export interface PlacedPage {
  readonly offset: number
  readonly bytes: number
  readonly crc: number
  readonly bodies: readonly PageBody[]
}

interface ClosedFrame {
  readonly pieces: readonly Uint8Array[]
  /** Those of them that the CRC of the frame covers: the others have their own. */
  readonly covered: readonly Uint8Array[]
  readonly bytes: number
}

export class FrameBuilder {
  #block: Block = allocateBlock(FIRST_BYTES)
  #length = 0
  #start = 0
  #pieces: Uint8Array[] = []
  #piecesBytes = 0
  #covered: Uint8Array[] = []
  /** Frames of this commit in front of the one at hand, and their bytes, headers included. */
  #closed: ClosedFrame[] = []
  #closedBytes = 0
  /** Blocks of segments that pieces refer to. */
  #pinned: Block[] = []
  /** Bodies that pieces refer to. */
  #held: Block[] = []
  #bodies = new Map<Block, PlacedBody>()

  get isEmpty(): boolean {
    return this.#length === 0 && this.#closed.length === 0
  }

  /** Payload bytes so far. */
  get payloadBytes(): number {
    return this.#piecesBytes + this.#length - this.#start
  }

  /** What comes next need not be in one frame with what came so far. */
  breakHere(): void {
    if (this.payloadBytes < FRAME_BYTES_MAX) return
    const frame = this.#close()
    this.#closed.push(frame)
    this.#closedBytes += LOG_FRAME_HEADER_BYTES + frame.bytes
  }

  /** A run of records `source[start, end)`, whose large bodies were placed before. */
  page(
    queue: number,
    segment: number,
    first: number,
    count: number,
    bodies: readonly PageBody[],
    source: Block,
    start: number,
    end: number,
  ): PlacedPage {
    const bytes = end - start
    const isLong = bytes >= LONG_PAGE_BYTES
    this.#reserve(PAGE_HEADER_BYTES + bodies.length * PAGE_BODY_BYTES + (isLong ? 0 : bytes))
    this.#position(isLong ? Entry.longPage : Entry.page, queue, segment)
    this.#u32(first)
    this.#u32(count)
    this.#u32(bodies.length)
    this.#u32(bytes)
    const records = source.bytes.subarray(start, end)
    const crc = crc32(records)
    this.#u32(crc)
    for (const body of bodies) {
      this.#u32(body.index)
      this.#u32(body.offset - this.#payloadOffset)
      this.#u32(body.bytes)
      this.#u32(body.crc)
    }
    const offset = this.#payloadOffset + this.payloadBytes
    if (isLong) {
      this.#refer(records)
      source.pins++
      this.#pinned.push(source)
    } else {
      copyBytes(this.#block, this.#length, source, start, end)
      this.#length += bytes
    }
    return { offset, bytes, crc, bodies }
  }

  /** Places a body that several pages of this frame may share. */
  body(body: Block): PlacedBody {
    let placed = this.#bodies.get(body)
    if (placed === undefined) {
      const crc = crc32(body.bytes)
      this.#reserve(BODY_HEADER_BYTES)
      this.#u8(Entry.body)
      this.#u32(body.size)
      this.#u32(crc)
      placed = { offset: this.#payloadOffset + this.payloadBytes, bytes: body.size, crc }
      this.#refer(body.bytes)
      body.hold()
      this.#held.push(body)
      this.#bodies.set(body, placed)
    }
    return placed
  }

  /** Indexes in rising order. */
  settle(queue: number, segment: number, indexes: readonly number[]): void {
    const runs = runsOf(indexes)
    this.#reserve(17 + runs.length * 8)
    this.#position(Entry.settle, queue, segment)
    this.#u32(runs.length)
    for (const [first, count] of runs) {
      this.#u32(first)
      this.#u32(count)
    }
  }

  /** In rising order. */
  returned(queue: number, segment: number, runs: readonly DeliveryCountRun[]): void {
    this.#reserve(17 + runs.length * 9)
    this.#position(Entry.returned, queue, segment)
    this.#u32(runs.length)
    for (const { first, count, times } of runs) {
      this.#u32(first)
      this.#u32(count)
      this.#u8(times)
    }
  }

  unsettledBytes(queue: number, segment: number, bytes: number): void {
    this.#reserve(19)
    this.#position(Entry.unsettledBytes, queue, segment)
    this.#u48(bytes)
  }

  drop(queue: number, segment: number): void {
    this.#reserve(13)
    this.#position(Entry.drop, queue, segment)
  }

  cursor(queue: number, segment: number, index: number): void {
    this.#reserve(17)
    this.#position(Entry.cursor, queue, segment)
    this.#u32(index)
  }

  dropQueue(queue: number): void {
    this.#reserve(7)
    this.#u8(Entry.dropQueue)
    this.#u48(queue)
  }

  put(kind: number, key: Uint8Array, value: Uint8Array): void {
    this.#reserve(10 + key.length + value.length)
    this.#u8(Entry.put)
    this.#u8(kind)
    this.#u32(key.length)
    this.#u32(value.length)
    this.#raw(key)
    this.#raw(value)
  }

  remove(kind: number, key: Uint8Array): void {
    this.#reserve(6 + key.length)
    this.#u8(Entry.remove)
    this.#u8(kind)
    this.#u32(key.length)
    this.#raw(key)
  }

  /** The frames for the log. The builder is empty afterwards, and may be used again once they were `written`. */
  finish(commit: number, mark: Uint8Array): Uint8Array[] {
    const last = this.#close()
    const closed = this.#closed
    const pieces: Uint8Array[] = []
    for (let part = 0; part < closed.length; part++) {
      seal(closed[part] as ClosedFrame, mark, commit, true, part, pieces)
    }
    seal(last, mark, commit, false, closed.length, pieces)
    this.#closed = []
    this.#closedBytes = this.#length = this.#start = 0
    return pieces
  }

  /** Where the payload of the frame at hand begins, in bytes from the start of the commit. */
  get #payloadOffset(): number {
    return this.#closedBytes + LOG_FRAME_HEADER_BYTES
  }

  #close(): ClosedFrame {
    this.#seal()
    const frame = { pieces: this.#pieces, covered: this.#covered, bytes: this.#piecesBytes }
    this.#pieces = []
    this.#covered = []
    this.#piecesBytes = 0
    this.#bodies.clear()
    return frame
  }

  /** The frames are on their way no more: the segments and bodies in it may be reused. */
  written(): void {
    for (const block of this.#pinned) block.pins--
    this.#pinned = []
    for (const body of this.#held) body.release()
    this.#held = []
    if (this.#block.size > KEPT_BYTES_MAX) this.#block = allocateBlock(FIRST_BYTES)
  }

  #refer(bytes: Uint8Array): void {
    this.#seal()
    this.#pieces.push(bytes)
    this.#piecesBytes += bytes.length
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#block.size) return
    this.#seal()
    // The old block stays with the pieces; frames that large are rare enough not to keep it.
    this.#block = allocateBlock(Math.max(this.#block.size * 2, bytes))
    this.#length = this.#start = 0
  }

  #seal(): void {
    if (this.#length === this.#start) return
    const piece = this.#block.bytes.subarray(this.#start, this.#length)
    this.#pieces.push(piece)
    this.#covered.push(piece)
    this.#piecesBytes += this.#length - this.#start
    this.#start = this.#length
  }

  #position(kind: number, queue: number, segment: number): void {
    this.#u8(kind)
    this.#u48(queue)
    this.#u48(segment)
  }

  #u8(value: number): void {
    this.#block.view.setUint8(this.#length++, value)
  }

  #u32(value: number): void {
    this.#block.view.setUint32(this.#length, value)
    this.#length += 4
  }

  #u48(value: number): void {
    this.#block.bytes.writeUIntBE(value, this.#length, 6)
    this.#length += 6
  }

  #raw(bytes: Uint8Array): void {
    this.#block.bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }
}

/** Puts the frame behind the pieces, with its header in front. */
function seal(
  { pieces, covered, bytes }: ClosedFrame,
  mark: Uint8Array,
  commit: number,
  continues: boolean,
  part: number,
  sealed: Uint8Array[],
): void {
  const header = Buffer.alloc(LOG_FRAME_HEADER_BYTES)
  writeFrameHeader(header, mark, commit, bytes, continues, part)
  let crc = crc32(header.subarray(0, CRC_OFFSET))
  for (const piece of covered) crc = crc32(piece, crc)
  header.writeUInt32BE(crc, CRC_OFFSET)
  sealed.push(header)
  for (const piece of pieces) sealed.push(piece)
}

/** Rising numbers as runs of neighbours. */
export function runsOf(indexes: readonly number[]): [first: number, count: number][] {
  const runs: [number, number][] = []
  let last: [number, number] | undefined
  for (const index of indexes) {
    if (last !== undefined && last[0] + last[1] === index) last[1]++
    else {
      last = [index, 1]
      runs.push(last)
    }
  }
  return runs
}
