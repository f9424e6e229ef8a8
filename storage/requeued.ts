/**
 * The positions of a queue that were delivered and came back. They lie before the read cursor and are delivered first,
 * the oldest first: a binary heap, so that no order in which they come back is slow.
 */
import { SEGMENT_RECORDS_MAX, type Segment } from './segment.ts'

export class RequeuedPositions {
  #positions: number[] = []
  #segments: Segment[] = []

  get length(): number {
    return this.#positions.length
  }

  insert(segment: Segment, index: number): void {
    const position = segment.sequence * SEGMENT_RECORDS_MAX + index
    let slot = this.#positions.push(position) - 1
    this.#segments.push(segment)
    while (slot > 0) {
      const parent = (slot - 1) >>> 1
      if ((this.#positions[parent] as number) <= position) break
      this.#move(parent, slot)
      slot = parent
    }
    this.#positions[slot] = position
    this.#segments[slot] = segment
  }

  firstSegment(): Segment {
    return this.#segments[0] as Segment
  }

  firstIndex(): number {
    return (this.#positions[0] as number) % SEGMENT_RECORDS_MAX
  }

  /** Takes the first one away. */
  shift(): void {
    const position = this.#positions.pop() as number
    const segment = this.#segments.pop() as Segment
    const { length } = this.#positions
    if (length === 0) return
    let slot = 0
    for (let child = 1; child < length; child = slot * 2 + 1) {
      const right = child + 1
      if (right < length && (this.#positions[right] as number) < (this.#positions[child] as number)) child = right
      if ((this.#positions[child] as number) >= position) break
      this.#move(child, slot)
      slot = child
    }
    this.#positions[slot] = position
    this.#segments[slot] = segment
  }

  /** Takes one out of the middle; false when it is not here. */
  remove(segment: Segment, index: number): boolean {
    const position = segment.sequence * SEGMENT_RECORDS_MAX + index
    if (!this.#positions.includes(position)) return false
    const others = this.#positions.map((at, i) => [at, this.#segments[i] as Segment] as const)
    this.clear()
    for (const [at, of] of others) if (at !== position) this.insert(of, at % SEGMENT_RECORDS_MAX)
    return true
  }

  clear(): void {
    this.#positions = []
    this.#segments = []
  }

  #move(from: number, to: number): void {
    this.#positions[to] = this.#positions[from] as number
    this.#segments[to] = this.#segments[from] as Segment
  }
}
