/** Some records of a segment, each of them once. Nearly all come in rising order: a run of neighbours takes two numbers. */
import type { Segment } from './segment.ts'

export class IndexRuns {
  /** The first index of a run and how many it has, one run after the other. */
  #runs: number[] = []
  #isInOrder = true

  add(index: number): void {
    const runs = this.#runs
    const { length } = runs
    if (length > 0) {
      const count = runs[length - 1] as number
      const end = (runs[length - 2] as number) + count
      if (index === end) {
        runs[length - 1] = count + 1
        return
      }
      if (index < end) this.#isInOrder = false
    }
    runs.push(index, 1)
  }

  /** The first index of each run and how many it has: runs in rising order, with others between them. */
  inOrder(): readonly number[] {
    if (!this.#isInOrder) this.#putInOrder()
    return this.#runs
  }

  /** Bytes of the bodies of these records. */
  bodyBytesIn(segment: Segment): number {
    const runs = this.#runs
    let bytes = 0
    for (let at = 0; at < runs.length; at += 2) {
      const first = runs[at] as number
      bytes += segment.bodyBytesIn(first, first + (runs[at + 1] as number))
    }
    return bytes
  }

  /** Clears the bits of these records, the lowest of which stands for the first record. */
  takeFrom(bits: Uint8Array): void {
    const runs = this.#runs
    for (let at = 0; at < runs.length; at += 2) {
      const first = runs[at] as number
      const end = first + (runs[at + 1] as number)
      for (let index = first; index < end; index++)
        bits[index >>> 3] = (bits[index >>> 3] as number) & ~(1 << (index & 7))
    }
  }

  #putInOrder(): void {
    const unordered = this.#runs
    const places = Array.from({ length: unordered.length / 2 }, (_, run) => 2 * run)
    places.sort((a, b) => (unordered[a] as number) - (unordered[b] as number))
    const runs: number[] = []
    for (const at of places) {
      const last = runs.length - 2
      const [first, count] = [unordered[at] as number, unordered[at + 1] as number]
      const isNext = last >= 0 && (runs[last] as number) + (runs[last + 1] as number) === first
      if (isNext) runs[last + 1] = (runs[last + 1] as number) + count
      else runs.push(first, count)
    }
    this.#runs = runs
    this.#isInOrder = true
  }
}
