import type { Medians, ScenarioResult } from './results.ts'
import { SCENARIOS } from './scenarios.ts'

const HEAD = ['scenario', 'Leveret', 'µs CPU', 'other', 'µs CPU', 'ratio', 'yardstick', 'share', 'generator']

/** The results as a Markdown table. */
export function tableLines(results: readonly ScenarioResult[]): string[] {
  const rows = results.map((result) => [
    result.description,
    headline(result, result.leveret),
    cpu(result.leveret),
    result.other === null ? '' : headline(result, result.other),
    result.other === null ? '' : cpu(result.other),
    result.ratio === null ? '' : `${result.ratio}×`,
    result.yardstick === null ? '' : `${headline(result, result.yardstick)}, ${cpu(result.yardstick)} µs`,
    result.share === null ? '' : String(result.share),
    `${Math.max(result.leveret.generatorCpuPercent, result.other?.generatorCpuPercent ?? 0)} %`,
  ])
  return markdownTable(HEAD, rows)
}

/** Lines of equal length. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => {
    return Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0))
  })
  const line = (cells: readonly string[]): string => {
    return `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  }
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)]
}

function headline(result: ScenarioResult, medians: Medians): string {
  const isLatency = SCENARIOS.find(({ name }) => name === result.scenario)?.measure === 'latency'
  if (isLatency) return `p50 ${medians.latencyP50Us ?? '–'} µs, p99 ${medians.latencyP99Us ?? '–'} µs`
  return `${Math.round(medians.perSecond).toLocaleString('en-US')}/s`
}

function cpu(medians: Medians): string {
  return medians.cpuUsPerMessage === null ? '–' : medians.cpuUsPerMessage.toFixed(2)
}
