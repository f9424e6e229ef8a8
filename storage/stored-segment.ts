/** What of a segment is on disk, and which of its records are settled. */
import { type DeliveryCountRun, DeliveryCounts } from './delivery-counts.ts'
import type { Segment } from './segment.ts'

/** Bytes on the disk, and what their CRC-32 must be. */
export interface PlacedBytes {
  readonly offset: number
  readonly bytes: number
  readonly crc: number
}

/** A run of records in a log file, or in the catalogue when its log file had to go. */
export interface Page extends PlacedBytes {
  /** Number of the log file; 0 for the catalogue, where `offset` is the number of the entry. */
  readonly file: number
  readonly first: number
  readonly count: number
  readonly bodies: readonly StoredBody[]
}

/** A large body, in the same file as its page. */
export interface StoredBody extends PlacedBytes {
  readonly index: number
}

/** Bits of a segment in which nothing is settled: they are made when something is. */
export const NONE_SETTLED: Uint8Array = new Uint8Array(0)
const BITS_BYTES_MIN = 8

export class StoredSegment {
  readonly sequence: number
  /** Undefined once it was released. */
  segment: Segment | undefined
  pages: Page[] = []
  /** Records in front of this index have been through a commit. */
  gathered = 0
  /** Durable records that were appended since the segment was begun, by this process. */
  appended = 0
  /** Records from this index on are not settled. */
  settledEnd = 0
  /** Settled since the last commit, of those that went through one. */
  newlySettled: number[] = []
  /** Came back since the last commit. */
  newlyReturned: Set<number> | undefined
  /** How often messages came back; the segment has the same. */
  deliveries: DeliveryCounts | undefined
  isDirty = false
  /** Its records were written once more, in as few pages as they need. */
  isConsolidated = false
  /** Called before a commit changes it: somebody has yet to write down how it was. */
  beforeChange: (() => void) | undefined
  #settled = NONE_SETTLED
  #damaged: Set<number> | undefined

  /** Where sequences are noted whose entry in the catalogue is out of date. */
  readonly #changed: Set<number>

  constructor(sequence: number, segment: Segment | undefined, changed: Set<number>) {
    this.sequence = sequence
    this.segment = segment
    this.#changed = changed
  }

  /** Its entry in the catalogue is out of date. */
  markChanged(): void {
    this.#changed.add(this.sequence)
  }

  /** The record could not be read back. */
  markDamaged(index: number): void {
    this.#damaged ??= new Set()
    this.#damaged.add(index)
  }

  isDamaged(index: number): boolean {
    return this.#damaged?.has(index) ?? false
  }

  /** How many of these records are not settled. */
  unsettledIn({ first, count }: { readonly first: number; readonly count: number }): number {
    const bits = this.#settled
    const end = first + count
    let unsettled = count
    for (let index = first; index < end; ) {
      const byte = bits[index >>> 3] ?? 0
      if (byte === 0) {
        index = (index | 7) + 1
        continue
      }
      if ((byte & (1 << (index & 7))) !== 0) unsettled--
      index++
    }
    return unsettled
  }

  /** False when it is no page of this segment any more. */
  replacePage(page: Page, by: readonly Page[]): boolean {
    const place = this.pages.indexOf(page)
    if (place < 0) return false
    this.pages.splice(place, 1, ...by)
    this.markChanged()
    return true
  }

  isSettled(index: number): boolean {
    return ((this.#settled[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** False when it was settled before. */
  settle(index: number): boolean {
    if (index >= this.settledEnd) this.settledEnd = index + 1
    const at = index >>> 3
    if (at >= this.#settled.length) this.#grow(at + 1)
    const bit = 1 << (index & 7)
    const before = this.#settled[at] as number
    this.#settled[at] = before | bit
    return (before & bit) === 0
  }

  /** A copy of the bits of the records in front of this index: those behind it may become other records after a crash. */
  settledBefore(end: number): Uint8Array {
    if (this.#settled.length === 0) return NONE_SETTLED
    const bits = this.#settled.slice(0, (end + 7) >>> 3)
    const last = end >>> 3
    if (last < bits.length) bits[last] = (bits[last] as number) & ((1 << (end & 7)) - 1)
    return bits
  }

  /** That so many messages came back so often is known of a store. */
  markReturned(first: number, count: number, times: number): void {
    this.deliveries ??= new DeliveryCounts()
    for (let index = first; index < first + count; index++) this.deliveries.set(index, times)
  }

  /** How often those came back that went through a commit. */
  get returnedInCommits(): readonly DeliveryCountRun[] {
    return this.deliveries?.allBefore(this.gathered) ?? []
  }

  /** A copy of the bits as of the last commit; to be asked for between two commits only. */
  settledInCommits(): Uint8Array {
    const bits = this.settledBefore(this.gathered)
    for (const index of this.newlySettled) bits[index >>> 3] = (bits[index >>> 3] as number) & ~(1 << (index & 7))
    return bits
  }

  /** One bit for each record, the lowest first. */
  get settledBits(): Uint8Array {
    return this.#settled
  }

  set settledBits(bits: Uint8Array) {
    this.#settled = bits
  }

  #grow(bytes: number): void {
    const larger = new Uint8Array(Math.max(bytes, this.#settled.length * 2, BITS_BYTES_MIN))
    larger.set(this.#settled)
    this.#settled = larger
  }
}
