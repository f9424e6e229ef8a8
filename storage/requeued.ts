/**
 * The positions of a queue that were delivered and came back. They lie before the read cursor and are delivered first,
 * the oldest first: a binary heap, so that no order in which they come back is slow.
 */
import type { Segment } from './segment.ts'

export class RequeuedPositions {
  #segments: Segment[] = []
  #indexes: number[] = []

  get length(): number {
    return this.#segments.length
  }

  insert(segment: Segment, index: number): void {
    let slot = this.#segments.push(segment) - 1
    this.#indexes.push(index)
    while (slot > 0) {
      const parent = (slot - 1) >>> 1
      if (!this.#isBehind(parent, segment, index)) break
      this.#move(parent, slot)
      slot = parent
    }
    this.#segments[slot] = segment
    this.#indexes[slot] = index
  }

  firstSegment(): Segment {
    return this.#segments[0] as Segment
  }

  firstIndex(): number {
    return this.#indexes[0] as number
  }

  /** Takes the first one away. */
  shift(): void {
    const segment = this.#segments.pop() as Segment
    const index = this.#indexes.pop() as number
    const { length } = this.#segments
    if (length === 0) return
    let slot = 0
    for (let child = 1; child < length; child = slot * 2 + 1) {
      const right = child + 1
      if (right < length && this.#isBehind(child, this.#segments[right] as Segment, this.#indexes[right] as number)) {
        child = right
      }
      if (this.#isBehind(child, segment, index)) break
      this.#move(child, slot)
      slot = child
    }
    this.#segments[slot] = segment
    this.#indexes[slot] = index
  }

  /** Takes one out of the middle; false when it is not here. */
  remove(segment: Segment, index: number): boolean {
    const positions = this.#segments.map((at, slot) => [at, this.#indexes[slot] as number] as const)
    const others = positions.filter(([at, of]) => at !== segment || of !== index)
    if (others.length === positions.length) return false
    this.clear()
    for (const [at, of] of others) this.insert(at, of)
    return true
  }

  clear(): void {
    this.#segments = []
    this.#indexes = []
  }

  /** Whether what is in this slot comes behind the position. */
  #isBehind(slot: number, segment: Segment, index: number): boolean {
    const at = this.#segments[slot] as Segment
    return at.sequence > segment.sequence || (at === segment && (this.#indexes[slot] as number) > index)
  }

  #move(from: number, to: number): void {
    this.#segments[to] = this.#segments[from] as Segment
    this.#indexes[to] = this.#indexes[from] as number
  }
}
