/** Tells whether a path still leads to the file it led to. */
import { stat } from 'node:fs/promises'
import { codeOf } from './disk-errors.ts'

/** Some systems give numbers that a JavaScript number cannot hold: two of them might look the same. */
export function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev} ${ino}`
}

/** Of the file that the path leads to now. */
export async function identityAt(path: string): Promise<string> {
  return identityOf(await stat(path, { bigint: true }))
}

/** False when the path leads to another file or to none. Other trouble shows when the file is used. */
export async function isSameFile(path: string, identity: string): Promise<boolean> {
  try {
    return (await identityAt(path)) === identity
  } catch (error) {
    return codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR'
  }
}
