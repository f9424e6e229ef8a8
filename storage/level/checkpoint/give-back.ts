/**
 * Gives back what the log has on the disk and needs no more: once a second it looks whether a log file is free, or would be
 * if the few messages in it moved. A log that grows does most of this by itself; here it is seen to that the disk is given
 * back within seconds, also when nothing is written any more.
 */

import type { LevelJournal } from '../log/level-journal.ts'
import { type LogFiles, ROOM_BYTES } from '../log/log-files.ts'
import { canBeEmptied, isSparse, logUse } from '../log/log-use.ts'
import type { Checkpointer } from './checkpoint.ts'

const LOOK_MS = 1000
/** With less than this written since the last look, the log is quiet: then its last file may change, too. */
const QUIET_BYTES = 1024 * 1024
/** The file that is written to is given back when it takes at least this share of a full one, … */
const WORTH_SHARE = 0.125
/** … and more than the room that the first small commits make: the next file takes as much at once. */
const WORTH_BYTES_MIN = 2 * ROOM_BYTES
/** Looking at every page takes no more than one part of so many of the time. */
const REST_SHARE = 50

export interface GiveBackTargets {
  readonly journal: LevelJournal
  readonly logs: LogFiles
  readonly checkpointer: Checkpointer
  /** Whether the catalogue may follow the log now. */
  readonly mayBegin: () => boolean
  /** Told what a look has thrown; the next look comes all the same. */
  readonly onDefect: (error: unknown) => void
}

export class GiveBack {
  readonly #targets: GiveBackTargets
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  #writtenBytes = 0
  /** The log as it was at the last look at its pages. */
  #lastState = ''
  #restsUntilMs = 0

  constructor(targets: GiveBackTargets) {
    this.#targets = targets
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look().catch(this.#targets.onDefect), LOOK_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    const { journal, checkpointer, mayBegin } = this.#targets
    if (this.#isLooking || !checkpointer.isFree || !mayBegin() || journal.troubleBesidesRoom !== undefined) return
    this.#isLooking = true
    try {
      await this.#giveBack()
    } finally {
      this.#isLooking = false
    }
  }

  async #giveBack(): Promise<void> {
    const { journal, logs, checkpointer } = this.#targets
    const isQuiet = logs.writtenBytes - this.#writtenBytes < QUIET_BYTES
    this.#writtenBytes = logs.writtenBytes
    if (!isQuiet) {
      if (logs.hasFree) checkpointer.beginBetweenCommits()
      return
    }
    const isFree = logs.hasFree || logs.unneededEntries.length > 0
    const state = `${journal.commit} ${logs.shape}`
    const startedAtMs = performance.now()
    if (!isFree && (state === this.#lastState || startedAtMs < this.#restsUntilMs)) return
    // What could not be emptied once is not tried again before something has changed.
    this.#lastState = state
    const use = await logUse(logs)
    if (this.#timer === undefined) return
    this.#restsUntilMs = performance.now() + REST_SHARE * (performance.now() - startedAtMs)
    const isForNothing = this.#isCurrentForNothing(use.currentLive)
    if (isForNothing) journal.startFreshLog()
    if (isForNothing || isFree || canBeEmptied(use)) checkpointer.beginBetweenCommits()
  }

  #isCurrentForNothing(liveBytes: number): boolean {
    const { logs } = this.#targets
    const { roomBytes } = logs.current
    const worthBytes = Math.max(logs.fileBytes * WORTH_SHARE, WORTH_BYTES_MIN)
    return roomBytes >= worthBytes && isSparse({ bytes: roomBytes, live: liveBytes })
  }
}
