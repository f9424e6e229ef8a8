/** Values of options as they may be shown: without secrets, and as JSON can say them. */
import { type Config, flagName, OPTION_NAMES, type OptionName, optionRow } from '../../../config/options.ts'

export function shownOptions(config: Config): Record<string, unknown> {
  return Object.fromEntries(OPTION_NAMES.map((name) => [flagName(name), shownValue(name, config[name])]))
}

export function shownValue(name: OptionName, value: unknown): unknown {
  if (optionRow(name).isSecret && value !== undefined) return '(hidden)'
  if (name === 'unixSocketMode') return Number(value).toString(8)
  if (value === Number.POSITIVE_INFINITY) return 'infinity'
  if (value instanceof Map) return Object.fromEntries(value)
  return value ?? null
}
