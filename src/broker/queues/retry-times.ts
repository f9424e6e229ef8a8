/**
 * Messages of a queue that wait to be delivered again, by the times when they may be: a binary heap of slots, and a slot is a place in
 * lists of numbers. No object exists per message. Of two with the same time, the one that came first is first.
 */
import type { Segment } from '../../../storage/segment.ts'
import type { HeldMemory } from '../memory/memory-alarm.ts'

/** What a slot takes in all lists, with the room they keep for more. */
const SLOT_BYTES = 96

/** Where a record lies. */
export interface RecordPlace {
  readonly segment: Segment
  readonly index: number
}

export class RetryTimes {
  /** What `shift` took: the message … */
  segment: Segment | undefined
  index = 0
  /** … and the record that tells a restart of it, if there is one. */
  markSegment: Segment | undefined
  markIndex = 0
  /** Slots: each comes behind its parent, at half of its place. */
  #heap: number[] = []
  #free: number[] = []
  #atMs: number[] = []
  #order: number[] = []
  #segments: (Segment | undefined)[] = []
  #indexes: number[] = []
  #markSegments: (Segment | undefined)[] = []
  #markIndexes: number[] = []
  #added = 0
  readonly #memory: HeldMemory

  /** Its slots are counted there. */
  constructor(memory: HeldMemory) {
    this.#memory = memory
  }

  get count(): number {
    return this.#heap.length
  }

  /** When the first one is due; infinite when there is none. */
  get firstAtMs(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : (this.#atMs[this.#heap[0] as number] as number)
  }

  add(atMs: number, segment: Segment, index: number, mark: RecordPlace | undefined): void {
    const slot = this.#free.pop() ?? this.#newSlot()
    this.#atMs[slot] = atMs
    this.#order[slot] = this.#added++
    this.#segments[slot] = segment
    this.#indexes[slot] = index
    this.#markSegments[slot] = mark?.segment
    this.#markIndexes[slot] = mark?.index ?? 0
    this.#rise(slot)
  }

  /** Takes the first one away; false when there is none. */
  shift(): boolean {
    const slot = this.#heap[0]
    if (slot === undefined) return false
    const last = this.#heap.pop() as number
    if (this.#heap.length > 0) this.#sink(last)
    this.#take(slot)
    return true
  }

  /** Takes one away that is quickly taken, whichever that is; false when there is none. */
  pop(): boolean {
    const slot = this.#heap.pop()
    if (slot === undefined) return false
    this.#take(slot)
    return true
  }

  /** The slot is in the heap no more. */
  #take(slot: number): void {
    this.segment = this.#segments[slot]
    this.index = this.#indexes[slot] as number
    this.markSegment = this.#markSegments[slot]
    this.markIndex = this.#markIndexes[slot] as number
    this.#segments[slot] = this.#markSegments[slot] = undefined
    this.#free.push(slot)
    if (this.#heap.length === 0) this.clear()
  }

  #newSlot(): number {
    this.#memory.heldBytes += SLOT_BYTES
    return this.#atMs.length
  }

  /** Forgets all. However many there were, none of their memory stays. */
  clear(): void {
    this.#memory.heldBytes -= this.#atMs.length * SLOT_BYTES
    this.#heap = []
    this.#free = []
    this.#atMs = []
    this.#order = []
    this.#segments = []
    this.#indexes = []
    this.#markSegments = []
    this.#markIndexes = []
  }

  #rise(slot: number): void {
    const heap = this.#heap
    let place = heap.length
    while (place > 0) {
      const above = (place - 1) >>> 1
      if (this.#isBefore(heap[above] as number, slot)) break
      heap[place] = heap[above] as number
      place = above
    }
    heap[place] = slot
  }

  /** Puts the slot in the first place, and from there to where it belongs. */
  #sink(slot: number): void {
    const heap = this.#heap
    let place = 0
    for (let below = 1; below < heap.length; below = place * 2 + 1) {
      if (below + 1 < heap.length && this.#isBefore(heap[below + 1] as number, heap[below] as number)) below++
      if (this.#isBefore(slot, heap[below] as number)) break
      heap[place] = heap[below] as number
      place = below
    }
    heap[place] = slot
  }

  #isBefore(one: number, other: number): boolean {
    const [oneMs, otherMs] = [this.#atMs[one] as number, this.#atMs[other] as number]
    return oneMs < otherMs || (oneMs === otherMs && (this.#order[one] as number) < (this.#order[other] as number))
  }
}
