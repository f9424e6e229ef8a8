import type { DataFile } from '../disk/data-file.ts'

/** So much is read at a time. */
export const WINDOW_BYTES = 4 * 1024 * 1024

/** A part of the file in memory, moved along as it is read. */
export class FileWindow {
  readonly #file: DataFile
  readonly #fileBytes: number
  /** Grows to what was the longest frame so far, and is used again and again. */
  #room: Buffer = Buffer.alloc(0)
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0

  constructor(file: DataFile, fileBytes: number) {
    this.#file = file
    this.#fileBytes = fileBytes
  }

  /** Valid until the next call. */
  async bytes(offset: number, length: number): Promise<Buffer> {
    if (offset < this.#start || offset + length > this.#start + this.#buffer.length) await this.#move(offset, length)
    return this.#buffer.subarray(offset - this.#start, offset - this.#start + length)
  }

  async #move(offset: number, length: number): Promise<void> {
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.#fileBytes - offset)
    // What it had is overwritten, also by a read that fails.
    this.#buffer = this.#room.subarray(0, 0)
    if (this.#room.length < wanted) this.#room = Buffer.allocUnsafeSlow(wanted)
    const buffer = this.#room.subarray(0, wanted)
    await this.#file.read(buffer, offset)
    this.#buffer = buffer
    this.#start = offset
  }
}
