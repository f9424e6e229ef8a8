/**
 * What a channel has delivered and the client has not settled: by delivery tag, the message's position and whom it was
 * delivered for. Tags rise by one, so they are slots of a ring; no object exists for an entry. When a few old tags stay
 * open while many newer ones come and go, those few move into a map, so that the ring stays as small as what is open.
 */

import type { Segment } from '../../storage/segment.ts'
import type { UnackedBytes } from '../broker/clients/unacked-bytes.ts'
import type { Queue } from '../broker/queues/queue.ts'

/** Whom a message was delivered for: a consumer, or one basic.get. */
export interface UnackedOwner {
  readonly queue: Queue
  readonly isConsumer: boolean
  /** How long its messages may be open, if it has a time of its own. */
  readonly timeoutMs: number | undefined
  /** The message was settled or requeued. */
  returnCredit(): void
}

interface Straggler {
  readonly owner: UnackedOwner
  readonly segment: Segment
  readonly index: number
  readonly bytes: number
}

const FIRST_SLOTS = 16
/** Rings from this size on are kept dense by moving old entries out. */
const SPARSE_SLOTS_MIN = 4096

export class Unacked {
  /** Number of open tags. */
  count = 0
  /** What `take` took. */
  owner: UnackedOwner | undefined
  segment: Segment | undefined
  index = 0
  /** Bytes of its body, as they were counted; 0 if they were not. */
  bytes = 0
  /** Where the bytes are counted, once a limit concerns them. */
  counted: UnackedBytes | undefined

  #owners: (UnackedOwner | undefined)[] = new Array<undefined>(FIRST_SLOTS).fill(undefined)
  #segments: (Segment | undefined)[] = new Array<undefined>(FIRST_SLOTS).fill(undefined)
  #indexes = new Uint32Array(FIRST_SLOTS)
  /** Bytes of the bodies, once they are counted. */
  #sizes: Uint32Array | undefined
  #mask = FIRST_SLOTS - 1
  /** Tags below are settled or stragglers. */
  #first = 1
  #next = 1
  readonly #stragglers = new Map<number, Straggler>()
  #areStragglersSorted = true

