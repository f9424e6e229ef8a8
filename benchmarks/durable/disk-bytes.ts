import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

// Linux only. /proc/PID/io counts for all threads of a process, LevelDB's included.

const POLL_MS = 200
const QUIET_MS = 1000
const QUIET_MS_MAX = 60_000

/** Bytes that the process has sent on their way to the disk: whole pages, each as often as it has to be written. */
export function diskBytes(pid: number): number {
  const value = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]
  if (value === undefined) throw new Error(`/proc/${pid}/io does not say what was written`)
  return Number(value)
}

/** Once the process has not written for a while: what it does afterwards counts, too. */
export async function settledDiskBytes(pid: number): Promise<number> {
  let last = diskBytes(pid)
  let quietMs = 0
  for (let waitedMs = 0; quietMs < QUIET_MS && waitedMs < QUIET_MS_MAX; waitedMs += POLL_MS) {
    await pause(POLL_MS)
    const now = diskBytes(pid)
    quietMs = now === last ? quietMs + POLL_MS : 0
    last = now
  }
  return last
}
