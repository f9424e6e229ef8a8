/** The value of an option as the log may have it: without secrets, and as JSON can say it. */
import { type OptionName, optionRow } from '../../../config/options.ts'

export function shownValue(name: OptionName, value: unknown): unknown {
  if (optionRow(name).isSecret && value !== undefined) return '(hidden)'
  if (name === 'unixSocketMode') return Number(value).toString(8)
  if (value === Number.POSITIVE_INFINITY) return 'infinity'
  if (value instanceof Map) return Object.fromEntries(value)
  return value ?? null
}
