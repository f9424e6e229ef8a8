/**
 * Descriptors of files that are read now and then. A store may have far more files than a process may have open: those
 * that were not read from for the longest time are closed, and opened again when they are.
 */
import { closeSync, open } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { codeOf } from './disk-errors.ts'

const openFile = promisify(open)

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
  fd: number | undefined
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

  /** Runs the read with a descriptor of the file at this path. Rejects with the system's error if it cannot be opened. */
  async use<T>(descriptor: ReadDescriptor, path: string, read: (fd: number) => Promise<T>): Promise<T> {
    descriptor.users++
    try {
      const fd = descriptor.fd ?? (await this.#opened(descriptor, path))
      this.#touch(descriptor)
      return await read(fd)
    } finally {
      descriptor.users--
      if (descriptor.users === 0) descriptor.whenUnused?.()
      this.#closeUnused(this.#max)
    }
  }

  /** Closes the file once no read of it is under way. */
  async close(descriptor: ReadDescriptor): Promise<void> {
    if (descriptor.users > 0) {
      await new Promise<void>((resolve) => {
        descriptor.whenUnused = resolve
      })
    }
    this.#close(descriptor)
  }

  async #opened(descriptor: ReadDescriptor, path: string): Promise<number> {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      try {
        const fd = await openFile(path, 'r')
        // Another read may have opened it meanwhile.
        if (descriptor.fd === undefined) descriptor.fd = fd
        else closeSync(fd)
        return descriptor.fd
      } catch (error) {
        if (!isWithoutDescriptors(error) || waitedMs >= WAIT_MS_MAX) throw error
        // Any that is not needed now does more good elsewhere.
        this.#closeUnused(0)
        await sleep(POLL_MS)
      }
    }
  }

  #touch(descriptor: ReadDescriptor): void {
    this.#open.delete(descriptor)
    this.#open.add(descriptor)
  }

  #closeUnused(max: number): void {
    if (this.#open.size <= max) return
    for (const descriptor of this.#open) {
      if (descriptor.users > 0) continue
      this.#close(descriptor)
      if (this.#open.size <= max) return
    }
  }

  #close(descriptor: ReadDescriptor): void {
    this.#open.delete(descriptor)
    if (descriptor.fd === undefined) return
    const { fd } = descriptor
    descriptor.fd = undefined
    // It was only read: there is nothing that could be lost.
    closeSync(fd)
  }
}

function isWithoutDescriptors(error: unknown): boolean {
  return NO_DESCRIPTORS.has(codeOf(error))
}
