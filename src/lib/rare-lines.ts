/**
 * Log lines that clients, or a system in trouble, can cause at any rate. The first of a kind is written at once. Those
 * that follow within some seconds are counted: one line, with the fields of the last of them, says how many they were.
 */
import type { Logger } from './logger.ts'

const PERIOD_MS = 10_000

type Level = 'info' | 'warn' | 'error'

interface Kind {
  readonly level: Level
  /** What the last of those said that were not written. */
  fields: object
  unwritten: number
}

export class RareLines {
  readonly #logger: Logger
  /** By the message, which is the same for all lines of a kind. */
  readonly #kinds = new Map<string, Kind>()
  #timer: NodeJS.Timeout | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** `message` names the kind of line: it holds nothing that a client chooses. */
  log(level: Level, fields: object, message: string): void {
    const kind = this.#kinds.get(message)
    if (kind !== undefined) {
      kind.fields = fields
      kind.unwritten++
      return
    }
    this.#kinds.set(message, { level, fields, unwritten: 0 })
    this.#logger[level](fields, message)
    this.#timer ??= setInterval(() => this.#writeCounts(), PERIOD_MS).unref()
  }

  /** Says what is left to be said. Lines may follow. */
  close(): void {
    this.#writeCounts()
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#kinds.clear()
  }

  #writeCounts(): void {
    for (const [message, kind] of this.#kinds) {
      if (kind.unwritten === 0) {
        this.#kinds.delete(message)
        continue
      }
      this.#logger[kind.level]({ ...kind.fields, times: kind.unwritten }, message)
      kind.unwritten = 0
    }
    if (this.#kinds.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
