import type { FieldTable } from '../../protocol/field-table.ts'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import { PerfError } from './perf-error.ts'

/** Reads `x-max-length=1000`: whole numbers and true/false become what they look like, `"5"` in quotes stays a text. */
export function parseQueueArguments(texts: readonly string[]): FieldTable {
  return fieldTable(Object.fromEntries(texts.map(parseArgument)))
}

function parseArgument(text: string): [string, string | number | boolean] {
  const at = text.indexOf('=')
  if (at < 1) throw new PerfError(`--queue-args takes key=value, not '${text}'`)
  return [text.slice(0, at), parseValue(text.slice(at + 1))]
}

function parseValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  return text.replace(/^"(.*)"$/, '$1')
}
