/**
 * Gathers the entries of one commit into a frame, or into several when it is very large. Short pages are copied; long ones and
 * bodies are referenced.
 */
import { crc32 } from 'node:zlib'
import type { Block } from '../../../src/lib/block.ts'
import type { DeliveryCountRun } from '../../delivery-counts.ts'
import type { IndexRuns } from '../../index-runs.ts'
import { type BlockLender, type ClosedFrame, FramePieces, sealFrame } from './frame-pieces.ts'
import { BODY_HEADER_BYTES, Entry, LOG_FRAME_HEADER_BYTES, PAGE_BODY_BYTES, PAGE_HEADER_BYTES } from './log-format.ts'

/** Entries behind so many bytes go into another frame: a reader holds a whole frame in memory. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024
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

export class FrameBuilder {
  /** The frame at hand. */
  readonly #frame: FramePieces
  /** Frames of this commit in front of the one at hand, and their bytes, headers included. */
  #closed: ClosedFrame[] = []
  #closedBytes = 0
  /** Blocks of segments that pieces refer to. */
  #pinned: Block[] = []
  /** Bodies that pieces refer to. */
  #held: Block[] = []
  #bodies = new Map<Block, PlacedBody>()

  constructor(lender?: BlockLender) {
    this.#frame = new FramePieces(lender)
  }

  get isEmpty(): boolean {
    return this.#frame.isEmpty && this.#closed.length === 0
  }

  /** Payload bytes so far. */
  get payloadBytes(): number {
    return this.#frame.bytes
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
    this.#frame.reserve(PAGE_HEADER_BYTES + bodies.length * PAGE_BODY_BYTES + (isLong ? 0 : bytes))
    this.#position(isLong ? Entry.longPage : Entry.page, queue, segment)
    this.#frame.u32(first)
    this.#frame.u32(count)
    this.#frame.u32(bodies.length)
    this.#frame.u32(bytes)
    const records = source.bytes.subarray(start, end)
    const crc = crc32(records)
    this.#frame.u32(crc)
    for (const body of bodies) {
      this.#frame.u32(body.index)
      this.#frame.u32(body.offset - this.#payloadOffset)
      this.#frame.u32(body.bytes)
      this.#frame.u32(body.crc)
    }
    const offset = this.#payloadOffset + this.payloadBytes
    if (isLong) {
      this.#frame.refer(records)
      source.pins++
      this.#pinned.push(source)
    } else {
      this.#frame.copy(source, start, end)
    }
    return { offset, bytes, crc, bodies }
  }

  /** Places a body that several pages of this frame may share. */
  body(body: Block): PlacedBody {
    let placed = this.#bodies.get(body)
    if (placed === undefined) {
      const crc = crc32(body.bytes)
      this.#frame.reserve(BODY_HEADER_BYTES)
      this.#frame.u8(Entry.body)
      this.#frame.u32(body.size)
      this.#frame.u32(crc)
      placed = { offset: this.#payloadOffset + this.payloadBytes, bytes: body.size, crc }
      this.#frame.refer(body.bytes)
      body.hold()
      this.#held.push(body)
      this.#bodies.set(body, placed)
    }
    return placed
  }

  /** Indexes in rising order. */
  settle(queue: number, segment: number, indexes: IndexRuns): void {
    const runs = indexes.inOrder()
    this.#frame.reserve(17 + runs.length * 4)
    this.#position(Entry.settle, queue, segment)
    this.#frame.u32(runs.length / 2)
    for (const number of runs) this.#frame.u32(number)
  }

  /** In rising order. */
  returned(queue: number, segment: number, runs: readonly DeliveryCountRun[]): void {
    this.#frame.reserve(17 + runs.length * 9)
    this.#position(Entry.returned, queue, segment)
    this.#frame.u32(runs.length)
    for (const { first, count, times } of runs) {
      this.#frame.u32(first)
      this.#frame.u32(count)
      this.#frame.u8(times)
    }
  }

  unsettledBytes(queue: number, segment: number, bytes: number): void {
    this.#frame.reserve(19)
    this.#position(Entry.unsettledBytes, queue, segment)
    this.#frame.u48(bytes)
  }

  drop(queue: number, segment: number): void {
    this.#frame.reserve(13)
    this.#position(Entry.drop, queue, segment)
  }

  cursor(queue: number, segment: number, index: number): void {
    this.#frame.reserve(17)
    this.#position(Entry.cursor, queue, segment)
    this.#frame.u32(index)
  }

  dropQueue(queue: number): void {
    this.#frame.reserve(7)
    this.#frame.u8(Entry.dropQueue)
    this.#frame.u48(queue)
  }

  put(kind: number, key: Uint8Array, value: Uint8Array): void {
    this.#frame.reserve(10 + key.length + value.length)
    this.#frame.u8(Entry.put)
    this.#frame.u8(kind)
    this.#frame.u32(key.length)
    this.#frame.u32(value.length)
    this.#frame.raw(key)
    this.#frame.raw(value)
  }

  remove(kind: number, key: Uint8Array): void {
    this.#frame.reserve(6 + key.length)
    this.#frame.u8(Entry.remove)
    this.#frame.u8(kind)
    this.#frame.u32(key.length)
    this.#frame.raw(key)
  }

  /** The frames for the log. The builder is empty afterwards, and may be used again once they were `written`. */
  finish(commit: number, mark: Uint8Array): Uint8Array[] {
    const last = this.#close()
    const closed = this.#closed
    const pieces: Uint8Array[] = []
    for (let part = 0; part < closed.length; part++) {
      sealFrame(closed[part] as ClosedFrame, mark, commit, true, part, pieces)
    }
    sealFrame(last, mark, commit, false, closed.length, pieces)
    this.#closed = []
    this.#closedBytes = 0
    this.#frame.restart()
    return pieces
  }

  /** Where the payload of the frame at hand begins, in bytes from the start of the commit. */
  get #payloadOffset(): number {
    return this.#closedBytes + LOG_FRAME_HEADER_BYTES
  }

  #close(): ClosedFrame {
    this.#bodies.clear()
    return this.#frame.close()
  }

  /** The frames are on their way no more: the segments and bodies in it may be reused. */
  written(): void {
    for (const block of this.#pinned) block.pins--
    this.#pinned = []
    for (const body of this.#held) body.release()
    this.#held = []
    this.#frame.giveBack()
  }

  #position(kind: number, queue: number, segment: number): void {
    this.#frame.u8(kind)
    this.#frame.u48(queue)
    this.#frame.u48(segment)
  }
}
