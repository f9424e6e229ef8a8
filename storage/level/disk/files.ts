/** The few things the store does with files. Tests put faults in between. */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type DataFile, DiskFile } from './data-file.ts'
import { DirectWriter } from './direct-writer.ts'
import { codeOf } from './disk-errors.ts'
import { identityOf } from './file-identity.ts'
import { ReadDescriptors } from './read-descriptors.ts'

export interface Files {
  readonly folder: string
  /** Opens a file for reading and writing, made if there is none. */
  open(name: string): Promise<DataFile>
  names(): Promise<string[]>
  remove(name: string): Promise<void>
  /** Makes the folder's list of files survive a power loss. */
  syncFolder(): Promise<void>
  /** Bytes the disk has left. */
  freeBytes(): Promise<number>
}

/** For what need not be there: undefined then. */
export function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

/** No other user of the system may read messages and password hashes. */
export const PRIVATE = { mode: 0o700 }
export const PRIVATE_FILE = 0o600

/**
 * Makes a folder and those it is in, where they are missing, so that they survive a power loss. Node's own way never ends in a
 * folder in which nothing can be made and that answers ENOENT, such as /proc.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdirSafely(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isThere = (path: string): Promise<boolean> =>
      stat(path).then(
        (found) => found.isDirectory(),
        () => false,
      )
    if (code === 'EEXIST' && (await isThere(folder))) return
    const parent = dirname(folder)
    if (code !== 'ENOENT' || parent === folder || (await isThere(parent))) throw error
    await makeFolder(parent)
    await mkdirSafely(folder)
  }
}

/** Without a sync of the folder around it, a power loss may take a new folder away, with everything in it. */
async function mkdirSafely(folder: string): Promise<void> {
  await mkdir(folder, PRIVATE)
  await syncFolder(dirname(folder)).catch((error: unknown) => {
    // A folder that may be written to and not read cannot be synced.
    if (codeOf(error) !== 'EACCES') throw error
  })
}

/** Makes a folder in one that is there, before anything else happens, so that it survives a power loss. */
export function makeFolderNow(folder: string): void {
  try {
    mkdirSync(folder, PRIVATE)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  let around: number
  try {
    around = openSync(dirname(folder), 'r')
  } catch (error) {
    // A folder that may be written to and not read cannot be synced.
    if (codeOf(error) === 'EACCES') return
    throw error
  }
  try {
    fsyncSync(around)
  } finally {
    closeSync(around)
  }
}

/** Makes a folder's list of files survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export async function openFolder(folder: string): Promise<Files> {
  await makeFolder(folder)
  const descriptors = new ReadDescriptors()
  const directWriter = new DirectWriter()
  return {
    folder,
    async open(name) {
      const path = join(folder, name)
      const handle = (await open(path, 'r+').catch(ifMissing)) ?? (await open(path, 'w+'))
      const identity = identityOf(await handle.stat({ bigint: true }))
      return new DiskFile({ handle, identity }, folder, name, descriptors, directWriter)
    },
    names: () => readdir(folder),
    remove: (name) => rm(join(folder, name), { force: true }),
    syncFolder: () => syncFolder(folder),
    async freeBytes() {
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    },
  }
}
