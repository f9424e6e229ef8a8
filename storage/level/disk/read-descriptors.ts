/**
 * Descriptors of files that are read now and then. A store may have far more files than a process may have open: those
 * that were not read from for the longest time are closed, and opened again when they are.
 */
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from './disk-errors.ts'

/** So many stay open. */
const OPEN_MAX = 64
/** What the system says when it gives no more descriptors. */
const NO_DESCRIPTORS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE'])
/** How long, and how often, reading waits until others have closed theirs. */
const WAIT_MS_MAX = 10_000
const POLL_MS = 50

/** The part that a file has in it. */
export class ReadDescriptor {
  /** Undefined while it is closed. */
  handle: FileHandle | undefined
  /** Reads that are under way, or wait to be. */
  users = 0
  /** Called when the last of them is done. */
  whenUnused: (() => void) | undefined
}

export class ReadDescriptors {
  /** Those that are open, the one that was used last at the end. */
  readonly #open = new Set<ReadDescriptor>()
  readonly #max: number

  constructor(max = OPEN_MAX) {
    this.#max = max
  }

  /** Runs the read with the file, which `open` opens if it is not open. Rejects with its error if it cannot be opened. */
  async use<T>(
    descriptor: ReadDescriptor,
    open: () => Promise<FileHandle>,
    read: (handle: FileHandle) => Promise<T>,
  ): Promise<T> {
    descriptor.users++
    try {
      const handle = descriptor.handle ?? (await this.#opened(descriptor, open))
      this.#touch(descriptor)
      return await read(handle)
    } finally {
      descriptor.users--
      if (descriptor.users === 0) descriptor.whenUnused?.()
      await this.#closeUnused(this.#max)
    }
  }

  /** Closes the file once no read of it is under way. */
  async close(descriptor: ReadDescriptor): Promise<void> {
    if (descriptor.users > 0) {
      await new Promise<void>((resolve) => {
        descriptor.whenUnused = resolve
      })
    }
    await this.#close(descriptor)
  }

  async #opened(descriptor: ReadDescriptor, open: () => Promise<FileHandle>): Promise<FileHandle> {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      try {
        const handle = await open()
        // Another read may have opened it meanwhile.
        if (descriptor.handle === undefined) descriptor.handle = handle
        else await handle.close()
        return descriptor.handle
      } catch (error) {
        if (!isWithoutDescriptors(error) || waitedMs >= WAIT_MS_MAX) throw error
        // Any that is not needed now does more good elsewhere.
        await this.#closeUnused(0)
        await sleep(POLL_MS)
      }
    }
  }

  #touch(descriptor: ReadDescriptor): void {
    this.#open.delete(descriptor)
    this.#open.add(descriptor)
  }

  async #closeUnused(max: number): Promise<void> {
    if (this.#open.size <= max) return
    for (const descriptor of this.#open) {
      if (descriptor.users > 0) continue
      // It was only read: there is nothing that could be lost.
      await this.#close(descriptor).catch(() => {})
      if (this.#open.size <= max) return
    }
  }

  async #close(descriptor: ReadDescriptor): Promise<void> {
    this.#open.delete(descriptor)
    const { handle } = descriptor
    descriptor.handle = undefined
    await handle?.close()
  }
}

function isWithoutDescriptors(error: unknown): boolean {
  return NO_DESCRIPTORS.has(codeOf(error))
}
