/**
 * LevelDB, which a broker in memory does without: its package is optional, and loaded when a store is opened. In code its
 * types may be imported anywhere, the class comes from here.
 */
import type { ClassicLevel } from 'classic-level'

const NOT_FOUND: readonly unknown[] = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']

/** Throws Error, with what to do about it, when the package is not installed or has no binary for this machine. */
export async function levelDb(): Promise<typeof ClassicLevel> {
  try {
    return (await import('classic-level')).ClassicLevel
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && NOT_FOUND.includes(error.code)
    const what = isMissing ? 'is not installed' : `cannot be loaded (${error instanceof Error ? error.message : error})`
    throw new Error(
      `durable storage needs the package classic-level, which ${what}: ` +
        "run 'npm install classic-level', or keep everything in memory",
    )
  }
}
