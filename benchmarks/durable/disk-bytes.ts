import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

// Linux only. /proc/PID/io counts for all threads of a process, LevelDB's included.

const POLL_MS = 200
const QUIET_MS = 1000
const QUIET_MS_MAX = 60_000

export interface DiskBytes {
  /** On their way to the disk: whole pages, each as often as it has to be written. */
  readonly written: number
  /** Handed to the system, byte by byte; what goes to sockets is among it. */
  readonly handed: number
}

export function diskBytes(pid: number): DiskBytes {
  const text = readFileSync(`/proc/${pid}/io`, 'latin1')
  const field = (name: string): number => {
    const value = new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1]
    if (value === undefined) throw new Error(`/proc/${pid}/io has no ${name}`)
    return Number(value)
  }
  return { written: field('write_bytes'), handed: field('wchar') }
}

/** Once the process has not written for a while: what it does afterwards counts, too. */
export async function settledDiskBytes(pid: number): Promise<DiskBytes> {
  let last = diskBytes(pid)
  let quietMs = 0
  for (let waitedMs = 0; quietMs < QUIET_MS && waitedMs < QUIET_MS_MAX; waitedMs += POLL_MS) {
    await pause(POLL_MS)
    const now = diskBytes(pid)
    quietMs = now.written === last.written ? quietMs + POLL_MS : 0
    last = now
  }
  return last
}
