/** The value of an option as the log may have it: without secrets, and as JSON can say it. */
import { type OptionName, optionRow } from '../../../config/options.ts'
import { withoutLogin } from '../../lib/url-login.ts'

export function shownValue(name: OptionName, value: unknown): unknown {
  if (optionRow(name).isSecret && value !== undefined) return '(hidden)'
  if (name === 'unixSocketMode') return Number(value).toString(8)
  if (value === Number.POSITIVE_INFINITY) return 'infinity'
  if (typeof value === 'string') return withoutLogin(value)
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, text]) => [key, withoutLogin(text)]))
  return value ?? null
}
