/**
 * The positions of a queue that were delivered and came back. They lie before the read cursor and are delivered first,
 * the oldest first, or the one first that came back first. Neighbours of one segment are a run, as nearly all are that came back together; runs never overlap and
 * are a binary heap, so that no order in which positions come back is slow.
 */
import type { Segment } from './segment.ts'

/**
 * Counts what comes back to the logs of one queue that delivers it in the order in which it came back, whatever its positions. A run
 * consists of neighbours that came back one after the other then.
 */
export interface ReturnOrder {
  /** The number of the next one. */
  next: number
}

export class RequeuedPositions {
  length = 0
  readonly #order: ReturnOrder | undefined
  #segments: Segment[] = []
  #firsts: number[] = []
  /** Where the runs end: behind their last position. */
  #ends: number[] = []
  /** The number of its first position, where the order counts. */
  #numbers: number[] = []
  /** The slot of the run that grew last, -1 when it may be elsewhere by now. */
  #grown = -1
  /** The number of the position that came last. */
  #lastNumber = -1

  /** With an order, they are due in the order in which they come. */
  constructor(order?: ReturnOrder) {
    this.#order = order
  }

  insert(segment: Segment, index: number): void {
    this.length++
    if (this.#order !== undefined) this.#insertLast(segment, index, this.#order.next++)
    else if (!this.#grow(this.#grown, segment, index) && !this.#grow(0, segment, index)) {
      this.#insertRun(segment, index, index + 1, 0)
    }
  }

  #insertLast(segment: Segment, index: number, number: number): void {
    const slot = this.#grown
    const isNext = slot >= 0 && this.#segments[slot] === segment && this.#ends[slot] === index
    if (isNext && this.#lastNumber === number - 1) this.#ends[slot] = index + 1
    else this.#insertRun(segment, index, index + 1, number)
    this.#lastNumber = number
  }

  /** The number of the first one, where the order counts; infinite when there is none. */
  get firstNumber(): number {
    return this.length === 0 ? Number.POSITIVE_INFINITY : (this.#numbers[0] as number)
  }

  firstSegment(): Segment {
    return this.#segments[0] as Segment
  }

  firstIndex(): number {
    return this.#firsts[0] as number
  }

  /** Takes the first one away. */
  shift(): void {
    this.length--
    const next = (this.#firsts[0] as number) + 1
    if (next < (this.#ends[0] as number)) {
      this.#firsts[0] = next
      if (this.#order !== undefined) this.#numbers[0] = (this.#numbers[0] as number) + 1
    } else this.#shiftRun()
  }

  /** The same positions, of which taking one away changes nothing here. */
  copy(): RequeuedPositions {
    const copy = new RequeuedPositions(this.#order)
    copy.length = this.length
    copy.#segments = this.#segments.slice()
    copy.#firsts = this.#firsts.slice()
    copy.#ends = this.#ends.slice()
    copy.#numbers = this.#numbers.slice()
    return copy
  }

  has(segment: Segment, index: number): boolean {
    return this.#slotOf(segment, index) >= 0
  }

  /** Takes one out of the middle; false when it is not here. */
  remove(segment: Segment, index: number): boolean {
    const slot = this.#slotOf(segment, index)
    if (slot < 0) return false
    const [segments, firsts, ends, numbers] = [this.#segments, this.#firsts, this.#ends, this.#numbers]
    this.clear()
    for (const [run, at] of segments.entries()) {
      const [first, end, number] = [firsts[run] as number, ends[run] as number, numbers[run] as number]
      if (run !== slot) this.#addRun(at, first, end, number)
      else {
        if (first < index) this.#addRun(at, first, index, number)
        if (index + 1 < end) this.#addRun(at, index + 1, end, this.#order && number + index + 1 - first)
      }
    }
    // The run that is in the last slot need not be the one that came last.
    if (this.#order !== undefined) this.#grown = -1
    return true
  }

  /** The bytes of the bodies of those in this segment. */
  sumOf(segment: Segment): number {
    let bytes = 0
    for (let slot = 0; slot < this.#segments.length; slot++) {
      if (this.#segments[slot] !== segment) continue
      const end = this.#ends[slot] as number
      for (let index = this.#firsts[slot] as number; index < end; index++) bytes += segment.bodyBytes(index)
    }
    return bytes
  }

  /** Takes all away, run by run, in no order. */
  drain(visit: (segment: Segment, first: number, end: number) => void): void {
    const segments = this.#segments
    const firsts = this.#firsts
    const ends = this.#ends
    this.clear()
    for (let run = 0; run < segments.length; run++) {
      visit(segments[run] as Segment, firsts[run] as number, ends[run] as number)
    }
  }

  clear(): void {
    this.length = 0
    this.#segments = []
    this.#firsts = []
    this.#ends = []
    this.#numbers = []
    this.#grown = -1
  }

  /** Makes the run in this slot longer when the position is its neighbour: that changes nothing in the order of the runs. */
  #grow(slot: number, segment: Segment, index: number): boolean {
    if (slot < 0 || this.#segments[slot] !== segment) return false
    if (this.#ends[slot] === index) this.#ends[slot] = index + 1
    else if (this.#firsts[slot] === index + 1) this.#firsts[slot] = index
    else return false
    this.#grown = slot
    return true
  }

  #slotOf(segment: Segment, index: number): number {
    return this.#segments.findIndex((at, run) => at === segment && this.#holds(run, index))
  }

  #holds(slot: number, index: number): boolean {
    return (this.#firsts[slot] as number) <= index && index < (this.#ends[slot] as number)
  }

  #addRun(segment: Segment, first: number, end: number, number = 0): void {
    this.length += end - first
    this.#insertRun(segment, first, end, number)
  }

  #insertRun(segment: Segment, first: number, end: number, number: number): void {
    let slot = this.#segments.push(segment) - 1
    this.#firsts.push(first)
    this.#ends.push(end)
    this.#numbers.push(number)
    while (slot > 0) {
      const parent = (slot - 1) >>> 1
      if (!this.#isBehind(parent, segment, first, number)) break
      this.#move(parent, slot)
      slot = parent
    }
    this.#put(slot, segment, first, end, number)
    this.#grown = slot
  }

  #shiftRun(): void {
    this.#grown = -1
    const segment = this.#segments.pop() as Segment
    const first = this.#firsts.pop() as number
    const end = this.#ends.pop() as number
    const number = this.#numbers.pop() as number
    const { length } = this.#segments
    if (length === 0) return
    let slot = 0
    for (let child = 1; child < length; child = slot * 2 + 1) {
      const right = child + 1
      if (right < length && this.#isRunBehind(child, right)) child = right
      if (this.#isBehind(child, segment, first, number)) break
      this.#move(child, slot)
      slot = child
    }
    this.#put(slot, segment, first, end, number)
  }

  #isRunBehind(slot: number, other: number): boolean {
    const [segment, first] = [this.#segments[other] as Segment, this.#firsts[other] as number]
    return this.#isBehind(slot, segment, first, this.#numbers[other] as number)
  }

  /** Whether the run in this slot comes behind the position with this number. */
  #isBehind(slot: number, segment: Segment, index: number, number: number): boolean {
    if (this.#order !== undefined) return (this.#numbers[slot] as number) > number
    const at = this.#segments[slot] as Segment
    return at.sequence > segment.sequence || (at === segment && (this.#firsts[slot] as number) > index)
  }

  #move(from: number, to: number): void {
    const [first, end, number] = [this.#firsts[from], this.#ends[from], this.#numbers[from]]
    this.#put(to, this.#segments[from] as Segment, first as number, end as number, number as number)
  }

  #put(slot: number, segment: Segment, first: number, end: number, number: number): void {
    this.#segments[slot] = segment
    this.#firsts[slot] = first
    this.#ends[slot] = end
    this.#numbers[slot] = number
  }
}

/** Of a queue to which nothing has come back yet, as most are: all of them share it, and it stays empty. */
export const NONE_REQUEUED = new RequeuedPositions()
