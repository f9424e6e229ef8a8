import { PerfError } from './perf-error.ts'

/** One option: how it is shown, and how its text becomes a value. A row without fallback text may be left out. */
export interface OptionRow<T> {
  readonly kind: 'text' | 'flag' | 'list'
  readonly group: string
  readonly description: string
  readonly fallback: string | undefined
  /** Throws a `PerfError` that says what would be right; the option's name is put in front of it. */
  readonly parse: (texts: readonly string[]) => T
}

type NumberRow = (group: string, fallback: number, min: number, max: number, description: string) => OptionRow<number>

/** The range is part of the description. */
const numberRow =
  (pattern: RegExp, what: string): NumberRow =>
  (group, fallback, min, max, description) => ({
    kind: 'text',
    group,
    description: `${description} (${min} to ${max})`,
    fallback: String(fallback),
    parse: (texts) => parseNumber(only(texts), pattern, what, min, max),
  })

export const integer: NumberRow = numberRow(/^\d+$/, 'a whole number')
/** A number that may have decimals. */
export const decimal: NumberRow = numberRow(/^\d+(\.\d+)?$/, 'a number')

export function text(group: string, fallback: string, description: string, shortMax?: number): OptionRow<string> {
  return { kind: 'text', group, description, fallback, parse: (texts) => short(only(texts), shortMax) }
}

export function flag(group: string, description: string): OptionRow<boolean> {
  return { kind: 'flag', group, description, fallback: undefined, parse: (texts) => only(texts) === 'true' }
}

/** May be given several times, or once with several values. */
export function list(group: string, description: string): OptionRow<readonly string[]> {
  return { kind: 'list', group, description, fallback: undefined, parse: (texts) => texts }
}

/** The same row, but `undefined` when the option is not given. */
export function optional<T>(row: OptionRow<T>): OptionRow<T | undefined> {
  return { ...row, fallback: undefined }
}

function only(texts: readonly string[]): string {
  const [value, another] = texts
  if (value === undefined) throw new PerfError('needs a value')
  if (another !== undefined) throw new PerfError('may be given once only')
  return value
}

function short(value: string, bytesMax: number | undefined): string {
  if (bytesMax !== undefined && Buffer.byteLength(value) > bytesMax) {
    throw new PerfError(`may have at most ${bytesMax} bytes`)
  }
  return value
}

function parseNumber(value: string, shape: RegExp, what: string, min: number, max: number): number {
  const number = Number(value)
  if (!shape.test(value) || number < min || number > max) {
    throw new PerfError(`must be ${what} from ${min} to ${max}, not '${value}'`)
  }
  return number
}
