/**
 * A segment is one block of records, which are appended from its beginning on; where each of them starts is written from its end
 * backwards. A message is (segment, index) and nothing else: no object exists for it. A segment whose records are all settled is
 * reused as a whole.
 */

import { type Block, copyBytes, EMPTY_BLOCK } from '../src/lib/block.ts'
import { BodiesBeside } from './bodies-beside.ts'
import type { DeliveryCounts } from './delivery-counts.ts'
import type { PositionSet } from './position-set.ts'
import {
  BODY_BESIDE_BYTES_MIN,
  EXTENSION_LENGTH_BYTES,
  RECORD_BODY_BESIDE,
  RECORD_DURABLE,
  RECORD_EXTENDED,
  RECORD_PREFIX_BYTES,
  type RecordSource,
} from './record.ts'

/** More records than this never share a segment. */
export const SEGMENT_RECORDS_MAX = 65_536

/** Bytes of the block that tell where a record starts. */
export const START_BYTES = 4

/** Bytes of a body, where not all are alike. */
const UNEVEN = -1

/** What the recorder of a log knows of one of its segments. */
export interface SegmentNotes {
  /** The segment's own. */
  readonly sequence: number
}

/** The log of a segment, as far as it concerns single messages: for those that know no more than the segment. */
export interface SegmentLog {
  readonly readyCount: number
  takeAt(segment: Segment, index: number): boolean
  load(segment: Segment, whenLoaded: () => void): void
  settle(segment: Segment, index: number): void
  finish(segment: Segment, index: number): void
  /** False when the message was damaged, and is gone. */
  requeue(segment: Segment, index: number): boolean
}

export class Segment {
  block: Block = EMPTY_BLOCK
  /** Rises along the queue: what comes later has a larger sequence. No other segment of the storage ever has the same. */
  sequence = 0
  count = 0
  settledCount = 0
  /** Bytes of `block` that records take. */
  length = 0
  /** Some of its records may have an extension behind the body. */
  mayHaveExtensions = false
  /** Large bodies, which it keeps by reference; undefined while it has none. */
  bodies: BodiesBeside | undefined
  previous: Segment | undefined
  next: Segment | undefined
  /** How often its messages came back, once one has. */
  deliveries: DeliveryCounts | undefined
  /** How often they came back because of a failure, where their queue counts that. A restart does not remember it. */
  failures: DeliveryCounts | undefined
  /** Which records are settled, where that is told: segments that a recorder makes survive a restart. */
  settled: PositionSet | undefined
  /** Records that were taken before the read cursor had come to them: it passes over them. */
  taken: PositionSet | undefined
  /** Records that could not be read back. */
  damaged: PositionSet | undefined
  /** Bytes of the bodies that were appended to it … */
  appendedBytes = 0
  /** … which are those of all its records, if it has been in memory all the time: what is read back may lack some. */
  isAsAppended = true
  /**
   * Bytes of every body that was appended, if all have the same size, else less than 0. To read the size of a record that was written
   * a while ago means to wait for memory: each ack would.
   */
  #evenBodyBytes = UNEVEN
  /** While it is not in memory: what the bodies of its ready records are counted with. */
  unloadedBytes = 0
  /** Bytes of the bodies of its records, which are known without having it in memory. */
  #bodyBytes: Uint32Array | undefined
  /** The log it is in. */
  log: SegmentLog | undefined
  /** For the recorder of its log, and for it alone. */
  notes: SegmentNotes | undefined

  /** Bytes of the block that a record of this source takes. */
  static roomFor(source: RecordSource): number {
    const bodyBytes = source.bodyEnd - source.bodyStart
    let room =
      START_BYTES + RECORD_PREFIX_BYTES + source.keyEnd - source.keyStart + source.headerEnd - source.headerStart
    if (source.extension !== undefined) room += EXTENSION_LENGTH_BYTES + source.extension.length
    return bodyBytes < BODY_BESIDE_BYTES_MIN ? room + bodyBytes : room
  }

  /** Bytes of the block that are in use. */
  get usedBytes(): number {
    return this.length + this.count * START_BYTES
  }

