/** How much of the log is needed: the bytes of messages that are not settled, file by file. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogFile, LogFiles } from './log-files.ts'

/** The log may take this many times the bytes of its unsettled messages, and one log file more. */
const LOG_SHARE_MAX = 2
/** A log file in which less than this share is needed is emptied in any case. */
const SPARSE_SHARE = 0.05
/** So many pages are looked at in one turn of the event loop. */
const TURN_PAGES = 4096

export interface FileUse {
  readonly log: LogFile
  /** What it takes on the disk. */
  readonly bytes: number
  readonly live: number
}

export interface LogUse {
  /** Of files that are not written to any more, first those of which least is needed. */
  readonly files: readonly FileUse[]
  /** Needed bytes of the file that is written to. */
  readonly currentLive: number
  /** Bytes that the log has beyond what it may take. */
  readonly excess: number
}

export function isSparse({ bytes, live }: Pick<FileUse, 'bytes' | 'live'>): boolean {
  return live <= bytes * SPARSE_SHARE
}

/** With an excess of so many bytes, whether this file should be emptied. */
export function isToEmpty(file: FileUse, excess: number): boolean {
  return excess > 0 || isSparse(file)
}

/** Whether a round of moves would find something to do. */
export function canBeEmptied({ files, excess }: LogUse): boolean {
  const [least] = files
  return least !== undefined && isToEmpty(least, excess)
}

/** `isStopped` ends it early. */
export async function logUse(logs: LogFiles, isStopped: () => boolean = () => false): Promise<LogUse> {
  const { current } = logs
  const files: FileUse[] = []
  for (const log of logs.all()) {
    if (isStopped()) break
    if (log !== current && log.bytes > 0) files.push({ log, bytes: log.roomBytes, live: await liveBytes(log) })
  }
  files.sort((a, b) => a.live / a.bytes - b.live / b.bytes)
  const live = files.reduce((sum, file) => sum + file.live, 0)
  const excess = logs.totalBytes - logs.fileBytes - LOG_SHARE_MAX * live
  return { files, currentLive: await liveBytes(current), excess }
}

/** Bytes of the messages in a log file that are not settled. */
async function liveBytes(log: LogFile): Promise<number> {
  const bodies = new Set<number>()
  let live = 0
  let looked = 0
  for (const [page, stored] of log.pages) {
    if (++looked % TURN_PAGES === 0) await nextTurn()
    live += (page.bytes * stored.unsettledIn(page)) / page.count
    for (const { index, offset, bytes } of page.bodies) {
      // Queues share them.
      if (stored.isSettled(index) || bodies.has(offset)) continue
      bodies.add(offset)
      live += bytes
    }
  }
  return live
}
