/**
 * Who may use a data folder: one process at a time, and only if the folder is empty or has a store in it. The lock
 * decides; the file `owner` beside it says in words who has it.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Clock, SYSTEM_CLOCK } from '../../../src/lib/clock.ts'
import { ifMissing } from '../disk/files.ts'
import {
  CONTROL_SOCKET,
  ENTITIES_FOLDER,
  LOCK_FOLDER,
  OWNER_FILE,
  QUARANTINE_FOLDER,
  RESTORE_FOLDER,
  STORE_FOLDERS,
} from '../disk/store-folders.ts'
import { FolderLock, isLocked } from './folder-lock.ts'

/** What a store leaves in its folder besides. A disk of its own comes with a folder for what is found on it. */
const HARMLESS: readonly string[] = [
  OWNER_FILE,
  LOCK_FOLDER,
  QUARANTINE_FOLDER,
  ENTITIES_FOLDER,
  CONTROL_SOCKET,
  'lost+found',
]

/** The folder cannot be used, for a reason that the operator can do something about. */
export class DataFolderError extends Error {
  constructor(text: string, options?: ErrorOptions) {
    super(text, options)
    this.name = 'DataFolderError'
  }
}

export type FolderContent = 'nothing' | 'store' | 'half-restored' | 'foreign'

/** What is in the folder. One that is not there has nothing in it. */
export async function folderContent(folder: string): Promise<FolderContent> {
  const names = (await readdir(folder).catch(ifMissing)) ?? []
  if (names.includes(RESTORE_FOLDER)) return 'half-restored'
  if (names.some((name) => STORE_FOLDERS.includes(name))) return 'store'
  // Hidden files belong to the system.
  return names.every((name) => name.startsWith('.') || HARMLESS.includes(name)) ? 'nothing' : 'foreign'
}

/** Throws DataFolderError when there is something in the folder, but no store, or only a part of one. */
export async function requireUsableFolder(folder: string): Promise<void> {
  const content = await folderContent(folder)
  if (content === 'half-restored') throw unfinishedRestore(folder)
  if (content !== 'foreign') return
  throw new DataFolderError(`the folder ${folder} has other files in it and no store: choose an empty folder`)
}

/** Throws DataFolderError when there is no store in the folder, or only a part of one. */
export async function requireStore(folder: string): Promise<void> {
  const content = await folderContent(folder)
  if (content === 'half-restored') throw unfinishedRestore(folder)
  if (content !== 'store') throw new DataFolderError(`there is no store in the folder ${folder}`)
}

function unfinishedRestore(folder: string): DataFolderError {
  return new DataFolderError(`a restore into the folder ${folder} was cut off before its end: restore the backup again`)
}

/** A folder that this process has, and no other. */
export interface ClaimedFolder {
  release(): Promise<void>
}

/** Takes the folder for this process. Throws DataFolderError when another one has it, and says which. */
export async function claimFolder(folder: string, clock: Clock = SYSTEM_CLOCK): Promise<ClaimedFolder> {
  const lock = await FolderLock.take(folder).catch(async (error: unknown) => {
    throw isLocked(error) ? await inUse(folder, error) : error
  })
  const path = join(folder, OWNER_FILE)
  const owner = `${JSON.stringify({ pid: process.pid, host: hostname(), since: new Date(clock.wallMs()).toISOString() })}\n`
  // It only serves a message: a disk that cannot take it shows elsewhere.
  await writeFile(path, owner).catch(() => {})
  return {
    async release() {
      // The folder may have been replaced by one that another process has.
      const isOwn = (await readFile(path, 'utf8').catch(() => undefined)) === owner
      if (isOwn) await rm(path, { force: true }).catch(() => {})
      await lock.release()
    },
  }
}

/** Another process has the folder that was to be claimed. */
export function isInUse(error: unknown): boolean {
  return error instanceof DataFolderError && isLocked(error.cause)
}

async function inUse(folder: string, cause: unknown): Promise<DataFolderError> {
  return new DataFolderError(`the folder ${folder} is in use by ${await ownerText(folder)}: stop it first`, { cause })
}

async function ownerText(folder: string): Promise<string> {
  const owner = await ownerOf(folder)
  if (owner === undefined) return 'another process'
  const { pid, host, since } = owner
  if (host !== hostname()) return `process ${pid} on ${host} since ${since}`
  if (pid === process.pid) return `this process since ${since}`
  // A process that was killed has left its note behind; the one that has the folder now has not written its own yet.
  return isAlive(pid) ? `process ${pid} since ${since}` : 'another process'
}

interface Owner {
  readonly pid: number
  readonly host: string
  readonly since: string
}

async function ownerOf(folder: string): Promise<Owner | undefined> {
  try {
    const { pid, host, since } = JSON.parse(await readFile(join(folder, OWNER_FILE), 'utf8')) as Partial<Owner>
    if (!Number.isInteger(pid) || typeof host !== 'string' || typeof since !== 'string') return undefined
    return { pid: Number(pid), host, since }
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
