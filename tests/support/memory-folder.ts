// Temporary folders lie in memory where there is plenty of it: syncing and removing thousands of files takes a sixth of the
// time there. What is about the disk asks for `diskFolder`.
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'

const MEMORY = '/dev/shm'
const FREE_BYTES_MIN = 6 * 1024 ** 3

/** Runs before all tests; what it returns runs behind them. */
export function setup(): (() => void) | undefined {
  if (process.env.LEVERET_TEST_DISK !== undefined || !hasRoom()) return undefined
  process.env.LEVERET_TEST_DISK = tmpdir()
  const folder = mkdtempSync(join(MEMORY, 'leveret-tests-'))
  process.env.TMPDIR = folder
  return () => rmSync(folder, { recursive: true, force: true })
}

function hasRoom(): boolean {
  if (!existsSync(MEMORY)) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return Math.min(bavail * bsize, freemem()) >= FREE_BYTES_MIN
}

/** For temporary folders that have to be on the disk. */
export function diskFolder(): string {
  return process.env.LEVERET_TEST_DISK ?? tmpdir()
}
