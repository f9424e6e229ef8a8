import type { Percentiles } from './histogram.ts'
import { thousands } from './numbers.ts'
import type { PerfReport } from './report.ts'

const BUSY_PERCENT = 90
const MB = 1_000_000

/** A report for people, as lines. */
export function summaryLines(report: PerfReport): string[] {
  const { settings, published, confirmed, consumed } = report
  const lines = [title(report)]
  if (settings.publishers > 0) {
    const bytes = published.perSecond * settings.size
    lines.push(row('published', rate(published.perSecond, published.messages, bytes)))
  }
  if (settings.confirm > 0) lines.push(row('confirmed', rate(confirmed.perSecond, confirmed.messages, 0)))
  if (settings.consumers > 0) {
    lines.push(row('consumed', rate(consumed.perSecond, consumed.messages, consumed.bytesPerSecond)))
  }
  if (report.purged > 0) lines.push(row('purged', `${thousands(report.purged)} messages`))
  if (report.latencyUs !== null) lines.push(row('latency', times(report.latencyUs)))
  if (report.confirmLatencyUs !== null) lines.push(row('confirms', times(report.confirmLatencyUs)))
  if (report.brokerProcess !== null) {
    const { cpuUsPerMessage, cpuPercent, rssBytes } = report.brokerProcess
    const rss = `${thousands(rssBytes / MB)} MB resident`
    lines.push(row('broker', `${cpuUsPerMessage} µs CPU per message, ${cpuPercent} % of a processor, ${rss}`))
  }
  const processes = report.generatorCpuPercent
  lines.push(row('generator', `${plural(processes.length, 'process', 'es')}, busy ${processes.join(' %, ')} %`))
  return [...lines, ...warnings(report)]
}

function title(report: PerfReport): string {
  const { settings } = report
  const parts = [
    plural(settings.publishers, 'publisher'),
    plural(settings.consumers, 'consumer'),
    `${thousands(settings.size)} bytes`,
    settings.persistent ? 'persistent' : 'transient',
    ...(settings.confirm > 0 ? [`${thousands(settings.confirm)} confirms in flight`] : []),
    ...(settings.consumers > 0 ? [settlement(settings)] : []),
  ]
  const early = report.isInterrupted ? ', interrupted' : ''
  return `${report.broker}: ${parts.join(', ')}; ${report.seconds.toFixed(1)} s${early}`
}

function settlement({ ackEvery, reject }: PerfReport['settings']): string {
  if (ackEvery === 0) return 'no ack'
  return `${reject ? 'reject' : 'ack'} every ${thousands(ackEvery)}`
}

function warnings(report: PerfReport): string[] {
  const { settings, blocked, generatorCpuPercent } = report
  const lines: string[] = []
  if (report.nacked > 0) lines.push(`warning: the broker refused ${thousands(report.nacked)} messages (basic.nack)`)
  if (report.unconfirmed > 0) lines.push(`warning: ${thousands(report.unconfirmed)} messages were never confirmed`)
  if (blocked.reason !== null) {
    lines.push(`warning: the broker blocked publishers for ${blocked.seconds.toFixed(1)} s in sum (${blocked.reason})`)
  }
  const busiest = Math.max(0, ...generatorCpuPercent)
  // With a rate and --latency a publisher looks at the clock all the time, so being busy says nothing.
  if (busiest >= BUSY_PERCENT && !(settings.latency && settings.rate > 0)) {
    lines.push(
      `warning: a process of the generator was ${busiest} % busy, so this may be its own limit; see --processes`,
    )
  }
  return lines
}

function row(name: string, text: string): string {
  return `  ${name.padEnd(10)} ${text}`
}

function rate(perSecond: number, messages: number, bytesPerSecond: number): string {
  const bytes = bytesPerSecond > 0 ? `, ${(bytesPerSecond / MB).toFixed(1)} MB/s` : ''
  return `${thousands(perSecond).padStart(11)} msg/s  (${thousands(messages)} messages${bytes})`
}

function times(us: Percentiles): string {
  const values = [`p50 ${us.p50}`, `p90 ${us.p90}`, `p99 ${us.p99}`, `p99.9 ${us.p999}`, `max ${us.max}`]
  return `${values.join('  ')}  µs`
}

function plural(count: number, what: string, ending = 's'): string {
  return `${thousands(count)} ${what}${count === 1 ? '' : ending}`
}
