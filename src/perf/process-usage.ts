import { readFileSync } from 'node:fs'
import { PerfError } from './perf-error.ts'

// Linux only. /proc/PID/stat counts the processor time of all threads of a process, in hundredths of a second.

const TICKS_PER_SECOND = 100
const STAT_UTIME = 11 // counted from the field behind the command's closing parenthesis
const STAT_STIME = 12
const KIB = 1024

export interface ProcessUsage {
  readonly cpuSeconds: number
  readonly rssBytes: number
}

/** What a process has used up to now. Throws a `PerfError` when there is no such process. */
export function processUsage(pid: number): ProcessUsage {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[STAT_UTIME]) + Number(fields[STAT_STIME])
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const rss = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]
    return { cpuSeconds: ticks / TICKS_PER_SECOND, rssBytes: Number(rss ?? 0) * KIB }
  } catch {
    throw new PerfError(`process ${pid} cannot be looked at: /proc/${pid} is not there`)
  }
}
