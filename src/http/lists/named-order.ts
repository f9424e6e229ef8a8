/**
 * Very many rows in order, known by their names alone: the names are those of the objects that there are, and where they come in the order
 * lies beside V8's heap. Objects made for so many rows would be copied by several garbage collections, and all traffic waits for those.
 */
import type { Pacer } from '../../lib/pacer.ts'
import { compareTexts, compareValues } from './sort.ts'

const RUN_ROWS = 512

/** Rows that belong together: those of one virtual host, in the order of these. Undefined as in `ListSource.rows`. */
export interface NamedParts<Row> {
  readonly parts: readonly Iterable<Row | undefined>[]
  /** Says which parts these are. */
  readonly key: string
  /** Undefined when it is gone by now. */
  object(part: number, name: string): object | undefined
}

export interface NamedOrder {
  readonly names: readonly string[]
  /** The number of the part that each belongs to. */
  readonly parts: Uint32Array
  /** How many there were before they were filtered. */
  readonly total: number
}

export interface Asked<Row> {
  name(row: Row): string
  isWanted(name: string): boolean
  /** What they are sorted by before their parts and names; undefined for nothing. */
  readonly key: ((row: Row) => unknown) | undefined
  readonly isReversed: boolean
  /** One row may take long. */
  readonly isSlow: boolean
}

export async function namedOrder<Row>(
  all: readonly Iterable<Row | undefined>[],
  asked: Asked<Row>,
  pacer: Pacer,
): Promise<NamedOrder> {
  const names: string[] = []
  const keys: unknown[] = []
  /** Where the rows of each part end. */
  const ends: number[] = []
  let total = 0
  for (const rows of all) {
    for (const row of rows) {
      if (asked.isSlow ? pacer.isLate : pacer.isDue) await pacer.rest()
      if (row === undefined) continue
      total++
      const name = asked.name(row)
      if (!asked.isWanted(name)) continue
      names.push(name)
      if (asked.key !== undefined) keys.push(asked.key(row))
    }
    ends.push(names.length)
  }
  const parts = new Uint32Array(names.length)
  for (const [part, end] of ends.entries()) parts.fill(part, ends[part - 1] ?? 0, end)
  const direction = asked.isReversed ? -1 : 1
  const compare = (a: number, b: number): number =>
    direction *
    (compareValues(keys[a], keys[b]) ||
      (parts[a] as number) - (parts[b] as number) ||
      compareTexts(names[a] as string, names[b] as string))
  const order = await sortedNumbers(names.length, compare, pacer)
  const sorted = { names: [] as string[], parts: new Uint32Array(names.length), total }
  for (const [at, row] of order.entries()) {
    sorted.names.push(names[row] as string)
    sorted.parts[at] = parts[row] as number
    if (pacer.isDue) await pacer.rest()
  }
  return sorted
}

/** The numbers below `count` in order: runs that are sorted at once, then merged in passes. */
async function sortedNumbers(
  count: number,
  compare: (a: number, b: number) => number,
  pacer: Pacer,
): Promise<Uint32Array> {
  let [from, to] = [new Uint32Array(count), new Uint32Array(count)]
  for (let at = 0; at < count; at++) from[at] = at
  for (let start = 0; start < count; start += RUN_ROWS) {
    from.subarray(start, start + RUN_ROWS).sort(compare)
    if (pacer.isLate) await pacer.rest()
  }
  for (let width = RUN_ROWS; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const [middle, end] = [Math.min(start + width, count), Math.min(start + 2 * width, count)]
      let [left, right] = [start, middle]
      for (let at = start; at < end; at++) {
        const isLeft = right >= end || (left < middle && compare(from[left] as number, from[right] as number) <= 0)
        to[at] = from[isLeft ? left++ : right++] as number
        if (pacer.isDue) await pacer.rest()
      }
    }
    ;[from, to] = [to, from]
  }
  return from
}
