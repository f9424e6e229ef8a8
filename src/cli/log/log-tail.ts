/** Keeps the last lines of the log, and shows further ones to those who follow it. */
import type { LogOutput } from './log-output.ts'

const LINES_MAX = 2000
const CHARACTERS_MAX = 512 * 1024

export class LogTail implements LogOutput {
  readonly #output: LogOutput
  readonly #followers = new Set<(line: string) => void>()
  #lines: string[] = []
  #characters = 0

  constructor(output: LogOutput) {
    this.#output = output
  }

  get isTerminal(): boolean {
    return this.#output.isTerminal
  }

  get onDropped(): LogOutput['onDropped'] {
    return this.#output.onDropped
  }

  set onDropped(onDropped: LogOutput['onDropped']) {
    this.#output.onDropped = onDropped
  }

  /** The last lines, at most so many. */
  recent(count: number): readonly string[] {
    return count === 0 ? [] : this.#lines.slice(-count)
  }

  /** Calls back with every further line, until the returned function is called. */
  follow(onLine: (line: string) => void): () => void {
    this.#followers.add(onLine)
    return () => void this.#followers.delete(onLine)
  }

  write(line: string): void {
    this.#output.write(line)
    this.#keep(line)
    for (const follower of this.#followers) follower(line)
  }

  flush(): Promise<void> {
    return this.#output.flush()
  }

  flushSync(): void {
    this.#output.flushSync()
  }

  /** Half of what is kept goes at a time, so that a line costs nothing to speak of. */
  #keep(line: string): void {
    this.#lines.push(line)
    this.#characters += line.length
    if (this.#lines.length <= LINES_MAX && this.#characters <= CHARACTERS_MAX) return
    const kept = this.#lines.slice(Math.ceil(this.#lines.length / 2))
    this.#lines = kept
    this.#characters = kept.reduce((sum, { length }) => sum + length, 0)
  }
}
