/** Where a backup is written to and read from: a folder, or one tar archive. Only a whole backup gets its name. */
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SYSTEM_CLOCK } from '../../../src/lib/clock.ts'
import { readTar, tarEnd, tarHeader, tarPadding } from '../../../src/lib/tar.ts'
import { makeFolder, PRIVATE, PRIVATE_FILE, syncFolder } from '../disk/files.ts'
import { DataFolderError } from '../recovery/data-folder.ts'

export interface BackupTarget {
  add(name: string, sizeBytes: number, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>
  /** Gives the backup its name; it survives a power loss then. */
  finish(): Promise<void>
  /** Removes what was written. */
  discard(): Promise<void>
}

export interface BackupFile {
  readonly name: string
  readonly content: AsyncIterable<Buffer>
}

/** A name that ends with `.tar` means an archive. Throws DataFolderError when there is something already. */
export async function createBackupTarget(path: string): Promise<BackupTarget> {
  if (await hasContent(path)) throw new DataFolderError(`${path} is there already: choose another name for the backup`)
  const part = `${path}.part`
  await makeFolder(dirname(path))
  try {
    if (path.endsWith('.tar')) return new TarTarget(path, part, await open(part, 'wx', PRIVATE_FILE))
    await mkdir(part, PRIVATE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const text = `${part} is there already, perhaps from a backup that was cut off: remove it, or choose another name`
    throw new DataFolderError(text, { cause: error })
  }
  return new FolderTarget(path, part)
}

/** The files of a backup, those of an archive in their order, `manifest.json` among them. */
export async function* backupFiles(path: string): AsyncIterable<BackupFile> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new DataFolderError(`there is no backup at ${path}`)
  if (!found.isDirectory()) {
    yield* readTar(createReadStream(path))
    return
  }
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    yield { name: file.slice(join(path, '/').length).replaceAll('\\', '/'), content: createReadStream(file) }
  }
}

export async function readWhole(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of content) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Throws the system's error when that cannot be known: then there can be no backup either. */
async function hasContent(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (found === undefined) return false
  return !found.isDirectory() || (await readdir(path)).length > 0
}

class TarTarget implements BackupTarget {
  readonly #path: string
  readonly #part: string
  readonly #handle: FileHandle

  constructor(path: string, part: string, handle: FileHandle) {
    this.#path = path
    this.#part = part
    this.#handle = handle
  }

  async add(name: string, sizeBytes: number, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    await this.#handle.writeFile(tarHeader(name, sizeBytes, SYSTEM_CLOCK.wallMs() / 1000))
    for await (const piece of content) await this.#handle.writeFile(piece)
    await this.#handle.writeFile(tarPadding(sizeBytes))
  }

  async finish(): Promise<void> {
    await this.#handle.writeFile(tarEnd())
    await this.#handle.sync()
    await this.#handle.close()
    await rename(this.#part, this.#path)
    await syncFolder(dirname(this.#path))
  }

  async discard(): Promise<void> {
    await this.#handle.close()
    await rm(this.#part, { force: true })
  }
}

class FolderTarget implements BackupTarget {
  readonly #path: string
  readonly #part: string

  constructor(path: string, part: string) {
    this.#path = path
    this.#part = part
  }

  async add(name: string, _: number, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const path = join(this.#part, name)
    await mkdir(dirname(path), { recursive: true, ...PRIVATE })
    await writeSynced(path, content)
  }

  async finish(): Promise<void> {
    for (const entry of await readdir(this.#part, { withFileTypes: true })) {
      if (entry.isDirectory()) await syncFolder(join(this.#part, entry.name))
    }
    await syncFolder(this.#part)
    // An empty folder of that name is replaced.
    await rename(this.#part, this.#path)
    await syncFolder(dirname(this.#path))
  }

  async discard(): Promise<void> {
    await rm(this.#part, { recursive: true, force: true })
  }
}

/** Writes a file that survives a power loss. */
export async function writeSynced(
  path: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const handle = await open(path, 'w', PRIVATE_FILE)
  try {
    for await (const piece of content) await handle.writeFile(piece)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