  /** Takes up a tag without an entry: for deliveries that need no acknowledgement. */
  skip(): number {
    if (this.#first === this.#next) this.#first++
    else if (this.#next - this.#first > this.#mask) this.#makeRoom()
    return this.#next++
  }

  /** Opens the next delivery tag. */
  add(owner: UnackedOwner, segment: Segment, index: number): number {
    if (this.#next - this.#first > this.#mask) this.#makeRoom()
    const tag = this.#next++
    const slot = tag & this.#mask
    this.#owners[slot] = owner
    this.#segments[slot] = segment
    this.#indexes[slot] = index
    if (this.counted !== undefined) this.#count(slot, segment.bodyBytes(index))
    this.count++
    return tag
  }

  /** Closes a tag; what it stood for is in `owner`, `segment` and `index` then. False when it is not open. */
  take(tag: number): boolean {
    if (tag < this.#first) return this.#takeStraggler(tag)
    if (!(tag < this.#next)) return false
    const slot = tag & this.#mask
    const owner = this.#owners[slot]
    if (owner === undefined) return false
    this.owner = owner
    this.segment = this.#segments[slot]
    this.index = this.#indexes[slot] as number
    if (this.#sizes !== undefined) this.bytes = this.#sizes[slot] as number
    this.#owners[slot] = undefined
    this.#segments[slot] = undefined
    this.count--
    if (tag === this.#first) this.#advance()
    return true
  }

  /** Counts the bytes from now on, those of the open tags included. */
  countBytes(counted: UnackedBytes): void {
    if (this.counted !== undefined) return
    this.counted = counted
    this.#sizes = new Uint32Array(this.#mask + 1)
    for (const [tag, straggler] of this.#stragglers) {
      const bytes = bytesOf(straggler.owner, straggler.segment, straggler.index)
      counted.add(bytes)
      this.#stragglers.set(tag, { ...straggler, bytes })
    }
    for (let tag = this.#first; tag < this.#next; tag++) {
      const slot = tag & this.#mask
      const owner = this.#owners[slot]
      if (owner === undefined) continue
      this.#count(slot, bytesOf(owner, this.#segments[slot] as Segment, this.#indexes[slot] as number))
    }
  }

  #count(slot: number, bytes: number): void {
    if (this.#sizes !== undefined) this.#sizes[slot] = bytes
    this.counted?.add(bytes)
  }

  /** The last tag that was given out. */
  get newest(): number {
    return this.#next - 1
  }

  /** The lowest open tag; there must be one. */
  get oldest(): number {
    if (this.#stragglers.size === 0) return this.#first
    if (!this.#areStragglersSorted) this.#sortStragglers()
    const [first = this.#first] = this.#stragglers.keys()
    return first
  }

  /** Whom the message of an open tag was delivered for. */
  ownerOf(tag: number): UnackedOwner | undefined {
    return tag < this.#first ? this.#stragglers.get(tag)?.owner : this.#owners[tag & this.#mask]
  }

  isOpen(tag: number): boolean {
    if (tag < this.#first) return this.#stragglers.has(tag)
    return tag < this.#next && this.#owners[tag & this.#mask] !== undefined
  }

  /** The queues of the open tags up to this one. */
  queues(last: number): Set<Queue> {
    const queues = new Set<Queue>()
    for (const [tag, { owner }] of this.#stragglers) if (tag <= last) queues.add(owner.queue)
    let previous: UnackedOwner | undefined
    for (let tag = this.#first; tag < this.#next && tag <= last; tag++) {
      const owner = this.#owners[tag & this.#mask]
      if (owner !== undefined && owner !== previous) queues.add(owner.queue)
      previous = owner
    }
    return queues
  }

  /**
   * Takes all open tags up to this one, but no more than `limit`, in order; `visit` finds each in `owner`, `segment` and
   * `index`. Whether those were all.
   */
  takeUpTo(last: number, visit: (tag: number) => void, limit = Number.POSITIVE_INFINITY): boolean {
    const countMin = this.count - limit
    if (this.#stragglers.size > 0) {
      if (!this.#areStragglersSorted) this.#sortStragglers()
      for (const tag of this.#stragglers.keys()) {
        if (tag > last) return true
        if (this.count <= countMin) return false
        this.#takeStraggler(tag)
        visit(tag)
      }
    }
    while (this.#first < this.#next && this.#first <= last) {
      if (this.count <= countMin) return false
      const tag = this.#first
      this.take(tag)
      visit(tag)
    }
    return true
  }

  /** Reopens a tag that was taken, whose bytes are still counted: for transactions that are rolled back. */
  restore(tag: number, owner: UnackedOwner, segment: Segment, index: number, bytes: number): void {
    this.count++
    // Mostly there is room in the ring for it again.
    if (tag < this.#first && this.#stragglers.size === 0 && this.#next - tag <= this.#mask + 1) this.#first = tag
    if (tag < this.#first) {
      this.#stragglers.set(tag, { owner, segment, index, bytes })
      this.#areStragglersSorted = false
      return
    }
    const slot = tag & this.#mask
    this.#owners[slot] = owner
    this.#segments[slot] = segment
    this.#indexes[slot] = index
    if (this.#sizes !== undefined) this.#sizes[slot] = bytes
  }

  #advance(): void {
    while (this.#first < this.#next && this.#owners[this.#first & this.#mask] === undefined) this.#first++
  }

  #takeStraggler(tag: number): boolean {
    const straggler = this.#stragglers.get(tag)
    if (straggler === undefined) return false
    this.#stragglers.delete(tag)
    this.owner = straggler.owner
    this.segment = straggler.segment
    this.index = straggler.index
    this.bytes = straggler.bytes
    this.count--
    return true
  }

  #makeRoom(): void {
    const slots = this.#mask + 1
    if (slots >= SPARSE_SLOTS_MIN && (this.count - this.#stragglers.size) * 4 < slots) {
      const middle = this.#first + slots / 2
      while (this.#first < middle) this.#moveOut(this.#first++)
      this.#advance()
      return
    }
    this.#resize(slots * 2)
  }

  #moveOut(tag: number): void {
    const slot = tag & this.#mask
    const owner = this.#owners[slot]
    if (owner === undefined) return
    const segment = this.#segments[slot] as Segment
    const [index, bytes] = [this.#indexes[slot] as number, this.#sizes?.[slot] ?? 0]
    this.#stragglers.set(tag, { owner, segment, index, bytes })
    this.#owners[slot] = undefined
    this.#segments[slot] = undefined
  }

  #resize(slots: number): void {
    const owners = new Array<UnackedOwner | undefined>(slots).fill(undefined)
    const segments = new Array<Segment | undefined>(slots).fill(undefined)
    const indexes = new Uint32Array(slots)
    const sizes = this.#sizes === undefined ? undefined : new Uint32Array(slots)
    for (let tag = this.#first; tag < this.#next; tag++) {
      const from = tag & this.#mask
      const to = tag & (slots - 1)
      owners[to] = this.#owners[from]
      segments[to] = this.#segments[from]
      indexes[to] = this.#indexes[from] as number
      if (sizes !== undefined) sizes[to] = this.#sizes?.[from] as number
    }
    this.#owners = owners
    this.#segments = segments
    this.#indexes = indexes
    this.#sizes = sizes
    this.#mask = slots - 1
  }

  #sortStragglers(): void {
    this.#areStragglersSorted = true
    const sorted = [...this.#stragglers].sort(([a], [b]) => a - b)
    this.#stragglers.clear()
    for (const [tag, straggler] of sorted) this.#stragglers.set(tag, straggler)
  }
}

/** The segments of a queue that was deleted may have become those of another one. */
function bytesOf({ queue }: UnackedOwner, segment: Segment, index: number): number {
  return queue.isDeleted ? 0 : segment.bodyBytes(index)
}
