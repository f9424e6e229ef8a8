import { PerfError } from './perf-error.ts'

const RANGE = /\{(\d+)\.\.(\d+)\}/
const NAMES_MAX = 100_000

/**
 * The names a pattern stands for: `perf-{1..10}` is perf-1 to perf-10. A first number with leading zeros pads the rest:
 * `dev.{0000..0999}`. A text without a range stands for itself.
 */
export function expandPattern(pattern: string): string[] {
  const match = RANGE.exec(pattern)
  const [range, from = '', to = ''] = match ?? []
  if (match === null || range === undefined) return [pattern]
  const first = Number(from)
  const last = Number(to)
  if (last < first) throw new PerfError(`'${pattern}' counts down; write {${to}..${from}}`)
  if (last - first >= NAMES_MAX) throw new PerfError(`'${pattern}' stands for more than ${NAMES_MAX} names`)
  const before = pattern.slice(0, match.index)
  const behind = pattern.slice(match.index + range.length)
  return Array.from({ length: last - first + 1 }, (_, step) => {
    return `${before}${String(first + step).padStart(from.length, '0')}${behind}`
  })
}
