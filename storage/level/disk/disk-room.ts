/**
 * Watches how much the disk has left. When it is little, publishers wait before the disk is full: acknowledgements and
 * the catalogue, which make room again, still fit.
 */
import type { Files } from './files.ts'

const WATCH_MS = 1000
/** It is looked at again when so much was written, as a share of what must be left. */
const WATCH_SHARE = 0.125

export class DiskRoom {
  readonly #files: Files
  readonly #bytesMin: number
  readonly #whenSeen: (freeBytes: number) => void
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  #bytesAtLast = 0

  /** `whenSeen` is called after every look at the disk. */
  constructor(files: Files, bytesMin: number, whenSeen: (freeBytes: number) => void) {
    this.#files = files
    this.#bytesMin = bytesMin
    this.#whenSeen = whenSeen
  }

  async start(): Promise<void> {
    await this.#look()
    this.#timer = setInterval(() => void this.#look(), WATCH_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** So many bytes were written by now. */
  written(bytes: number): void {
    if (this.#isLooking || bytes - this.#bytesAtLast < this.#bytesMin * WATCH_SHARE) return
    this.#bytesAtLast = bytes
    void this.#look()
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    // A system that does not say how much is left says when a write fails.
    const freeBytes = await this.#files.freeBytes().catch(() => Number.POSITIVE_INFINITY)
    this.#isLooking = false
    this.#whenSeen(freeBytes)
  }
}
