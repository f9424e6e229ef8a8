/** A file of the store: written to from the start until it rests, and read from as long as it is needed. */
import { constants } from 'node:fs'
import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { platform } from 'node:os'
import { join } from 'node:path'
import { closeAll } from './close-all.ts'
import type { DirectWriter } from './direct-writer.ts'
import { DisplacedError } from './disk-errors.ts'
import { isSameFile, openSame } from './file-identity.ts'
import { ReadDescriptor, type ReadDescriptors } from './read-descriptors.ts'

export interface DataFile {
  /** Writes all of it at this offset. */
  write(pieces: readonly Uint8Array[], offset: number): Promise<void>
  /**
   * Writes all of it at this offset, which is not behind the end, so that it survives a power loss. What was written
   * otherwise need not, and the rest of the block behind it may be zeros afterwards.
   */
  writeThrough(pieces: readonly Uint8Array[], offset: number): Promise<void>
  /** Makes everything written so far survive a power loss. */
  sync(): Promise<void>
  /**
   * Fills the buffer from this offset; rejects when the file is shorter. False when another file has its name now and was
   * read instead, perhaps a copy of it.
   */
  read(buffer: Uint8Array, offset: number): Promise<boolean>
  size(): Promise<number>
  truncate(bytes: number): Promise<void>
  /** Gives it another name in its folder, which no file has. */
  rename(name: string): Promise<void>
  /** Whether its name still leads to it. */
  isInPlace(): Promise<boolean>
  /** It is not written to for now: it gives back what that takes, once all that was written is synced. */
  rest(): Promise<void>
  close(): Promise<void>
}

/** Elsewhere, O_DSYNC is unknown, or promises less than a sync does. */
const WRITES_THROUGH = platform() === 'linux'

/** Open for writing from the start until it rests; for reading, as long as others leave room for it. */
export class DiskFile implements DataFile {
  #handle: FileHandle | undefined
  readonly #identity: string
  readonly #folder: string
  #name: string
  /** The same file, opened so that a write returns when it is safe: one call where a write and a sync are two. */
  #through: FileHandle | undefined
  /** The same, past the memory of the system. */
  #direct: FileHandle | undefined
  readonly #directWriter: DirectWriter
  readonly #descriptors: ReadDescriptors
  readonly #descriptor = new ReadDescriptor()
  #isResting = false
  /** Writes that a sync has to follow: all there were, and those that one has followed. */
  #writes = 0
  #syncedWrites = 0

  constructor(
    { handle, identity }: { readonly handle: FileHandle; readonly identity: string },
    folder: string,
    name: string,
    descriptors: ReadDescriptors,
    directWriter: DirectWriter,
  ) {
    this.#handle = handle
    this.#identity = identity
    this.#folder = folder
    this.#name = name
    this.#descriptors = descriptors
    this.#directWriter = directWriter
  }

  get #path(): string {
    return join(this.#folder, this.#name)
  }

  async write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    this.#isResting = false
    this.#writes++
    this.#directWriter.forget(this)
    await writeAll(this.#handle ?? (await this.#reopen()), pieces, offset)
  }

  writeThrough(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    this.#isResting = false
    if (this.#direct === undefined) return this.#writeFirst(pieces, offset)
    return this.#directWriter.write(this, this.#direct.fd, pieces, offset)
  }

  async #writeFirst(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    this.#direct = await this.#directWriter.open((flags) => this.#open(flags))
    await (this.#direct === undefined ? this.writeSynced(pieces, offset) : this.writeThrough(pieces, offset))
  }

  async writeSynced(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    if (WRITES_THROUGH) {
      this.#through ??= await this.#open(constants.O_RDWR | constants.O_DSYNC)
      await writeAll(this.#through, pieces, offset)
    } else {
      await this.write(pieces, offset)
      await this.sync()
    }
  }

  async readBack(buffer: Uint8Array, offset: number): Promise<void> {
    const handle = this.#handle ?? (await this.#reopen())
    await readFrom(handle, buffer, offset)
  }

  async sync(): Promise<void> {
    const writes = this.#writes
    await (this.#handle ?? (await this.#reopen())).datasync()
    this.#syncedWrites = Math.max(this.#syncedWrites, writes)
    if (this.#isResting) await this.#closeHandles()
  }

  async read(buffer: Uint8Array, offset: number): Promise<boolean> {
    try {
      await this.#descriptors.use(
        this.#descriptor,
        () => this.#open('r'),
        (handle) => readFrom(handle, buffer, offset),
      )
      return true
    } catch (error) {
      if (!(error instanceof DisplacedError)) throw error
      await this.#readNamesake(buffer, offset)
      return false
    }
  }

  async #readNamesake(buffer: Uint8Array, offset: number): Promise<void> {
    const handle = await open(this.#path, 'r').catch(() => undefined)
    if (handle === undefined) throw new DisplacedError(this.#path)
    try {
      await readFrom(handle, buffer, offset)
    } catch {
      throw new DisplacedError(this.#path)
    } finally {
      await handle.close()
    }
  }

  async size(): Promise<number> {
    return (await (this.#handle?.stat() ?? stat(this.#path))).size
  }

  async truncate(bytes: number): Promise<void> {
    await (this.#handle ?? (await this.#reopen())).truncate(bytes)
  }

  async rename(name: string): Promise<void> {
    if (!(await this.isInPlace())) throw new DisplacedError(this.#path)
    await rename(this.#path, join(this.#folder, name))
    this.#name = name
  }

  isInPlace(): Promise<boolean> {
    return isSameFile(this.#path, this.#identity)
  }

  async rest(): Promise<void> {
    this.#isResting = true
    // What the system could not write it tells those who had the file open then.
    if (this.#syncedWrites === this.#writes) await this.#closeHandles()
  }

  async close(): Promise<void> {
    await closeAll([() => this.#closeHandles(), () => this.#descriptors.close(this.#descriptor)])
  }

  async #reopen(): Promise<FileHandle> {
    this.#handle = await this.#open('r+')
    return this.#handle
  }

  /** What has its name now may be another file. */
  #open(flags: string | number): Promise<FileHandle> {
    return openSame(this.#path, flags, this.#identity)
  }

  async #closeHandles(): Promise<void> {
    const handles = [this.#direct, this.#through, this.#handle]
    this.#direct = this.#through = this.#handle = undefined
    await closeAll(handles.map((handle) => () => handle?.close()))
  }
}

/** Fills the buffer, by as many reads as that takes. */
async function readFrom(handle: FileHandle, buffer: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < buffer.length; ) {
    const { bytesRead } = await handle.read(buffer, at, buffer.length - at, offset + at)
    if (bytesRead === 0) throw new RangeError(`the file ends ${buffer.length - at} bytes too early`)
    at += bytesRead
  }
}

async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[], offset: number): Promise<void> {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0)
  let left = pieces
  for (let written = 0; written < total; ) {
    const { bytesWritten } = await handle.writev(left, offset + written)
    written += bytesWritten
    if (written < total) left = behind(left, bytesWritten)
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
