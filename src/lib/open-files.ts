/** How many files and sockets the process may have open, and how many connections that leaves room for. */
import { readdirSync, readFileSync } from 'node:fs'

/** The store and the logs need some while the broker runs: connections leave them so many, or half when there are few. */
const RESERVE = 128

/** Undefined where the system has no such limit. Node.js has raised it as far as the system lets it. */
export function openFilesMax(): number | undefined {
  const report = process.platform === 'linux' ? limitOfProc() : undefined
  if (report !== undefined) return report
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } }
  const soft = Number(userLimits?.open_files?.soft)
  return Number.isFinite(soft) ? soft : undefined
}

function limitOfProc(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return found === undefined ? undefined : Number(found)
  } catch {
    return undefined
  }
}

/** How many connections may be open at a time, so that the rest of the process can still open what it needs. */
export function connectionsWithin(filesMax: number | undefined, filesOpen = countOpenFiles()): number {
  if (filesMax === undefined) return Number.POSITIVE_INFINITY
  const left = Math.max(0, filesMax - filesOpen)
  return Math.max(1, left - RESERVE, Math.floor(left / 2))
}

function countOpenFiles(): number {
  try {
    return readdirSync('/dev/fd').length
  } catch {
    return 0
  }
}