  /**
   * Appends a record; the caller has made sure that the block has room for it. Returns the bytes of memory that are kept
   * for it beside the block.
   */
  append(source: RecordSource): number {
    const block = this.block
    const view = block.view
    const start = this.length
    const keyBytes = source.keyEnd - source.keyStart
    const headerBytes = source.headerEnd - source.headerStart
    const bodyBytes = source.bodyEnd - source.bodyStart
    const index = this.count
    view.setUint32(block.size - (index + 1) * START_BYTES, start, true)
    // Decided before, not within the call: V8 would not see any more that `view` is one, and call a function to set each.
    const flags = source.isDurable ? RECORD_DURABLE : 0
    view.setUint32(start, (keyBytes << 16) | flags)
    view.setUint32(start + 4, headerBytes)
    view.setUint32(start + 8, bodyBytes)
    let at = start + RECORD_PREFIX_BYTES
    copyBytes(block, at, source.head, source.keyStart, source.keyEnd)
    at += keyBytes
    copyBytes(block, at, source.head, source.headerStart, source.headerEnd)
    at += headerBytes
    this.count = index + 1
    this.appendedBytes += bodyBytes
    if (bodyBytes !== this.#evenBodyBytes) this.#evenBodyBytes = index === 0 ? bodyBytes : UNEVEN
    const isBeside = bodyBytes >= BODY_BESIDE_BYTES_MIN
    if (!isBeside) {
      copyBytes(block, at, source.body, source.bodyStart, source.bodyEnd)
      at += bodyBytes
    } else view.setUint16(start + 2, view.getUint16(start + 2) | RECORD_BODY_BESIDE)
    this.length = at
    if (source.extension !== undefined) this.#extend(start, source.extension)
    if (!isBeside) return 0
    this.bodies ??= new BodiesBeside()
    return this.bodies.keep(index, source.ownBody())
  }

  /** Puts an extension behind the last record, which starts here. */
  #extend(start: number, extension: Uint8Array): void {
    const { view } = this.block
    this.mayHaveExtensions = true
    view.setUint16(start + 2, view.getUint16(start + 2) | RECORD_EXTENDED)
    view.setUint16(this.length, extension.length)
    const at = this.length + EXTENSION_LENGTH_BYTES
    const { length } = extension
    // Most have a few bytes only.
    let i = 0
    for (; i + 4 <= length; i += 4) view.setUint32(at + i, wordAt(extension, i))
    for (; i < length; i++) view.setUint8(at + i, extension[i] as number)
    this.length = at + length
  }

  /** Where a record starts in the block. */
  recordStart(index: number): number {
    const { block } = this
    return block.view.getUint32(block.size - (index + 1) * START_BYTES, true)
  }

  /** Tells where a record starts that is in the block already. */
  setRecordStart(index: number, start: number): void {
    const { block } = this
    block.view.setUint32(block.size - (index + 1) * START_BYTES, start, true)
  }

  /** Where the key of a record begins in the block; its header begins where it ends. */
  keyStart(index: number): number {
    return this.recordStart(index) + RECORD_PREFIX_BYTES
  }

  /** Bytes of the key that begins here: with `headerBytesAfter`, for those that ask for several parts of a record. */
  keyBytesAt(keyStart: number): number {
    return this.block.view.getUint16(keyStart - RECORD_PREFIX_BYTES)
  }

  /** Bytes of the header behind the key that begins here. */
  headerBytesAfter(keyStart: number): number {
    return this.block.view.getUint32(keyStart - RECORD_PREFIX_BYTES + 4)
  }

  /** Bytes of the body that follow in the block: none of a body that is kept by reference. */
  bodyBytesAfter(keyStart: number): number {
    const { view } = this.block
    const isBeside =
      this.bodies !== undefined && (view.getUint16(keyStart - RECORD_PREFIX_BYTES + 2) & RECORD_BODY_BESIDE) !== 0
    return isBeside ? 0 : view.getUint32(keyStart - RECORD_PREFIX_BYTES + 8)
  }

  headerStart(index: number): number {
    const start = this.recordStart(index)
    return start + RECORD_PREFIX_BYTES + this.block.view.getUint16(start)
  }

  /** Where the header ends and the body begins, if it is in the block. */
  bodyStart(index: number): number {
    return this.headerStart(index) + this.block.view.getUint32(this.recordStart(index) + 4)
  }

  /** Where the body ends, if it is in the block; one that is kept by reference takes no room there. */
  bodyEnd(index: number): number {
    return this.mayHaveExtensions ? this.bodyStart(index) + this.bodyBytesInBlock(index) : this.recordEnd(index)
  }

