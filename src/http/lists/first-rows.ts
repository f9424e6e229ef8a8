/**
 * The first so many of very many rows in a sorted list, without a list of all: those that certainly come later are let go at once. A
 * page near the beginning of a long list is asked for most.
 */
import type { Pacer } from '../../lib/pacer.ts'
import { sortInTurns } from './sort.ts'

/** So many are gathered at least before they are sorted and cut. */
const GATHERED_MIN = 512

export class FirstRows<T> {
  /** Undefined for all of them. */
  readonly #count: number | undefined
  readonly #compare: (a: T, b: T) => number
  readonly #pacer: Pacer
  #rows: T[] = []
  /** What is not before this one is not among the first. */
  #last: T | undefined

  constructor(count: number | undefined, compare: (a: T, b: T) => number, pacer: Pacer) {
    this.#count = count
    this.#compare = compare
    this.#pacer = pacer
  }

  /** True when `cut` is to be called. */
  add(row: T): boolean {
    if (this.#last !== undefined && this.#compare(row, this.#last) >= 0) return false
    this.#rows.push(row)
    return this.#count !== undefined && this.#rows.length >= 2 * Math.max(this.#count, GATHERED_MIN)
  }

  async cut(): Promise<void> {
    const sorted = await this.sorted()
    this.#rows = sorted.slice(0, this.#count)
    this.#last = this.#rows.length === this.#count ? this.#rows.at(-1) : undefined
  }

  /** Those that were gathered, as they came. */
  get gathered(): T[] {
    return this.#rows
  }

  /** Those that were gathered, in order: the first so many, and perhaps more. */
  async sorted(): Promise<T[]> {
    this.#rows = await sortInTurns(this.#rows, this.#compare, this.#pacer)
    return this.#rows
  }
}
