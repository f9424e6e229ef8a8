// The files of a log with faults in between: what a test says happens before, or instead of, each operation.
import type { DataFile, Files } from '../../../storage/level/files.ts'

export type FileOperation = 'open' | 'write' | 'sync' | 'read' | 'size' | 'truncate' | 'remove' | 'syncFolder'

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

export class FaultyFiles implements Files {
  fault: Fault = () => {}
  /** How long each file was when it was last synced: what a power loss leaves of it. */
  readonly syncedBytes = new Map<string, number>()
  readonly #files: () => Promise<Files>
  #opened: Promise<Files> | undefined
  readonly folder: string

  constructor(folder: string, files: () => Promise<Files>) {
    this.folder = folder
    this.#files = files
  }

  async open(name: string): Promise<DataFile> {
    await this.fault('open', name)
    const file = await (await this.#disk()).open(name)
    const { syncedBytes } = this
    const before = (operation: FileOperation): void | Promise<void> => this.fault(operation, name)
    return {
      async write(pieces, offset) {
        try {
          await before('write')
        } catch (error) {
          if (!(error instanceof ShortWrite)) throw error
          const bytes = Buffer.concat(pieces)
          await file.write([bytes.subarray(0, Math.floor(bytes.length * error.share))], offset)
          throw error.cause
        }
        await file.write(pieces, offset)
      },
      async sync() {
        await before('sync')
        const bytes = await file.size()
        await file.sync()
        syncedBytes.set(name, bytes)
      },
      async read(buffer, offset) {
        await before('read')
        await file.read(buffer, offset)
      },
      readNow: (buffer, offset) => {
        void before('read')
        file.readNow(buffer, offset)
      },
      async size() {
        await before('size')
        return await file.size()
      },
      async truncate(bytes) {
        await before('truncate')
        await file.truncate(bytes)
      },
      close: () => file.close(),
    }
  }

  async names(): Promise<string[]> {
    return await (await this.#disk()).names()
  }

  async remove(name: string): Promise<void> {
    await this.fault('remove', name)
    await (await this.#disk()).remove(name)
  }

  async syncFolder(): Promise<void> {
    await this.fault('syncFolder', '')
    await (await this.#disk()).syncFolder()
  }

  async freeBytes(): Promise<number> {
    return await (await this.#disk()).freeBytes()
  }

  #disk(): Promise<Files> {
    this.#opened ??= this.#files()
    return this.#opened
  }
}
