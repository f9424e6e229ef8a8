/** File names in the folder of a LevelDB. */
import { readdir } from 'node:fs/promises'
import { ifMissing } from '../disk/files.ts'

/** Locked as long as a process has the database open, and never removed. */
export const LOCK_NAME = 'LOCK'
/** Says which manifest counts. */
export const CURRENT_NAME = 'CURRENT'

/** The kinds of files that have a number. */
const NUMBERED = /^(?:MANIFEST-(?<manifest>\d+)|(?<number>\d+)\.(?<kind>log|ldb|sst|dbtmp))$/

/** Tables are written once and never changed. */
export function isTableName(name: string): boolean {
  const kind = NUMBERED.exec(name)?.groups?.kind
  return kind === 'ldb' || kind === 'sst'
}

/** The log of what is in no table yet, and the manifest, the log of which tables there are, have one form. */
export function isLogName(name: string): boolean {
  const { manifest, kind } = NUMBERED.exec(name)?.groups ?? {}
  return manifest !== undefined || kind === 'log'
}

/**
 * Names with a number that LevelDB never gives: it counts from 1 on and goes on behind the highest number that it finds. Over
 * 0, and when it has counted to the end, it ends the process.
 */
export async function impossibleNames(folder: string): Promise<string[]> {
  return ((await readdir(folder).catch(ifMissing)) ?? []).filter((name) => {
    const { manifest, number = manifest } = NUMBERED.exec(name)?.groups ?? {}
    return number !== undefined && (Number(number) === 0 || !Number.isSafeInteger(Number(number)))
  })
}
