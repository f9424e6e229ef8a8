/**
 * Who may use a data folder: one process at a time, and only if the folder is empty or has a store in it. LevelDB's own
 * lock decides; the file `owner` beside it says in words who has it.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type OpenedCatalogue, openCatalogue } from './catalogue-repair.ts'

export const CATALOGUE_FOLDER = 'catalogue'
export const LOG_FOLDER = 'log'
export const QUARANTINE_FOLDER = 'quarantine'
const OWNER_FILE = 'owner'
const STORE_FOLDERS: readonly string[] = [CATALOGUE_FOLDER, LOG_FOLDER]

/** The folder cannot be used, for a reason that somebody can do something about. */
export class DataFolderError extends Error {
  constructor(text: string, options?: ErrorOptions) {
    super(text, options)
    this.name = 'DataFolderError'
  }
}

export type FolderContent = 'nothing' | 'store' | 'foreign'

/** What is in the folder. One that is not there has nothing in it. */
export async function folderContent(folder: string): Promise<FolderContent> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  if (names.some((name) => STORE_FOLDERS.includes(name))) return 'store'
  // A disk of its own comes with a folder for what is found on it; hidden files belong to the system.
  const visible = names.filter((name) => !name.startsWith('.') && name !== 'lost+found' && name !== OWNER_FILE)
  return visible.length === 0 ? 'nothing' : 'foreign'
}

/** Throws DataFolderError when there is something in the folder, but no store. */
export async function requireUsableFolder(folder: string): Promise<void> {
  if ((await folderContent(folder)) !== 'foreign') return
  throw new DataFolderError(`the folder ${folder} has other files in it and no store: choose an empty folder`)
}

/**
 * Takes the folder for this process and opens its catalogue, which is repaired first when it is damaged. Throws
 * DataFolderError when another process has it, and says which.
 */
export async function claimFolder(folder: string): Promise<OpenedCatalogue> {
  try {
    const opened = await openCatalogue(join(folder, CATALOGUE_FOLDER), join(folder, QUARANTINE_FOLDER))
    await writeOwner(folder)
    return opened
  } catch (error) {
    if (isLocked(error)) throw await inUse(folder, error)
    throw error
  }
}

/** To be called just before the catalogue is closed. */
export async function releaseFolder(folder: string): Promise<void> {
  await rm(join(folder, OWNER_FILE), { force: true })
}

/** What is thrown when somebody else has the folder. */
export async function inUse(folder: string, cause: unknown): Promise<DataFolderError> {
  return new DataFolderError(`the folder ${folder} is in use by ${await ownerText(folder)}: stop it first`, { cause })
}

/** LevelDB says that somebody else has the database open. */
export function isLocked(error: unknown): boolean {
  return codesOf(error).includes('LEVEL_LOCKED')
}

/** The code of an error, and those of what caused it. */
function codesOf(error: unknown): string[] {
  const codes: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) if ('code' in at) codes.push(String(at.code))
  return codes
}

async function writeOwner(folder: string): Promise<void> {
  const owner = { pid: process.pid, host: hostname(), since: new Date().toISOString() }
  // It only serves a message: a disk that cannot take it shows elsewhere.
  await writeFile(join(folder, OWNER_FILE), `${JSON.stringify(owner)}\n`).catch(() => {})
}

/** Whether this very process has the folder. */
export async function isOwnedHere(folder: string): Promise<boolean> {
  const owner = await ownerOf(folder)
  return owner?.pid === process.pid && owner.host === hostname()
}

interface Owner {
  readonly pid?: unknown
  readonly host?: unknown
  readonly since?: unknown
}

async function ownerOf(folder: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, OWNER_FILE), 'utf8')) as Owner
  } catch {
    return undefined
  }
}

async function ownerText(folder: string): Promise<string> {
  const owner = await ownerOf(folder)
  if (owner === undefined) return 'another process'
  const { pid, host, since } = owner
  const place = host === hostname() ? '' : ` on ${String(host)}`
  const who = pid === process.pid && place === '' ? 'this process' : `process ${String(pid)}${place}`
  return `${who} since ${String(since)}`
}
