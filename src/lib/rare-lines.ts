/**
 * Log lines that clients, or a system in trouble, can cause at any rate. The first of a kind, or the first few, are written at once.
 * Those that follow within some seconds are counted: one line, that of the last of them, says how many they were.
 */
import type { Logger } from './logger.ts'

const PERIOD_MS = 10_000

type Level = 'info' | 'warn' | 'error'

interface Kind {
  level: Level
  /** What the last of those said that were not written. */
  fields: object
  message: string
  /** Lines since the period began. */
  written: number
  unwritten: number
}

export class RareLines {
  readonly #logger: Logger
  readonly #kinds = new Map<string, Kind>()
  #timer: NodeJS.Timeout | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** `name` tells of which kind the line is: it holds nothing that a client chooses. `linesMax` of a kind are written in ten seconds. */
  log(level: Level, fields: object, message: string, name: string = message, linesMax = 1): void {
    let kind = this.#kinds.get(name)
    if (kind === undefined) {
      kind = { level, fields, message, written: 0, unwritten: 0 }
      this.#kinds.set(name, kind)
    }
    this.#timer ??= setInterval(() => this.#writeCounts(), PERIOD_MS).unref()
    if (kind.written < linesMax) {
      kind.written++
      this.#logger[level](fields, message)
      return
    }
    kind.level = level
    kind.fields = fields
    kind.message = message
    kind.unwritten++
  }

  /** Says what is left to be said. Lines may follow. */
  close(): void {
    this.#writeCounts()
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#kinds.clear()
  }

  #writeCounts(): void {
    for (const [name, kind] of this.#kinds) {
      if (kind.unwritten === 0) {
        this.#kinds.delete(name)
        continue
      }
      this.#logger[kind.level]({ ...kind.fields, times: kind.unwritten }, kind.message)
      kind.unwritten = 0
      kind.written = 1
    }
    if (this.#kinds.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
