/** Makes a store again from a backup (see backup.ts): all of it, or nothing. */
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Catalogue } from '../catalogue/catalogue.ts'
import type { CatalogueOperation } from '../catalogue/catalogue-records.ts'
import { removeEntityCopy } from '../checkpoint/entity-copy.ts'
import {
  BACKUP_LOG_NAME,
  BACKUP_RECORDS_NAME,
  compareWithManifest,
  MANIFEST,
  type Manifest,
  type ManifestFile,
  parseManifest,
} from '../copy/backup-manifest.ts'
import { CountedContent } from '../copy/counted-content.ts'
import { ifMissing, makeFolder, syncFolder } from '../disk/files.ts'
import { CATALOGUE_FOLDER, RESTORE_FOLDER, STORE_FOLDERS } from '../disk/store-folders.ts'
import { claimFolder, DataFolderError, folderContent } from '../recovery/data-folder.ts'
import { type BackupFile, backupFiles, readWhole, writeSynced } from './backup-files.ts'

/**
 * Resolves to the number of bytes. Over a restore that was cut off, it starts from the beginning. Throws DataFolderError
 * when the folder is not empty, a process uses it, or the backup is damaged.
 */
export async function restoreStore(
  from: string,
  folder: string,
  onProgress: (text: string) => void = () => {},
): Promise<number> {
  await requireRestorable(folder)
  const claimed = await claimFolder(folder)
  try {
    // Before it was claimed, another process may have been here.
    await requireRestorable(folder)
    await removeHalf(folder)
    // It is of a store that was here before.
    await removeEntityCopy(folder)
    return await restoreAll(from, folder, onProgress).catch(async (error: unknown) => {
      await removeHalf(folder)
      throw error
    })
  } finally {
    await claimed.release()
  }
}

/** As long as its own folder is there, no process takes what is in the other ones for a store. */
async function restoreAll(from: string, folder: string, onProgress: (text: string) => void): Promise<number> {
  const part = join(folder, RESTORE_FOLDER)
  for (const name of STORE_FOLDERS) await makeFolder(join(part, name))
  const bytes = await restoreInto(part, from, onProgress)
  for (const place of [...STORE_FOLDERS.map((name) => join(part, name)), part, folder]) await syncFolder(place)
  for (const name of STORE_FOLDERS) await rename(join(part, name), join(folder, name))
  await syncFolder(folder)
  await rm(part, { recursive: true })
  await syncFolder(folder)
  return bytes
}

async function requireRestorable(folder: string): Promise<void> {
  const content = await folderContent(folder)
  // What a restore has put in its place it has not any more: anything else is not its own.
  const isOwn = content === 'half-restored' && (await putInPlace(folder)).length === (await storeFolders(folder)).length
  if (content !== 'nothing' && !isOwn) {
    throw new DataFolderError(`the folder ${folder} is not empty: restore into a new one`)
  }
}

/** Removes what a restore has left that did not come to its end. */
async function removeHalf(folder: string): Promise<void> {
  for (const name of await putInPlace(folder)) await rm(join(folder, name), { recursive: true })
  await rm(join(folder, RESTORE_FOLDER), { recursive: true, force: true })
}

/** What a restore that is not at its end has moved to where it belongs. */
async function putInPlace(folder: string): Promise<string[]> {
  const waiting = await storeFolders(join(folder, RESTORE_FOLDER))
  return (await storeFolders(folder)).filter((name) => !waiting.includes(name))
}

async function storeFolders(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(ifMissing)) ?? []
  return STORE_FOLDERS.filter((name) => names.includes(name))
}

async function restoreInto(part: string, from: string, onProgress: (text: string) => void): Promise<number> {
  const catalogue = await Catalogue.open(join(part, CATALOGUE_FOLDER))
  try {
    let manifest: Manifest | undefined
    const copied = new Map<string, ManifestFile>()
    for await (const file of backupFiles(from)) {
      if (file.name === MANIFEST) manifest = parseManifest(await readWhole(file.content), from)
      else {
        onProgress(`copying ${file.name}`)
        copied.set(file.name, await copyFile(file, part, catalogue, from))
      }
    }
    compareWithManifest(manifest, copied, from)
    await catalogue.write([], true)
    return [...copied.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  } catch (error) {
    if (error instanceof RangeError) throw new DataFolderError(`${from}: ${error.message}`, { cause: error })
    throw error
  } finally {
    await catalogue.close()
  }
}

async function copyFile(
  { name, content }: BackupFile,
  part: string,
  catalogue: Catalogue,
  from: string,
): Promise<ManifestFile> {
  const counted = new CountedContent(content)
  if (BACKUP_LOG_NAME.test(name)) await writeSynced(join(part, name), counted)
  else if (BACKUP_RECORDS_NAME.test(name)) await catalogue.write(operationsOf(await readWhole(counted)), true)
  else throw new DataFolderError(`${from} is no backup of a store: it has a file ${name}`)
  return counted.as(name)
}

/** Throws RangeError when the bytes are no list of records. */
function operationsOf(records: Buffer): CatalogueOperation[] {
  const operations: CatalogueOperation[] = []
  for (let at = 0; at < records.length; ) {
    const keyEnd = at + 8 + records.readUInt32BE(at)
    const end = keyEnd + records.readUInt32BE(at + 4)
    if (end > records.length) throw new RangeError('a list of records ends too early')
    operations.push({ type: 'put', key: records.subarray(at + 8, keyEnd), value: records.subarray(keyEnd, end) })
    at = end
  }
  return operations
}
