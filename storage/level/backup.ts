/**
 * Copies of a store that no broker uses. A backup has the files of the log as they are, the catalogue as a list of its
 * records, and a manifest with the size and the CRC-32 of each file:
 *
 *     log/0000000000000001.log …
 *     catalogue/000001.records …    record = key bytes u32 · value bytes u32 · key · value
 *     manifest.json
 */
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ClassicLevel } from 'classic-level'
import { type BackupFile, backupFiles, createBackupTarget, readWhole, syncFolder, writeSynced } from './backup-files.ts'
import { Catalogue, type CatalogueOperation } from './catalogue.ts'
import { CATALOGUE_FOLDER, DataFolderError, folderContent, LOG_FOLDER } from './data-folder.ts'
import { openFolder } from './files.ts'
import { logFileNumber } from './log-format.ts'
import { type CheckOptions, type StoreReport, withCheckedStore } from './offline-store.ts'
import { FORMAT_VERSIONS } from './recovery.ts'

const BACKUP_VERSION = 1
const MANIFEST = 'manifest.json'
const RECORDS_FILE_BYTES = 8 * 1024 * 1024
const READ_BYTES = 1024 * 1024
const RESTORE_FOLDER = '.restore'
/** The only names that a backup may bring: it is not trusted to say where files go. */
const LOG_NAME = /^log\/\d{16}\.log$/
const RECORDS_NAME = /^catalogue\/\d{6}\.records$/

interface Manifest {
  readonly version: number
  readonly catalogueVersion: number
  readonly logVersion: number
  readonly createdAt: string
  readonly files: readonly ManifestFile[]
}

interface ManifestFile {
  readonly name: string
  readonly bytes: number
  readonly crc32: number
}

export interface BackupResult {
  /** What the check of the store found; the backup has it as it is. */
  readonly report: StoreReport
  readonly files: number
  readonly bytes: number
}

