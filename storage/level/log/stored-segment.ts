/** What of a segment is on the disk: for the recorder of its log, and for what reads and writes the store. */
import type { SmallSet } from '../../../src/lib/small-set.ts'
import { type DeliveryCountRun, DeliveryCounts } from '../../delivery-counts.ts'
import type { IndexRuns } from '../../index-runs.ts'
import { PositionSet } from '../../position-set.ts'
import type { Segment, SegmentNotes } from '../../segment.ts'
import type { Page } from '../disk/places.ts'

/** What is known of a segment that is recorded here. */
export function storedOf(segment: Segment): StoredSegment | undefined {
  // Nothing but the recorder of this storage makes notes on the segments of its logs.
  return segment.notes as StoredSegment | undefined
}

export class StoredSegment implements SegmentNotes {
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
  newlySettled: IndexRuns | undefined
  /** Came back since the last commit. */
  newlyReturned: Set<number> | undefined
  /** How often messages came back; the segment has the same. */
  deliveries: DeliveryCounts | undefined
  /** Bytes of the bodies of its records on the disk that are not settled, as of the commit that is being gathered … */
  unsettledBytes = 0
  /** … and of the last one that has told of them. */
  unsettledBytesInCommits: number | undefined
  isDirty = false
  /** Its records were written a second time, in as few pages as they need. */
  isConsolidated = false
  /** Called before a commit changes it: a checkpoint has yet to write down how it was. */
  beforeChange: (() => void) | undefined
  /** The same as the segment's. */
  settled: PositionSet

  /** Where sequences are noted whose entry in the catalogue is out of date. */
  readonly #changed: SmallSet<number>

  constructor(sequence: number, segment: Segment | undefined, changed: SmallSet<number>) {
    this.sequence = sequence
    this.segment = segment
    this.settled = segment?.settled ?? new PositionSet()
    this.#changed = changed
  }

  /** Its entry in the catalogue is out of date. */
  markChanged(): void {
    this.#changed.add(this.sequence)
  }

  /** How many of these records are not settled. */
  unsettledIn({ first, count }: { readonly first: number; readonly count: number }): number {
    return count - this.settled.countIn(first, count)
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
    return this.settled.has(index)
  }

  /** False when it was settled before. */
  settle(index: number): boolean {
    if (index >= this.settledEnd) this.settledEnd = index + 1
    return this.settled.add(index)
  }

  /** That so many messages came back so often is known of a store. */
  markReturned(first: number, count: number, times: number): void {
    this.deliveries ??= new DeliveryCounts()
    for (let index = first; index < first + count; index++) this.deliveries.set(index, times)
  }

  /** The bytes were told by a commit; undefined by one of a store that does not tell. */
  restoreBytes(bytes: number | undefined): void {
    this.unsettledBytes = bytes ?? 0
    this.unsettledBytesInCommits = bytes
  }

  /** How often those came back that went through a commit. */
  get returnedInCommits(): readonly DeliveryCountRun[] {
    return this.deliveries?.allBefore(this.gathered) ?? []
  }

  /**
   * A copy of the bits as of the last commit, to be asked for between two commits only: places behind what went through one
   * may have other records after a crash.
   */
  settledInCommits(): Uint8Array {
    const bits = this.settled.bitsBefore(this.gathered)
    this.newlySettled?.takeFrom(bits)
    return bits
  }
}
