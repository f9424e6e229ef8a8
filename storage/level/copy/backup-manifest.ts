/** What a backup says of itself: which files it has, and in which formats. */
import { CATALOGUE_VERSION } from '../catalogue/catalogue-records.ts'
import { LOG_VERSION } from '../log/log-format.ts'
import { DataFolderError } from '../recovery/data-folder.ts'

export const MANIFEST = 'manifest.json'
const BACKUP_VERSION = 1

export interface Manifest {
  readonly version: number
  readonly catalogueVersion: number
  readonly logVersion: number
  readonly createdAt: string
  readonly files: readonly ManifestFile[]
}

export interface ManifestFile {
  readonly name: string
  readonly bytes: number
  readonly crc32: number
}

/** The only names that a backup may have: it is not trusted to say where files go. */
export const BACKUP_LOG_NAME = /^log\/\d{16}\.log$/
export const BACKUP_RECORDS_NAME = /^catalogue\/\d{6}\.records$/

export function recordsName(number: number): string {
  return `catalogue/${String(number).padStart(6, '0')}.records`
}

/** The manifest as it is written. */
export function manifestText(files: readonly ManifestFile[], nowMs: number): Buffer {
  return Buffer.from(`${JSON.stringify(createManifest(files, nowMs), undefined, 2)}\n`)
}

/** Throws DataFolderError when these are not the files of the manifest, as they were. */
export function compareWithManifest(
  manifest: Manifest | undefined,
  copied: ReadonlyMap<string, ManifestFile>,
  from: string,
): void {
  if (manifest === undefined) throw new DataFolderError(`${from} is no whole backup: it has no manifest`)
  for (const { name, bytes, crc32: crc } of manifest.files) {
    const copy = copied.get(name)
    if (copy === undefined) throw new DataFolderError(`${from} is damaged: ${name} is missing`)
    if (copy.bytes !== bytes || copy.crc32 !== crc)
      throw new DataFolderError(`${from} is damaged: ${name} is not as it was`)
  }
  if (copied.size > manifest.files.length)
    throw new DataFolderError(`${from} is damaged: it has files it should not have`)
}

function createManifest(files: readonly ManifestFile[], nowMs: number): Manifest {
  return {
    version: BACKUP_VERSION,
    catalogueVersion: CATALOGUE_VERSION,
    logVersion: LOG_VERSION,
    createdAt: new Date(nowMs).toISOString(),
    files,
  }
}

/** Throws DataFolderError for what is none, or of a newer version. */
export function parseManifest(bytes: Buffer, from: string): Manifest {
  let found: Partial<Manifest> | null | undefined
  try {
    found = JSON.parse(bytes.toString()) as typeof found // checked field by field
  } catch {
    // it is no manifest either
  }
  const { version, catalogueVersion, logVersion, createdAt, files } = found ?? {}
  if (!isNumber(version) || !isNumber(catalogueVersion) || !isNumber(logVersion)) throw damagedManifest(from)
  // Another version may have other fields.
  const isNewer = version > BACKUP_VERSION || catalogueVersion > CATALOGUE_VERSION || logVersion > LOG_VERSION
  if (isNewer) throw new DataFolderError(`${from} was made by a newer version of Leveret: use that one to restore it`)
  if (!Array.isArray(files) || !files.every(isManifestFile)) throw damagedManifest(from)
  return { version, catalogueVersion, logVersion, createdAt: String(createdAt), files }
}

function damagedManifest(from: string): DataFolderError {
  return new DataFolderError(`${from} is damaged: its manifest cannot be read`)
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function isManifestFile(value: unknown): value is ManifestFile {
  const { name, bytes, crc32: crc } = (value ?? {}) as Partial<ManifestFile>
  return typeof name === 'string' && isNumber(bytes) && isNumber(crc)
}
