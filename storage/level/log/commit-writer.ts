/**
 * Writes commits to the log files, and makes them as safe as the durability says: each as it is written, or all together now
 * and then. While the disk is full or read-only, it waits and tries again.
 */

import type { StoreFigures } from '../../store-figures.ts'
import { isPassing, remedyFor } from '../disk/disk-errors.ts'
import type { Congestion } from './congestion.ts'
import type { Durability } from './durability.ts'
import type { LogFile, LogFiles } from './log-files.ts'
import { UnsyncedLogs } from './unsynced-logs.ts'

/** How long to wait before writing is tried again when the disk is full or read-only. */
const RETRY_MS = 500

export interface CommitWriterOptions {
  readonly durability: Durability
  /** With durability `interval`: how often the log is synced, in milliseconds. */
  readonly syncIntervalMs: number
  readonly figures: StoreFigures
  readonly onSyncFailed: (error: unknown) => void
}

export class CommitWriter {
  readonly #logs: LogFiles
  readonly #congestion: Congestion
  readonly #durability: Durability
  readonly #unsynced: UnsyncedLogs
  readonly #figures: StoreFigures
  #syncTimer: NodeJS.Timeout | undefined
  #wantsFreshLog = false
  #isPatient = true

  constructor(logs: LogFiles, congestion: Congestion, options: CommitWriterOptions) {
    this.#logs = logs
    this.#congestion = congestion
    this.#durability = options.durability
    this.#unsynced = new UnsyncedLogs(options.onSyncFailed)
    this.#figures = options.figures
    if (options.durability === 'interval') {
      this.#syncTimer = setInterval(() => void this.#syncLater(), options.syncIntervalMs)
      this.#syncTimer.unref()
    }
  }

  /** The next commit goes to a log file that takes no room yet. */
  wantFreshLog(): void {
    this.#wantsFreshLog = true
  }

  /** The next commit should begin another log file: see `startLog`. */
  get isLogDue(): boolean {
    return this.#logs.isFull || this.#wantsFreshLog
  }

  /** Begins another log file. While there is no room for one, the last one goes on growing: `write` knows how to wait. */
  async startLog(): Promise<void> {
    await this.#syncLater()
    const isFresh = this.#wantsFreshLog
    this.#wantsFreshLog = false
    try {
      await (isFresh ? this.#logs.startFresh() : this.#logs.startNext())
    } catch (error) {
      if (!isPassing(error)) throw error
    }
  }

  /** Returns why it could not be written before the storage closes, undefined when it was. Rejects when the log is of no use. */
  async write(frame: readonly Uint8Array[], log: LogFile): Promise<string | undefined> {
    const startedAtMs = performance.now()
    try {
      await this.#append(frame)
    } catch (error) {
      const reason = await this.#writeAgain(frame, error)
      if (reason !== undefined) return reason
    }
    this.#figures.committed(frame, startedAtMs)
    if (this.#durability !== 'sync') this.#unsynced.add(log)
    return undefined
  }

  async #writeAgain(frame: readonly Uint8Array[], firstError: unknown): Promise<string | undefined> {
    for (let error = firstError; ; ) {
      if (!isPassing(error)) throw error
      const reason = error instanceof Error ? error.message : ''
      this.#congestion.setTrouble('log', `the log cannot be written (${reason}): ${remedyFor(error)}`)
      if (!this.#isPatient) return reason
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      try {
        await this.#append(frame)
        break
      } catch (again) {
        error = again
      }
    }
    this.#congestion.setTrouble('log', undefined)
    return undefined
  }

  #append(frame: readonly Uint8Array[]): Promise<void> {
    return this.#logs.append(frame, this.#durability === 'sync')
  }

  /** The storage closes: there is no time left to wait for room, or to sync by and by. */
  hurry(): void {
    this.#isPatient = false
    clearInterval(this.#syncTimer)
  }

  /** The last commit was written: makes it as safe as the others. */
  async end(): Promise<void> {
    await this.#syncLater()
  }

  async #syncLater(): Promise<void> {
    if (this.#durability !== 'os') await this.sync()
  }

  /** Makes safe what was written so far: the catalogue must never be ahead of the log. False when that failed. */
  async sync(): Promise<boolean> {
    const startedAtMs = performance.now()
    const isSafe = await this.#unsynced.sync()
    this.#figures.synced(startedAtMs)
    return isSafe
  }
}
