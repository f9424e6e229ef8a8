/**
 * Why a connection is not read from: its client reads too little, memory is short or soon will be, the disk is slow or full, the event loop is late, too much that
 * it asked for waits for a commit, its last method takes several turns or reads from the disk, it is being checked, it
 * is over.
 */
export type PauseReason =
  | 'unread'
  | 'memory'
  | 'pace'
  | 'disk'
  | 'cpu'
  | 'commit'
  | 'long-work'
  | 'authentication'
  | 'ended'

/** What is read, or not. */
export interface Readable {
  pause(): void
  resume(): void
}

/** Whether a connection is read from: only while there is no reason not to. */
export class Reading {
  readonly #source: Readable
  readonly #reasons = new Set<PauseReason>()

  constructor(source: Readable) {
    this.#source = source
  }

  get isPaused(): boolean {
    return this.#reasons.size > 0
  }

  /** Not read from for a reason that the client cannot change by reading more. */
  get isStoppedByUs(): boolean {
    return this.#reasons.size > (this.#reasons.has('unread') ? 1 : 0)
  }

  isPausedFor(reason: PauseReason): boolean {
    return this.#reasons.has(reason)
  }

  pause(reason: PauseReason): void {
    if (this.#reasons.size === 0) this.#source.pause()
    this.#reasons.add(reason)
  }

  resume(reason: PauseReason): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#source.resume()
  }

  resumeAll(): void {
    if (this.#reasons.size === 0) return
    this.#reasons.clear()
    this.#source.resume()
  }
}
