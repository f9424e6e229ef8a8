/** Prints what a command has found: as a table for people, or as JSON or CSV for programs. */
import { jsonText } from '../../lib/exact-json.ts'
import { printable } from '../../lib/printable.ts'
import type { Output, Row } from './verb.ts'

export const FORMATTERS = ['table', 'json', 'csv'] as const
export type Formatter = (typeof FORMATTERS)[number]

export interface OutputOptions {
  readonly formatter: Formatter
  /** Without titles. */
  readonly isQuiet: boolean
  readonly hasHeaders: boolean
}

/** The lines to print; undefined for nothing. */
export function outputText(output: Output, options: OutputOptions): string | undefined {
  if (output.kind === 'printed') return undefined
  switch (options.formatter) {
    case 'json':
      return jsonText(jsonOf(output))
    case 'csv':
      return csv(output, options)
    case 'table':
      return table(output, options)
    default:
      return options.formatter satisfies never
  }
}

type Printed = Exclude<Output, { readonly kind: 'printed' }>

function jsonOf(output: Printed): unknown {
  if (output.kind === 'done') return { result: 'ok' }
  if (output.kind === 'object') return output.value
  return output.rows.map((row) => Object.fromEntries(output.columns.map((column) => [column, row[column] ?? ''])))
}

function csv(output: Printed, { hasHeaders }: OutputOptions): string | undefined {
  if (output.kind === 'done') return undefined
  const [columns, rows] = rowsOf(output)
  const lines = rows.map((row) => columns.map((column) => quoted(cell(row[column]))).join(','))
  return [...(hasHeaders ? [columns.map(quoted).join(',')] : []), ...lines].join('\n')
}

function table(output: Printed, { isQuiet, hasHeaders }: OutputOptions): string | undefined {
  if (output.kind === 'done') return isQuiet ? undefined : output.text
  const title = isQuiet || output.title === undefined ? [] : [output.title]
  if (output.kind === 'object' && output.text !== undefined) return [...title, output.text].join('\n')
  const [columns, rows] = rowsOf(output)
  const lines = rows.map((row) => columns.map((column) => printable(cell(row[column]))).join('\t'))
  const isHeaded = hasHeaders && rows.length > 0 && output.kind === 'rows'
  const all = [...title, ...(isHeaded ? [columns.join('\t')] : []), ...lines]
  return all.length === 0 ? undefined : all.join('\n')
}

/** An object is a list of keys and values. */
function rowsOf(
  output: Exclude<Printed, { readonly kind: 'done' }>,
): [columns: readonly string[], rows: readonly Row[]] {
  if (output.kind === 'rows') return [output.columns, output.rows]
  const { value } = output
  if (typeof value !== 'object' || value === null) return [['value'], [{ value }]]
  return [['key', 'value'], Object.entries(value).map(([key, each]) => ({ key, value: each }))]
}

/** Lists and tables as rabbitmqctl writes them: `[administrator]`, `[{"x-max-length",10}]`. */
function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'object') return String(value)
  return term(value)
}

function term(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((each) => (typeof each === 'string' ? each : term(each))).join(', ')}]`
  if (typeof value !== 'object' || value === null) return jsonText(value) ?? ''
  const pairs = Object.entries(value).map(([key, each]) => `{${JSON.stringify(key)},${term(each)}}`)
  return `[${pairs.join(',')}]`
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
