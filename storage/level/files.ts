/** The few things the store does with files. Tests put faults in between. */
import { closeSync, fsyncSync, openSync, readSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'

export interface DataFile {
  /** Writes all of it at this offset. */
  write(pieces: readonly Uint8Array[], offset: number): Promise<void>
  /** Makes everything written so far survive a power loss. */
  sync(): Promise<void>
  /** Fills the buffer from this offset; rejects when the file is shorter. */
  read(buffer: Uint8Array, offset: number): Promise<void>
  readNow(buffer: Uint8Array, offset: number): void
  size(): Promise<number>
  truncate(bytes: number): Promise<void>
  close(): Promise<void>
}

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

export async function openFolder(folder: string): Promise<Files> {
  await mkdir(folder, { recursive: true })
  return {
    folder,
    async open(name) {
      const handle = await open(join(folder, name), 'r+').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
        return open(join(folder, name), 'w+')
      })
      return new DiskFile(handle)
    },
    names: () => readdir(folder),
    remove: (name) => rm(join(folder, name), { force: true }),
    async syncFolder() {
      const handle = openSync(folder, 'r')
      try {
        fsyncSync(handle)
      } finally {
        closeSync(handle)
      }
    },
    async freeBytes() {
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    },
  }
}

class DiskFile implements DataFile {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    const total = pieces.reduce((sum, piece) => sum + piece.length, 0)
    let left: Uint8Array[] = [...pieces]
    for (let written = 0; written < total; ) {
      const { bytesWritten } = await this.#handle.writev(left, offset + written)
      written += bytesWritten
      if (written < total) left = behind(left, bytesWritten)
    }
  }

  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  async read(buffer: Uint8Array, offset: number): Promise<void> {
    for (let at = 0; at < buffer.length; ) {
      const { bytesRead } = await this.#handle.read(buffer, at, buffer.length - at, offset + at)
      if (bytesRead === 0) throw new RangeError(`the file ends ${buffer.length - at} bytes too early`)
      at += bytesRead
    }
  }

  readNow(buffer: Uint8Array, offset: number): void {
    for (let at = 0; at < buffer.length; ) {
      const bytesRead = readSync(this.#handle.fd, buffer, at, buffer.length - at, offset + at)
      if (bytesRead === 0) throw new RangeError(`the file ends ${buffer.length - at} bytes too early`)
      at += bytesRead
    }
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  truncate(bytes: number): Promise<void> {
    return this.#handle.truncate(bytes)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** What is left of the pieces behind so many bytes. */
function behind(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const left: Uint8Array[] = []
  let skip = bytes
  for (const piece of pieces) {
    if (skip < piece.length) left.push(skip === 0 ? piece : piece.subarray(skip))
    skip = Math.max(0, skip - piece.length)
  }
  return left
}
