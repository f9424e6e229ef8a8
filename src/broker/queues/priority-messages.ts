/**
 * The messages of a queue with priorities: a log for each level, made when its first message comes. What is due next is the
 * oldest message of the level that its rules name. A message that comes back does so to its level, or is due before all levels.
 */
import type { LookAhead } from '../../../storage/look-ahead.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { RecordSource } from '../../../storage/record.ts'
import type { ReturnOrder } from '../../../storage/requeued.ts'
import type { Segment, SegmentLog } from '../../../storage/segment.ts'
import type { Discards } from './discards.ts'
import { LevelBytes } from './level-bytes.ts'
import type { LevelRules } from './level-rules.ts'
import { LevelSet } from './level-set.ts'
import { LevelsLook } from './levels-look.ts'
import type { QueueLogs } from './queue-logs.ts'
import type { QueueMessages } from './queue-messages.ts'

export class PriorityMessages implements QueueMessages {
  readyCount = 0
  readonly isRecorded: boolean
  readonly discards?: Discards
  readonly #logs: QueueLogs
  readonly #rules: LevelRules
  /** Where what came back is due first. */
  readonly #returnOrder: ReturnOrder | undefined
  /** By level. */
  readonly #levels: (QueueLog | undefined)[] = []
  readonly #levelOf = new Map<SegmentLog, number>()
  /** The levels that have ready messages. */
  readonly #ready: LevelSet
  readonly #bytes: LevelBytes
  /** What the last message was taken from, or found in. */
  #log: QueueLog

  constructor(logs: QueueLogs, rules: LevelRules, discards?: Discards) {
    this.#logs = logs
    if (discards !== undefined) this.discards = discards
    this.#rules = rules
    this.#returnOrder = rules.returnsFirst ? { next: 0 } : undefined
    this.#ready = new LevelSet(rules.levelMax + 1)
    this.#bytes = new LevelBytes(rules.levelMax + 1)
    this.#log = this.#admit(0, logs.first())
    this.isRecorded = this.#log.isRecorded
    for (const level of logs.keptPlaces()) this.#admit(level, logs.make(level))
  }

  get readyBytes(): number {
    return this.#bytes.sum(this.#levels)
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
    const level = this.#rules.levelOf(source)
    const log = this.#levels[level] ?? this.#admit(level, this.#logs.make(level))
    if (this.#rules.keepsAll && !source.isDurable) appendKept(log, source)
    else log.append(source)
    this.readyCount++
    this.#ready.add(level)
    this.#bytes.changed(level)
  }

  isReadable(whenReadable: () => void): boolean {
    return this.#next().isReadable(whenReadable)
  }

  take(isUnacked: boolean): void {
    const returned = this.#nextReturned()
    const level = returned ?? this.#rules.next(this.#ready)
    if (returned === undefined) this.#rules.taken()
    const log = this.#levels[level] as QueueLog // a level with messages has a log
    this.#log = log
    log.take(isUnacked)
    this.#bytes.changed(level)
    this.readyCount--
    if (log.readyCount === 0) this.#ready.remove(level)
  }

  peek(): boolean {
    if (this.readyCount === 0) return false
    this.#log = this.#next()
    return this.#log.peek()
  }

  lookAhead(): LookAhead {
    const looks = this.#levels.map((log) => (log === undefined || log.readyCount === 0 ? undefined : log.lookAhead()))
    return new LevelsLook(looks, this.#rules)
  }

  takeAt(segment: Segment, index: number): boolean {
    const log = logOf(segment)
    if (!log.takeAt(segment, index)) return false
    this.#recount(log, -1)
    return true
  }

  segmentAt(sequence: number): Segment | undefined {
    for (const log of this.#levels) {
      const found = log?.segmentAt(sequence)
      if (found !== undefined) return found
    }
    return undefined
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

  /** RabbitMQ: what has died and waits to go, too. */
  purge(): number {
    let count = this.discards?.purge() ?? 0
    for (const [level, log] of this.#levels.entries()) {
      count += log?.purge() ?? 0
      this.#bytes.changed(level)
    }
    this.readyCount = 0
    this.#ready.clear()
    return count
  }

  clear(): void {
    for (const [level, log] of this.#levels.entries()) {
      log?.clear()
      this.#bytes.changed(level)
    }
    this.discards?.clear()
    this.readyCount = 0
    this.#ready.clear()
  }

  /** The level of the message that came back first, where that is due first; undefined when there is none. */
  #nextReturned(): number | undefined {
    if (this.#returnOrder === undefined) return undefined
    let found: number | undefined
    let first = Number.POSITIVE_INFINITY
    for (let level = 0; level < this.#levels.length; level++) {
      const number = this.#levels[level]?.nextReturn ?? first
      if (number >= first) continue
      first = number
      found = level
    }
    return found
  }

  #next(): QueueLog {
    return this.#levels[this.#nextReturned() ?? this.#rules.next(this.#ready)] as QueueLog // a level with messages has a log
  }

  #admit(level: number, log: QueueLog): QueueLog {
    while (this.#levels.length < level) this.#levels.push(undefined)
    this.#levels[level] = log
    this.#levelOf.set(log, level)
    if (this.#returnOrder !== undefined) log.returnOrder = this.#returnOrder
    log.whenCorrected = (count) => this.#recount(log, count)
    if (log.readyCount > 0) this.#recount(log, log.readyCount)
    return log
  }

  /** So many more messages of this log are ready. */
  #recount(log: SegmentLog, count: number): void {
    this.readyCount += count
    const level = this.#levelOf.get(log) as number // the log of every message is one of the levels
    this.#bytes.changed(level)
    if (log.readyCount > 0) this.#ready.add(level)
    else this.#ready.remove(level)
  }
}

/** Has the message survive a restart in this log; elsewhere it is what it was. */
function appendKept(log: QueueLog, source: RecordSource): void {
  source.isDurable = true
  log.append(source)
  source.isDurable = false
}

function logOf({ log }: Segment): SegmentLog {
  if (log === undefined) throw new Error('the segment is in no log')
  return log
}
