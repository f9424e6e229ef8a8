/** Sorting of very many rows, turn by turn: runs that are sorted at once, then merged in passes. */
import type { Pacer } from '../../lib/pacer.ts'

const RUN_ROWS = 512

export async function sortInTurns<T>(rows: T[], compare: (a: T, b: T) => number, pacer: Pacer): Promise<T[]> {
  const { length } = rows
  let from: T[] = []
  for (let start = 0; start < length; start += RUN_ROWS) {
    from.push(...rows.slice(start, start + RUN_ROWS).sort(compare))
    if (pacer.isLate) await pacer.rest()
  }
  for (let width = RUN_ROWS; width < length; width *= 2) {
    const to: T[] = []
    for (let start = 0; start < length; start += 2 * width) {
      const [middle, end] = [Math.min(start + width, length), Math.min(start + 2 * width, length)]
      let [left, right] = [start, middle]
      while (left < middle || right < end) {
        const isLeft = right >= end || (left < middle && compare(from[left] as T, from[right] as T) <= 0)
        to.push((isLeft ? from[left++] : from[right++]) as T)
        if (pacer.isDue) await pacer.rest()
      }
    }
    from = to
  }
  return from
}

/** RabbitMQ compares Erlang's terms: numbers come before texts, and what is missing comes first. */
export function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b)
  const [rankA, rankB] = [rank(a), rank(b)]
  if (rankA !== rankB) return rankA - rankB
  return compareTexts(comparable(a), comparable(b))
}

export function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function rank(value: unknown): number {
  if (value === undefined || value === null) return 0
  if (typeof value === 'number') return 1
  if (typeof value === 'boolean') return 2
  return typeof value === 'string' ? 4 : 3
}

function comparable(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
