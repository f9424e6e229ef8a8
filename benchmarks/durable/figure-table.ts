import { markdownTable } from '../compare/table.ts'
import { type Figure, isReached, type Wanted } from './figure.ts'

const HEAD = ['measure', 'wanted', 'measured', '', 'runs', 'generator']
const BUSY_PERCENT = 90

/** The figures as a Markdown table, and below it what one has to know to read them. */
export function figureLines(figures: readonly Figure[]): string[] {
  const rows = figures.map((each) => [
    each.description,
    each.wanted === null ? '' : wantedText(each.wanted, each.unit),
    each.value === null ? '–' : amount(each.value, each.unit),
    verdict(each),
    each.runs.map((run) => run.toLocaleString('en-US', { maximumFractionDigits: 3 })).join(' · '),
    each.generatorCpuPercent === null ? '' : `${each.generatorCpuPercent} %`,
  ])
  return [...markdownTable(HEAD, rows), ...warnings(figures)]
}

function warnings(figures: readonly Figure[]): string[] {
  const busy = figures.filter(({ generatorCpuPercent }) => (generatorCpuPercent ?? 0) > BUSY_PERCENT)
  if (busy.length === 0) return []
  const names = busy.map(({ name }) => name).join(', ')
  return ['', `the generator's processor was more than ${BUSY_PERCENT} % busy, so these may be its limit: ${names}`]
}

function verdict(each: Figure): string {
  const reached = isReached(each)
  if (reached === undefined) return ''
  return reached ? 'reached' : 'missed'
}

function wantedText(wanted: Wanted, unit: string): string {
  if ('atLeast' in wanted) return `≥ ${amount(wanted.atLeast, unit)}`
  return 'above' in wanted ? `> ${amount(wanted.above, unit)}` : `< ${amount(wanted.below, unit)}`
}

function amount(value: number, unit: string): string {
  const text = value.toLocaleString('en-US', { maximumFractionDigits: 3 })
  return unit === '' || unit === '×' || unit === '/s' ? `${text}${unit}` : `${text} ${unit}`
}
