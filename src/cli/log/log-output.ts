/**
 * Where log lines go. Writing them never holds up the broker and never ends it: while they cannot be written, because the
 * disk is full or because the reader of a pipe has stopped, a bounded number of lines waits and the others are dropped
 * and counted. Once lines can be written again, one of them says how many are missing.
 */

/** Takes the bytes of the log. Neither method blocks or throws. */
export interface LogSink {
  /** Calls back, perhaps at once, with the number of bytes that were written, and with the error that kept the rest back. */
  write(bytes: Uint8Array, done: (writtenBytes: number, error: Error | undefined) => void): void
  /** Writes as much as it can right now. */
  writeNow(bytes: Uint8Array): void
}

export interface LogOutput {
  /** A person is likely to read along. */
  readonly isTerminal: boolean
  /** Called when lines can be written again, with the number of those that were dropped before. */
  onDropped: ((lines: number) => void) | undefined
  write(line: string): void
  /** Resolves when all lines are written, in their order, or when it is clear that they cannot be. */
  flush(): Promise<void>
  /** For a process that ends at once; the last lines may swap places. */
  flushSync(): void
}

/** Lines with so many characters wait; those that do not fit are dropped. */
const WAITING_CHARACTERS_MAX = 256 * 1024
/** How soon writing is tried again after an error. */
const RETRY_MS = 250
/** A reader that takes nothing for so long does not keep the process from ending. */
const FLUSH_MS_MAX = 1000

export class BoundedOutput implements LogOutput {
  onDropped: ((lines: number) => void) | undefined
  readonly isTerminal: boolean
  readonly #sink: LogSink
  #lines: string[] = []
  #characters = 0
  #dropped = 0
  /** What is being written, or could not be written yet. */
  #bytes: Uint8Array | undefined
  #isWriting = false
  #retryTimer: NodeJS.Timeout | undefined
  #whenSettled: (() => void) | undefined

  constructor(sink: LogSink, isTerminal = false) {
    this.#sink = sink
    this.isTerminal = isTerminal
  }

  write(line: string): void {
    if (this.#characters + line.length > WAITING_CHARACTERS_MAX) {
      this.#dropped++
      return
    }
    this.#lines.push(line)
    this.#characters += line.length
    if (!this.#isWriting && this.#retryTimer === undefined) this.#writeNext()
  }

  async flush(): Promise<void> {
    if (this.#bytes === undefined && this.#lines.length === 0) return
    const settled = new Promise<void>((resolve) => {
      this.#whenSettled = resolve
    })
    const timer = setTimeout(() => this.#settle(), FLUSH_MS_MAX)
    if (!this.#isWriting) this.#writeNext()
    await settled
    clearTimeout(timer)
  }

  flushSync(): void {
    const waiting = Buffer.from(this.#lines.join(''))
    const unwritten = this.#isWriting ? undefined : this.#bytes
    this.#sink.writeNow(unwritten === undefined ? waiting : Buffer.concat([unwritten, waiting]))
    this.#lines = []
    this.#characters = 0
  }

  #writeNext(): void {
    clearTimeout(this.#retryTimer)
    this.#retryTimer = undefined
    const bytes = this.#bytes ?? this.#takeLines()
    if (bytes === undefined) {
      this.#settle()
      return
    }
    this.#bytes = bytes
    this.#isWriting = true
    this.#sink.write(bytes, (writtenBytes, error) => this.#written(bytes, writtenBytes, error))
  }

  /** All the lines that wait. Whatever was in front of them is written, so it is time to say which lines are not there. */
  #takeLines(): Uint8Array | undefined {
    if (this.#lines.length === 0) return undefined
    const bytes = Buffer.from(this.#lines.join(''))
    this.#lines = []
    this.#characters = 0
    const dropped = this.#dropped
    this.#dropped = 0
    // The line that this writes must wait for the ones above.
    this.#isWriting = true
    if (dropped > 0) this.onDropped?.(dropped)
    return bytes
  }

  #written(bytes: Uint8Array, writtenBytes: number, error: Error | undefined): void {
    this.#isWriting = false
    this.#bytes = writtenBytes < bytes.length ? bytes.subarray(writtenBytes) : undefined
    if (error === undefined) {
      this.#writeNext()
      return
    }
    this.#retryTimer = setTimeout(() => this.#writeNext(), RETRY_MS)
    this.#retryTimer.unref()
    this.#settle()
  }

  #settle(): void {
    this.#whenSettled?.()
    this.#whenSettled = undefined
  }
}
