/**
 * Writes to the disk past the memory of the system (Linux, O_DIRECT): that takes half the processor time and is there
 * sooner, since nothing is put aside first. The system takes whole blocks only, from memory that begins where a page
 * does. So what is to be written is gathered in one such piece of memory, and the block in which the last write ended
 * is written again with what follows; behind the end of a write, its last block is filled with zeros.
 */
import { constants, write } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { platform } from 'node:os'
import { codeOf } from './disk-errors.ts'

/** All disks and file systems take blocks of this size. */
const BLOCK_BYTES = 4096
/** So much is written at a time. */
const ROOM_BYTES = 1024 * 1024
const WASM_PAGE_BYTES = 64 * 1024
/** What a file system says that cannot write directly, or not from this memory. */
const UNABLE_ERRORS: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'])

/** As in lib.dom, which describes much that Node.js has not. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
}

/** A file that is written directly. */
export interface DirectTarget {
  /** Fills the buffer with what was written at this offset. */
  readBack(buffer: Uint8Array, offset: number): Promise<void>
  /** Writes what cannot be written directly, as safely. */
  writeSynced(pieces: readonly Uint8Array[], offset: number): Promise<void>
}

export class DirectWriter {
  #isAble = platform() === 'linux'
  #isBusy = false
  readonly #allocate: (bytes: number) => Buffer
  #room: Buffer | undefined
  /** The room holds bytes of this file, from `#start` to `#end`. */
  #target: DirectTarget | undefined
  #start = 0
  #end = 0

  /** `allocate` makes memory that begins where a page does, or throws. */
  constructor(allocate: (bytes: number) => Buffer = pageAlignedMemory) {
    this.#allocate = allocate
  }

  /** Undefined where files cannot be written directly. What is written to the handle is safe when the write is done. */
  async open(openFile: (flags: number) => Promise<FileHandle>): Promise<FileHandle | undefined> {
    if (!this.#isAble || this.#ownRoom() === undefined) return undefined
    try {
      return await openFile(constants.O_RDWR | constants.O_DSYNC | constants.O_DIRECT)
    } catch (error) {
      return this.#unable(error)
    }
  }

  /** The file was written to in another way. */
  forget(target: DirectTarget): void {
    if (this.#target === target) this.#target = undefined
  }

  /** Writes all of it; not directly where that cannot be done, or while another write is under way. */
  async write(target: DirectTarget, fd: number, pieces: readonly Uint8Array[], offset: number): Promise<void> {
    const room = this.#ownRoom()
    if (room === undefined || !this.#isAble || this.#isBusy) {
      this.forget(target)
      return await target.writeSynced(pieces, offset)
    }
    this.#isBusy = true
    let start = offset - (offset % BLOCK_BYTES)
    let length = offset - start
    try {
      if (length > 0 && !this.#moveToFront(target, start, offset))
        await target.readBack(room.subarray(0, length), start)
      this.#target = undefined
      for (const piece of pieces) {
        for (let at = 0; at < piece.length; ) {
          const bytes = Math.min(piece.length - at, ROOM_BYTES - length)
          room.set(bytes === piece.length ? piece : piece.subarray(at, at + bytes), length)
          at += bytes
          length += bytes
          if (length < ROOM_BYTES) continue
          await writeWhole(fd, room, ROOM_BYTES, start)
          start += ROOM_BYTES
          length = 0
        }
      }
      const end = Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES
      room.fill(0, length, end)
      await writeWhole(fd, room, end, start)
      this.#target = target
      this.#start = start
      this.#end = start + length
    } catch (error) {
      this.#unable(error)
      await target.writeSynced(pieces, offset)
    } finally {
      this.#isBusy = false
    }
  }

  /** Undefined where there is none: with a limit on address space, of which WebAssembly reserves gigabytes, or without it. */
  #ownRoom(): Buffer | undefined {
    try {
      if (this.#isAble) this.#room ??= this.#allocate(ROOM_BYTES)
    } catch {
      this.#isAble = false
    }
    return this.#room
  }

  /** Puts in front what the file has between these offsets; false when it is not in the room. */
  #moveToFront(target: DirectTarget, start: number, end: number): boolean {
    if (this.#target !== target || start < this.#start || end > this.#end) return false
    this.#room?.copyWithin(0, start - this.#start, end - this.#start)
    return true
  }

  #unable(error: unknown): undefined {
    if (!UNABLE_ERRORS.has(codeOf(error))) throw error
    this.#isAble = false
  }
}

/** The memory of WebAssembly is made of whole pages of the system; no other memory in Node.js need be. */
function pageAlignedMemory(bytes: number): Buffer {
  const pages = bytes / WASM_PAGE_BYTES
  return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer)
}

/** Writes the first bytes of the buffer. */
function writeWhole(fd: number, buffer: Buffer, bytes: number, offset: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const writeFrom = (from: number): void => {
      write(fd, buffer, from, bytes - from, offset + from, (error, written) => {
        if (error !== null) reject(error)
        else if (from + written === bytes) resolve()
        else writeFrom(from + written)
      })
    }
    writeFrom(0)
  })
}