  bodyBytesInBlock(index: number): number {
    const { view } = this.block
    const start = this.recordStart(index)
    return (view.getUint16(start + 2) & RECORD_BODY_BESIDE) !== 0 ? 0 : view.getUint32(start + 8)
  }

  /** Bytes of the body, wherever it is. Of a segment that is not in memory only known after `keepBodyBytes`, else 0. */
  bodyBytes(index: number): number {
    if (this.#evenBodyBytes >= 0) return this.#evenBodyBytes
    const kept = this.#bodyBytes
    if (kept !== undefined && index < kept.length) return kept[index] as number
    return this.block === EMPTY_BLOCK ? 0 : this.block.view.getUint32(this.recordStart(index) + 8)
  }

  /** Bytes of the bodies of these records. */
  bodyBytesIn(first: number, end: number): number {
    if (this.#evenBodyBytes >= 0) return (end - first) * this.#evenBodyBytes
    if (first === 0 && end === this.count && this.isAsAppended) return this.appendedBytes
    let bytes = 0
    for (let index = first; index < end; index++) bytes += this.bodyBytes(index)
    return bytes
  }

  /** Before it leaves memory: for records that may be settled or come back before it is read again. */
  keepBodyBytes(): void {
    const kept = new Uint32Array(this.count)
    for (let index = 0; index < kept.length; index++) {
      // What was settled before it was read has no place in the block.
      if (this.settled?.has(index) !== true) kept[index] = this.bodyBytes(index)
    }
    this.#bodyBytes = kept
  }

  /** Moves its records to a larger block. */
  moveTo(larger: Block): void {
    const { block } = this
    copyBytes(larger, 0, block, 0, this.length)
    copyBytes(larger, larger.size - this.count * START_BYTES, block, block.size - this.count * START_BYTES, block.size)
    this.block = larger
  }

  /** Its records are on the disk alone from now on; what is read again may lack some. */
  leaveMemory(): void {
    this.block = EMPTY_BLOCK
    this.bodies = undefined
    this.#evenBodyBytes = UNEVEN
  }

  isRecordDurable(index: number): boolean {
    return (this.block.view.getUint16(this.recordStart(index) + 2) & RECORD_DURABLE) !== 0
  }

  /** Whether the record is to survive a restart. What has left memory, and what was found damaged, is on the disk. */
  belongsOnDisk(index: number): boolean {
    return !this.isResident || this.damaged?.has(index) === true || this.isRecordDurable(index)
  }

  /** The read cursor passes over the record: it is settled, or was taken before. */
  isPassed(index: number): boolean {
    return this.settled?.has(index) === true || this.taken?.has(index) === true
  }

  /** How many of the records from this one on the read cursor will not pass over. */
  unpassedFrom(first: number): number {
    const { settled, taken, count } = this
    if (taken === undefined) return count - first - (settled?.countIn(first, count - first) ?? 0)
    let unpassed = 0
    for (let index = first; index < count; index++) if (!this.isPassed(index)) unpassed++
    return unpassed
  }

  /** Bytes of their bodies. */
  unpassedBytesFrom(first: number): number {
    let bytes = 0
    for (let index = first; index < this.count; index++) if (!this.isPassed(index)) bytes += this.bodyBytes(index)
    return bytes
  }

  /** Its records are in memory. */
  get isResident(): boolean {
    return this.block !== EMPTY_BLOCK || this.count === 0
  }

  /** Where the bytes of a record end in the block, its extension included. */
  recordEnd(index: number): number {
    return index + 1 === this.count ? this.length : this.recordStart(index + 1)
  }

  clear(): void {
    this.count = 0
    this.settledCount = 0
    this.length = 0
    this.mayHaveExtensions = false
    this.bodies = undefined
    this.deliveries = undefined
    this.failures = undefined
    this.settled = undefined
    this.taken = undefined
    this.damaged = undefined
    this.unloadedBytes = 0
    this.appendedBytes = 0
    this.isAsAppended = true
    this.#evenBodyBytes = UNEVEN
    this.#bodyBytes = undefined
    this.notes = undefined
    this.log = undefined
    this.previous = undefined
    this.next = undefined
  }
}

/** The four bytes at this place, which must be there. */
function wordAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  return (high << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
}

/** How often the message was delivered before and came back, up to 65,535 times; after a restart, at least so often, or 255 times. */
export function deliveriesBefore(segment: Segment, index: number): number {
  return segment.deliveries?.of(index) ?? 0
}
