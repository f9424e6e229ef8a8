/** File names in the folder of a LevelDB. */
import { readdir } from 'node:fs/promises'
import { ifMissing } from '../disk/files.ts'

/** The kinds of files that have a number. */
const NUMBERED = /^(?:MANIFEST-(?<manifest>\d+)|(?<number>\d+)\.(?:log|ldb|sst|dbtmp))$/

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
