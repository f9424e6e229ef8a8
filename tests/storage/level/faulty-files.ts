// The files of a log with faults in between: what a test says happens before, or instead of, each operation.
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { DataFile } from '../../../storage/level/disk/data-file.ts'
import type { Files } from '../../../storage/level/disk/files.ts'

export type FileOperation =
  | 'open'
  | 'write'
  | 'sync'
  | 'read'
  | 'size'
  | 'truncate'
  | 'rename'
  | 'remove'
  | 'syncFolder'

/** May wait, or throw instead of the operation; of a write, `bytes` says how much gets through before it throws. */
export type Fault = (operation: FileOperation, name: string) => void | Promise<void>

/** An error as the system makes them. */
export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected, write`), { code })
}

/** What is thrown by a fault that lets a part of a write through first. */
export class ShortWrite extends Error {
  readonly share: number
  override readonly cause: NodeJS.ErrnoException

  constructor(share: number, cause: NodeJS.ErrnoException) {
    super('short write')
    this.share = share
    this.cause = cause
  }
}

/** A write that a power loss may still undo, sector by sector. */
interface UnsyncedWrite {
  name: string
  readonly offset: number
  readonly bytes: number
  /** What was there before; shorter where the file was. */
  readonly before: Buffer
}

const SECTOR_BYTES = 512
const BLOCK_BYTES = 4096

function blockEnd(offset: number): number {
  return Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES
}

export class FaultyFiles implements Files {
  fault: Fault = () => {}
  #unsynced: UnsyncedWrite[] = []
  readonly #files: () => Promise<Files>
  #opened: Promise<Files> | undefined
  readonly folder: string

  constructor(folder: string, files: () => Promise<Files>) {
    this.folder = folder
    this.#files = files
  }

  async open(name: string): Promise<DataFile> {
    await this.fault('open', name)
    return new FaultyFile(await (await this.#disk()).open(name), name, this)
  }

  async names(): Promise<string[]> {
    return await (await this.#disk()).names()
  }

  async remove(name: string): Promise<void> {
    await this.fault('remove', name)
    await (await this.#disk()).remove(name)
    this.#unsynced = this.#unsynced.filter((write) => write.name !== name)
  }

  async syncFolder(): Promise<void> {
    await this.fault('syncFolder', '')
    await (await this.#disk()).syncFolder()
  }

  async freeBytes(): Promise<number> {
    return await (await this.#disk()).freeBytes()
  }

  wrote(write: UnsyncedWrite): void {
    this.#unsynced.push(write)
  }

  synced(name: string, offset = 0, bytes: number = Number.POSITIVE_INFINITY): void {
    const isSynced = (write: UnsyncedWrite): boolean =>
      write.name === name && write.offset >= offset && write.offset + write.bytes <= offset + bytes
    this.#unsynced = this.#unsynced.filter((write) => !isSynced(write))
  }

  renamed(from: string, to: string): void {
    for (const write of this.#unsynced) if (write.name === from) write.name = to
  }

  /** Does to a copy of the folder what a power loss does: of what was not synced, it keeps the sectors it wants to. */
  losePower(copy: string, keepsSector: () => boolean): void {
    for (const { name, offset, bytes, before } of this.#unsynced.toReversed()) {
      const descriptor = openSync(join(copy, name), 'r+')
      let kept = 0
      for (let at = 0; at < bytes; at += SECTOR_BYTES) {
        if (keepsSector()) kept++
        else {
          const sector = Buffer.alloc(Math.min(SECTOR_BYTES, bytes - at))
          before.copy(sector, 0, Math.min(at, before.length))
          writeSync(descriptor, sector, 0, sector.length, offset + at)
        }
      }
      if (kept === 0 && before.length < bytes) ftruncateSync(descriptor, offset + before.length)
      closeSync(descriptor)
    }
  }

  #disk(): Promise<Files> {
    this.#opened ??= this.#files()
    return this.#opened
  }
}

class FaultyFile implements DataFile {
  readonly #file: DataFile
  readonly #files: FaultyFiles
  #name: string

  constructor(file: DataFile, name: string, files: FaultyFiles) {
    this.#file = file
    this.#name = name
    this.#files = files
  }

  async write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    try {
      await this.#files.fault('write', this.#name)
    } catch (error) {
      if (!(error instanceof ShortWrite)) throw error
      const bytes = Buffer.concat(pieces)
      await this.#write([bytes.subarray(0, Math.floor(bytes.length * error.share))], offset)
      throw error.cause
    }
    await this.#write(pieces, offset)
  }

  async writeThrough(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    await this.write(pieces, offset)
    await this.#rewriteBlocks(pieces, offset)
    await this.#files.fault('sync', this.#name)
    await this.#file.writeThrough(pieces, offset)
    const start = offset - (offset % BLOCK_BYTES)
    this.#files.synced(this.#name, start, blockEnd(offset + Buffer.concat(pieces).length) - start)
  }

  /** What is written through is written in whole blocks: what was in front is written again, zeros are behind. */
  async #rewriteBlocks(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    const end = offset + Buffer.concat(pieces).length
    const head = Buffer.alloc(offset % BLOCK_BYTES)
    await this.#file.read(head, offset - head.length)
    await this.#write([head], offset - head.length)
    await this.#write([Buffer.alloc(blockEnd(end) - end)], end)
  }

  async sync(): Promise<void> {
    await this.#files.fault('sync', this.#name)
    await this.#file.sync()
    this.#files.synced(this.#name)
  }

  async read(buffer: Uint8Array, offset: number): Promise<boolean> {
    await this.#files.fault('read', this.#name)
    return this.#file.read(buffer, offset)
  }

  async size(): Promise<number> {
    await this.#files.fault('size', this.#name)
    return await this.#file.size()
  }

  async truncate(bytes: number): Promise<void> {
    await this.#files.fault('truncate', this.#name)
    await this.#file.truncate(bytes)
  }

  async rename(name: string): Promise<void> {
    await this.#files.fault('rename', this.#name)
    await this.#file.rename(name)
    this.#files.renamed(this.#name, name)
    this.#name = name
  }

  isInPlace(): Promise<boolean> {
    return this.#file.isInPlace()
  }

  rest(): Promise<void> {
    return this.#file.rest()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #write(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    const bytes = Buffer.concat(pieces).length
    const before = Buffer.alloc(Math.max(0, Math.min(bytes, (await this.#file.size()) - offset)))
    await this.#file.read(before, offset)
    await this.#file.write(pieces, offset)
    this.#files.wrote({ name: this.#name, offset, bytes, before })
  }
}
