/** What catalogue and log say one after the other, put together: the entities and the messages of a store. */
import { SmallMap } from '../../../src/lib/small-map.ts'
import { SmallSet } from '../../../src/lib/small-set.ts'
import type { StoredEntity } from '../../storage.ts'
import { entriesOf } from '../catalogue/entry-use.ts'
import type { Page } from '../disk/places.ts'
import { type EntityChange, entityId } from '../log/entity-change.ts'
import type { LogVisitor } from '../log/log-entries.ts'
import type { LogFile } from '../log/log-files.ts'
import type { RecoveredQueue } from '../log/recovered-queue.ts'
import { StoredSegment } from '../log/stored-segment.ts'
import { PackedEntities } from './packed-entities.ts'
import { isNewer, overlap } from './page-overlaps.ts'

interface ToldChange extends EntityChange {
  /** Number of the commit that it was in. */
  readonly commit: number
}

/** A log that is read from its start may tell what the catalogue knows. */
export class StoreModel implements LogVisitor {
  /** Of the catalogue. */
  readonly catalogued = new PackedEntities()
  readonly queues = new Map<number, RecoveredQueue>()
  readonly changedEntities = new Map<string, ToldChange>()
  readonly unneededEntries: number[] = []
  nextQueueId = 1
  nextSequence = 0
  /** The log file being read. */
  log: LogFile | undefined
  #commit = 0
  /** The log has every commit from this one on; 0 when it has none. */
  gaplessFrom = 0
  commitMax = 0

  get isEmpty(): boolean {
    return this.catalogued.count === 0 && this.queues.size === 0
  }

  /** What the catalogue has, with what the log tells of it. */
  entities(): Iterable<StoredEntity> {
    this.catalogued.apply(this.changedEntities)
    return this.catalogued
  }

  cataloguedEntity(kind: number, key: Buffer, value: Buffer): void {
    this.catalogued.add(kind, key, value)
  }

  sawQueue(queue: number): void {
    this.nextQueueId = Math.max(this.nextQueueId, queue + 1)
  }

  queue(queue: number): RecoveredQueue {
    let recovered = this.queues.get(queue)
    if (recovered === undefined) {
      recovered = {
        segments: new SmallMap(),
        changed: new SmallSet(),
        cursor: undefined,
        isCursorChanged: false,
        isClaimed: false,
      }
      this.queues.set(queue, recovered)
    }
    return recovered
  }

  segment(queue: number, sequence: number): StoredSegment {
    this.nextSequence = Math.max(this.nextSequence, sequence + 1)
    const recovered = this.queue(queue)
    let stored = recovered.segments.get(sequence)
    if (stored === undefined) {
      stored = new StoredSegment(sequence, undefined, recovered.changed)
      recovered.segments.set(sequence, stored)
    }
    return stored
  }

  page(queue: number, sequence: number, page: Omit<Page, 'file'>): void {
    this.sawQueue(queue)
    const stored = this.segment(queue, sequence)
    const file = this.log?.number ?? 0
    // Records may have been written more than once: the last time counts.
    if (page.first < stored.gathered) {
      const overlapped = new Set(stored.pages.filter((known) => overlap(known, page)))
      for (const known of overlapped) if (isNewer(known, file, page.offset)) return
      stored.pages = stored.pages.filter((known) => !overlapped.has(known))
    }
    stored.pages.push({ ...page, file })
    stored.gathered = Math.max(stored.gathered, page.first + page.count)
    stored.markChanged()
  }

  /**
   * Places behind the last record that was kept had messages that are gone with their process. Older stores have given such
   * places to other messages, which come later in the log: none of those was delivered yet.
   */
  cursor(queue: number, segment: number, index: number, isChanged = true): void {
    const recovered = this.queue(queue)
    this.nextSequence = Math.max(this.nextSequence, segment + 1)
    const gathered = recovered.segments.get(segment)?.gathered ?? index
    recovered.cursor = { segment, index: Math.min(index, gathered) }
    recovered.isCursorChanged = isChanged
  }

  settle(queue: number, sequence: number, first: number, count: number): void {
    const stored = this.queues.get(queue)?.segments.get(sequence)
    if (stored === undefined) return
    // What comes behind was settled before it was written, and its place may be another message's now.
    const end = Math.min(first + count, stored.gathered)
    for (let index = first; index < end; index++) stored.settle(index)
    stored.markChanged()
  }

  returned(queue: number, sequence: number, first: number, count: number, times: number): void {
    const stored = this.queues.get(queue)?.segments.get(sequence)
    if (stored === undefined) return
    stored.markReturned(first, Math.min(count, stored.gathered - first), times)
    stored.markChanged()
  }

  unsettledBytes(queue: number, sequence: number, bytes: number): void {
    this.queues.get(queue)?.segments.get(sequence)?.restoreBytes(bytes)
  }

  drop(queue: number, sequence: number): void {
    const recovered = this.queues.get(queue)
    if (recovered !== undefined) this.#drop(recovered, sequence)
  }

  dropQueue(queue: number): void {
    const recovered = this.queues.get(queue)
    if (recovered === undefined) return
    for (const sequence of [...recovered.segments.keys()]) this.#drop(recovered, sequence)
  }

  #drop({ segments, changed }: RecoveredQueue, sequence: number): void {
    for (const page of segments.get(sequence)?.pages ?? []) {
      if (page.file === 0) for (const entry of entriesOf(page)) this.unneededEntries.push(entry)
    }
    if (segments.delete(sequence)) changed.add(sequence)
  }

  commit(number: number): void {
    if (this.gaplessFrom === 0 || number !== this.#commit + 1) this.gaplessFrom = number
    this.#commit = number
    this.commitMax = Math.max(this.commitMax, number)
  }

  put(kind: number, key: Buffer, value: Buffer): void {
    const id = entityId(kind, key)
    this.changedEntities.set(id, { kind, key: Buffer.from(key), value: Buffer.from(value), commit: this.#commit })
  }

  remove(kind: number, key: Buffer): void {
    const id = entityId(kind, key)
    this.changedEntities.set(id, { kind, key: Buffer.from(key), value: undefined, commit: this.#commit })
  }
}
