/**
 * The positions of a queue that were delivered and came back. They lie before the read cursor and are delivered
 * first, oldest first. Most come back in order (a channel closes, a consumer nacks one after the other), so the list
 * is an array that is nearly always only pushed to and taken from the front.
 */
import { SEGMENT_RECORDS_MAX, type Segment } from './segment.ts'

/** Taken entries are cut off the front when this many have gathered. */
const TRIM_AT = 1024

export class RequeuedPositions {
  #positions: number[] = []
  #segments: Segment[] = []
  #first = 0

  get length(): number {
    return this.#positions.length - this.#first
  }

  insert(segment: Segment, index: number): void {
    const position = positionOf(segment, index)
    const positions = this.#positions
    const last = positions.length - 1
    if (last < this.#first || (positions[last] as number) < position) {
      positions.push(position)
      this.#segments.push(segment)
      return
    }
    const at = this.#search(position)
    positions.splice(at, 0, position)
    this.#segments.splice(at, 0, segment)
  }

  firstSegment(): Segment {
    return this.#segments[this.#first] as Segment
  }

  firstIndex(): number {
    return (this.#positions[this.#first] as number) % SEGMENT_RECORDS_MAX
  }

  shift(): void {
    this.#first++
    if (this.#first === this.#positions.length) this.clear()
    else if (this.#first >= TRIM_AT && this.#first * 2 > this.#positions.length) this.#trim()
  }

  clear(): void {
    this.#positions = []
    this.#segments = []
    this.#first = 0
  }

  #trim(): void {
    this.#positions.splice(0, this.#first)
    this.#segments.splice(0, this.#first)
    this.#first = 0
  }

  #search(position: number): number {
    let low = this.#first
    let high = this.#positions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#positions[middle] as number) < position) low = middle + 1
      else high = middle
    }
    return low
  }
}

function positionOf(segment: Segment, index: number): number {
  return segment.sequence * SEGMENT_RECORDS_MAX + index
}
