/** Tells whether a path still leads to the file it led to. */
import { stat } from 'node:fs/promises'
import { codeOf } from './disk-errors.ts'

export function identityOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev} ${ino}`
}

/** False when the path leads to another file or to none. Other trouble shows when the file is used. */
export async function isSameFile(path: string, identity: string): Promise<boolean> {
  try {
    return identityOf(await stat(path)) === identity
  } catch (error) {
    return codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR'
  }
}