/** Throws DataFolderError when there is no store, somebody uses it, or the backup is there already. */
export async function backupStore(folder: string, to: string, options: CheckOptions): Promise<BackupResult> {
  return await withCheckedStore(folder, options, async (report, catalogueCopy) => {
    const target = await createBackupTarget(to)
    try {
      const files: ManifestFile[] = []
      const add = async (name: string, bytes: number, content: AsyncIterable<Buffer>): Promise<void> => {
        options.onProgress?.(`copying ${name}, ${bytes} bytes`)
        let crc = 0
        await target.add(
          name,
          bytes,
          through(content, (piece) => (crc = crc32(piece, crc))),
        )
        files.push({ name, bytes, crc32: crc })
      }
      for await (const [name, bytes, content] of logContents(join(folder, LOG_FOLDER))) await add(name, bytes, content)
      let number = 0
      for await (const records of recordsOf(catalogueCopy)) {
        const name = `catalogue/${String(++number).padStart(6, '0')}.records`
        await add(name, records.length, one(records))
      }
      const { catalogue, log } = FORMAT_VERSIONS
      const createdAt = new Date().toISOString()
      const manifest: Manifest = {
        version: BACKUP_VERSION,
        catalogueVersion: catalogue,
        logVersion: log,
        createdAt,
        files,
      }
      const text = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`)
      await target.add(MANIFEST, text.length, [text])
      await target.finish()
      return { report, files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }
    } catch (error) {
      await target.discard()
      throw error
    }
  })
}

/** Resolves to the number of bytes. Throws DataFolderError when the folder is not empty or the backup is damaged. */
export async function restoreStore(
  from: string,
  folder: string,
  onProgress: (text: string) => void = () => {},
): Promise<number> {
  if ((await folderContent(folder)) !== 'nothing') {
    throw new DataFolderError(`the folder ${folder} is not empty: restore into a new one`)
  }
  const part = join(folder, RESTORE_FOLDER)
  await rm(part, { recursive: true, force: true })
  await mkdir(join(part, LOG_FOLDER), { recursive: true })
  try {
    const bytes = await restoreInto(part, from, onProgress)
    await syncFolder(join(part, LOG_FOLDER))
    for (const name of [LOG_FOLDER, CATALOGUE_FOLDER]) await rename(join(part, name), join(folder, name))
    await syncFolder(folder)
    return bytes
  } finally {
    await rm(part, { recursive: true, force: true })
  }
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
    compare(manifest, copied, from)
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
  let crc = 0
  let bytes = 0
  const counted = through(content, (piece) => {
    crc = crc32(piece, crc)
    bytes += piece.length
  })
  if (LOG_NAME.test(name)) await writeSynced(join(part, name), counted)
  else if (RECORDS_NAME.test(name)) await catalogue.write(operationsOf(await readWhole(counted)), true)
  else throw new DataFolderError(`${from} is no backup of a store: it has a file ${name}`)
  return { name, bytes, crc32: crc }
}

function parseManifest(bytes: Buffer, from: string): Manifest {
  let manifest: Manifest
  try {
    manifest = JSON.parse(bytes.toString()) as Manifest // checked field by field when it is used
  } catch (error) {
    throw new DataFolderError(`${from} is damaged: its manifest cannot be read`, { cause: error })
  }
  const { catalogue, log } = FORMAT_VERSIONS
  const isNewer =
    manifest.version > BACKUP_VERSION || manifest.catalogueVersion > catalogue || manifest.logVersion > log
  if (isNewer) throw new DataFolderError(`${from} was made by a newer version of Leveret: use that one to restore it`)
  return manifest
}

function compare(manifest: Manifest | undefined, copied: ReadonlyMap<string, ManifestFile>, from: string): void {
  if (!Array.isArray(manifest?.files)) throw new DataFolderError(`${from} is no whole backup: it has no manifest`)
  for (const { name, bytes, crc32: crc } of manifest.files) {
    const copy = copied.get(name)
    if (copy === undefined) throw new DataFolderError(`${from} is damaged: ${name} is missing`)
    if (copy.bytes !== bytes || copy.crc32 !== crc)
      throw new DataFolderError(`${from} is damaged: ${name} is not as it was`)
  }
  if (copied.size > manifest.files.length)
    throw new DataFolderError(`${from} is damaged: it has files it should not have`)
}

async function* logContents(folder: string): AsyncIterable<[name: string, bytes: number, AsyncIterable<Buffer>]> {
  const files = await openFolder(folder)
  for (const name of (await files.names()).sort()) {
    if (logFileNumber(name) === undefined) continue
    const file = await files.open(name)
    try {
      const bytes = await file.size()
      yield [
        `log/${name}`,
        bytes,
        (async function* () {
          for (let at = 0; at < bytes; at += READ_BYTES) {
            const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, bytes - at))
            await file.read(buffer, at)
            yield buffer
          }
        })(),
      ]
    } finally {
      await file.close()
    }
  }
}

/** All records of a catalogue, many at a time. */
async function* recordsOf(folder: string): AsyncIterable<Buffer> {
  const database: ClassicLevel<Buffer, Buffer> = new ClassicLevel(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  try {
    let pieces: Buffer[] = []
    let bytes = 0
    for await (const [key, value] of database.iterator()) {
      const lengths = Buffer.alloc(8)
      lengths.writeUInt32BE(key.length)
      lengths.writeUInt32BE(value.length, 4)
      pieces.push(lengths, key, value)
      bytes += 8 + key.length + value.length
      if (bytes < RECORDS_FILE_BYTES) continue
      yield Buffer.concat(pieces)
      pieces = []
      bytes = 0
    }
    if (bytes > 0) yield Buffer.concat(pieces)
  } finally {
    await database.close()
  }
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

async function* through(content: AsyncIterable<Buffer>, see: (piece: Buffer) => void): AsyncIterable<Buffer> {
  for await (const piece of content) {
    see(piece)
    yield piece
  }
}

async function* one(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes
}
