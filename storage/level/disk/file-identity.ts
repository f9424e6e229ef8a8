/** Tells whether a path still leads to the file it led to. */
import { type FileHandle, open, stat } from 'node:fs/promises'
import { DisplacedError, isNowhere } from './disk-errors.ts'

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
    return !isNowhere(error)
  }
}

/** Opens that file and no other. Rejects with DisplacedError when the path leads to another one or to none. */
export async function openSame(path: string, flags: string | number, identity: string): Promise<FileHandle> {
  const handle = await open(path, flags).catch((error: unknown) => {
    throw isNowhere(error) ? new DisplacedError(path) : error
  })
  try {
    if (identityOf(await handle.stat({ bigint: true })) !== identity) throw new DisplacedError(path)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}
