/**
 * The messages of a queue with priorities (`x-max-priority`): a log for each level, made when its first message comes. What
 * is due next is the oldest message of the highest level that has one. A message that comes back does so to its level.
 */
import { findProperty, PROPERTY_FLAGS } from '../../../protocol/properties.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { RecordSource } from '../../../storage/record.ts'
import type { Segment, SegmentLog } from '../../../storage/segment.ts'
import { LevelSet } from './level-set.ts'
import type { QueueLogs } from './queue-logs.ts'
import type { QueueMessages } from './queue-messages.ts'

const PRIORITY = PROPERTY_FLAGS.priority.flag

export class PriorityMessages implements QueueMessages {
  readyCount = 0
  readonly isRecorded: boolean
  readonly #logs: QueueLogs
  readonly #levelMax: number
  /** By level. */
  readonly #levels: (QueueLog | undefined)[] = []
  readonly #levelOf = new Map<SegmentLog, number>()
  /** The levels that have ready messages. */
  readonly #ready: LevelSet
  /** What the last message was taken from, or found in. */
  #log: QueueLog

  /** Levels from 0 to `levelMax`, which is at most 255. */
  constructor(logs: QueueLogs, levelMax: number) {
    this.#logs = logs
    this.#levelMax = levelMax
    this.#ready = new LevelSet(levelMax + 1)
    this.#log = this.#admit(0, logs.first())
    this.isRecorded = this.#log.isRecorded
    for (const level of logs.keptPlaces()) this.#admit(level, logs.make(level))
  }

  get logCount(): number {
    return this.#levelOf.size
  }

  get readyBytes(): number {
    let bytes = 0
    for (const log of this.#levels) if (log !== undefined) bytes += log.readyBytes
    return bytes
  }

  get unackedBytes(): number {
    let bytes = 0
    for (const log of this.#levels) if (log !== undefined) bytes += log.unackedBytes
    return bytes
  }

  get segment(): Segment | undefined {
    return this.#log.segment
  }

  get index(): number {
    return this.#log.index
  }

  get isRedelivered(): boolean {
    return this.#log.isRedelivered
  }

  append(source: RecordSource): void {
    const level = Math.min(priorityOf(source), this.#levelMax)
    const log = this.#levels[level] ?? this.#admit(level, this.#logs.make(level))
    log.append(source)
    this.readyCount++
    this.#ready.add(level)
  }

  isReadable(whenReadable: () => void): boolean {
    return this.#next().isReadable(whenReadable)
  }

  take(isUnacked: boolean): void {
    const level = this.#ready.highest
    const log = this.#levels[level] as QueueLog // a level with messages has a log
    this.#log = log
    log.take(isUnacked)
    this.readyCount--
    if (log.readyCount === 0) this.#ready.remove(level)
  }

  peek(): boolean {
    if (this.readyCount === 0) return false
    this.#log = this.#next()
    return this.#log.peek()
  }

  peekReady(show: (segment: Segment, index: number, deliveries: number) => boolean, whenShown: () => void): void {
    let wantsMore = true
    const showOne = (segment: Segment, index: number, deliveries: number): boolean => {
      wantsMore = show(segment, index, deliveries)
      return wantsMore
    }
    const goOn = (level: number): void => {
      if (!wantsMore || level < 0) whenShown()
      else if (this.#levels[level] === undefined) goOn(level - 1)
      else this.#levels[level].peekReady(showOne, () => goOn(level - 1))
    }
    goOn(this.#levels.length - 1)
  }

  takeAt(segment: Segment, index: number): boolean {
    const log = logOf(segment)
    if (!log.takeAt(segment, index)) return false
    this.#recount(log, -1)
    return true
  }

  load(segment: Segment, whenLoaded: () => void): void {
    logOf(segment).load(segment, whenLoaded)
  }

  settle(segment: Segment, index: number): void {
    logOf(segment).settle(segment, index)
  }

  finish(segment: Segment, index: number): void {
    logOf(segment).finish(segment, index)
  }

  requeue(segment: Segment, index: number): void {
    const log = logOf(segment)
    // A damaged message does not come back.
    if (log.requeue(segment, index)) this.#recount(log, 1)
  }

  purge(): number {
    let count = 0
    for (const log of this.#levels) if (log !== undefined) count += log.purge()
    this.readyCount = 0
    this.#ready.clear()
    return count
  }

  clear(): void {
    for (const log of this.#levels) log?.clear()
    this.readyCount = 0
    this.#ready.clear()
  }

  #next(): QueueLog {
    return this.#levels[this.#ready.highest] as QueueLog // a level with messages has a log
  }

  #admit(level: number, log: QueueLog): QueueLog {
    while (this.#levels.length < level) this.#levels.push(undefined)
    this.#levels[level] = log
    this.#levelOf.set(log, level)
    log.whenLeftOut = () => this.#recount(log, -1)
    if (log.readyCount > 0) this.#recount(log, log.readyCount)
    return log
  }

  /** So many more messages of this log are ready. */
  #recount(log: SegmentLog, count: number): void {
    this.readyCount += count
    const level = this.#levelOf.get(log) as number // the log of every message is one of the levels
    if (log.readyCount > 0) this.#ready.add(level)
    else this.#ready.remove(level)
  }
}

/** The priority of a message, whose properties are well-formed; 0 for one that has none. */
function priorityOf({ head, headerStart, headerEnd }: RecordSource): number {
  const at = findProperty(head.bytes, headerStart, headerEnd, PRIORITY)
  return at < 0 ? 0 : (head.bytes[at] as number)
}

function logOf({ log }: Segment): SegmentLog {
  if (log === undefined) throw new Error('the segment is in no log')
  return log
}
