// Temporary folders lie in memory where there is plenty of it: syncing and removing thousands of files takes a sixth of the
// time there. What is about the disk asks for `diskFolder`.
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasEnded } from '../../src/cli/ctl/process-end.ts'

const MEMORY = '/dev/shm'
const FREE_BYTES_MIN = 6 * 1024 ** 3

/** Runs before all tests; what it returns runs behind them. */
export function setup(): (() => void) | undefined {
  if (process.env.LEVERET_TEST_DISK !== undefined || !existsSync(MEMORY)) return undefined
  removeLeftovers(MEMORY)
  if (!hasRoom()) return undefined
  process.env.LEVERET_TEST_DISK = tmpdir()
  const folder = mkdtempSync(join(MEMORY, `leveret-tests-${process.pid}-`))
  process.env.TMPDIR = folder
  return () => rmSync(folder, { recursive: true, force: true })
}

/** What runs that were killed have left would take memory for ever. */
export function removeLeftovers(place: string): void {
  for (const name of readdirSync(place)) {
    const [, pid] = /^leveret-tests-(\d+)-/.exec(name) ?? []
    if (pid === undefined || !hasEnded(Number(pid))) continue
    try {
      rmSync(join(place, name), { recursive: true, force: true })
    } catch {
      // A worker of that run goes on writing for a moment: the next run removes it.
    }
  }
}

function hasRoom(): boolean {
  const { bavail, bsize } = statfsSync(MEMORY)
  return Math.min(bavail * bsize, freemem()) >= FREE_BYTES_MIN
}

/** For temporary folders that have to be on the disk. */
export function diskFolder(): string {
  return process.env.LEVERET_TEST_DISK ?? tmpdir()
}
