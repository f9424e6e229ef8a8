/**
 * Messages that came back and wait before they are delivered again, as RabbitMQ 4.3 has it in quorum queues:
 *
 *     delay = min(delayed-retry-min * failures, delayed-retry-max)
 *
 * Without a failure it is the shortest one. Failures are counted from when the queue has these settings; a restart remembers them of
 * the messages that wait. These stay where they are in the queue, neither ready nor unacked, and hold up no other ones. When its time
 * has come, a message is given back like any that comes back.
 */
import { DeliveryCounts } from '../../../storage/delivery-counts.ts'
import type { Segment } from '../../../storage/segment.ts'
import type { HeldMemory } from '../memory/memory-alarm.ts'
import type { LongWork } from '../scheduling/long-work.ts'
import { TIME_MS_MAX } from './expiry.ts'
import type { FoundMarks } from './found-marks.ts'
import type { QueueSettings } from './queue-arguments.ts'
import type { QueueLogs } from './queue-logs.ts'
import type { QueueMessages } from './queue-messages.ts'
import { type RetryMark, RetryMarks } from './retry-marks.ts'
import { RetryPurge } from './retry-purge.ts'
import { RetryTimes } from './retry-times.ts'

/** So many come back at once when their time has come, and so many between two looks at the clock. */
const AT_ONCE_MAX = 128
const STEP_MESSAGES = 64

/** Which messages wait that come back, and how long. */
export interface RetryRules {
  readonly type: 'all' | 'failed' | 'returned'
  readonly minMs: number
  readonly maxMs: number
}

/** The queue, as far as its retries are concerned. */
export interface RetryingQueue {
  readonly isDeleted: boolean
  readonly logs: QueueLogs
  unackedCount: number
}

/** What they need of the broker. */
export interface RetryTools {
  readonly longWork: LongWork
  /** Where is counted what they know of the messages that wait. */
  readonly memory: HeldMemory
}

/** Undefined when no message waits by these settings: RabbitMQ wants a type and a shortest time. */
export function retryRules(settings: QueueSettings): RetryRules | undefined {
  const { delayedRetryType: type, delayedRetryMinMs: minMs, delayedRetryMaxMs: maxMs } = settings
  if (type === 'disabled' || minMs === undefined) return undefined
  return { type, minMs, maxMs: Math.min(maxMs ?? TIME_MS_MAX, TIME_MS_MAX) }
}

export class DelayedRetries {
  /** Undefined when no further ones have to wait. */
  rules: RetryRules | undefined
  /** Bytes of the bodies of those that wait. */
  bytes = 0
  /** What a restart has to know is not read yet: which messages are ready is not known. */
  isReading = false
  readonly #queue: RetryingQueue
  readonly #messages: QueueMessages
  readonly #tools: RetryTools
  readonly #onBack: () => void
  #times: RetryTimes
  /** Those that were purged and have not all left yet. */
  readonly #leaving = new Set<RetryPurge>()
  #marks: RetryMarks | undefined
  #isUnread: boolean
  /** The marks that were read, and whose messages have not been put aside. */
  #found: FoundMarks | undefined
  #lastSegment: Segment | undefined
  #whenRead: (() => void)[] = []
  #now: () => number = () => 0
  /** Many come back, turn by turn. */
  #isComingBack = false

  /** `onBack` is called when some have come back. */
  constructor(queue: RetryingQueue, messages: QueueMessages, tools: RetryTools, onBack: () => void) {
    this.#queue = queue
    this.#messages = messages
    this.#tools = tools
    this.#times = new RetryTimes(tools.memory)
    this.#onBack = onBack
    this.#isUnread = queue.logs.beside.retries !== undefined
    this.isReading = this.#isUnread
    if (this.#isUnread) this.#marks = new RetryMarks(queue.logs.makeBeside('retries'))
  }

  /** Bytes of the bodies of those that were purged and have not left yet. */
  get leavingBytes(): number {
    let bytes = 0
    for (const purge of this.#leaving) bytes += purge.bytes
    return bytes
  }

  /** How many wait. */
  get count(): number {
    return this.#times.count
  }

  /** When the next one has waited long enough; infinite when none waits. */
  get nextAtMs(): number {
    return this.#isComingBack ? Number.POSITIVE_INFINITY : this.#times.firstAtMs
  }

  // --- after a restart

  /** Reads what an earlier life has left, once. What is due by the time that this clock tells then comes back before anything is delivered. */
  begin(now: () => number, whenRead: () => void): void {
    if (!this.#isUnread) return
    this.#isUnread = false
    this.#now = now
    this.#whenRead.push(whenRead)
    this.#marks?.read((found) => {
      if (this.isReading && !this.#queue.isDeleted) {
        found.countIn(this.#tools.memory)
        this.#found = found
      }
      this.#putAside()
    })
  }

  /** Calls back when all is read. */
  whenRead(work: () => void): void {
    this.#whenRead.push(work)
  }

  /** Takes the messages of the marks out of the ready ones: a few at once, many turn by turn. */
  #putAside(): void {
    if (this.#putSomeAside(AT_ONCE_MAX)) this.#goOn()
    else
      this.#tools.longWork.start(
        STEP_MESSAGES,
        (count) => this.#putSomeAside(count),
        () => this.#goOn(),
      )
  }

  /** Up to so many; false when it can go on at once. */
  #putSomeAside(count: number): boolean {
    for (let left = count; left > 0; left--) {
      const mark = this.#found?.next
      if (mark === undefined || this.#queue.isDeleted) return true
      const segment = this.#segmentOf(mark)
      if (segment?.isResident === false) return true
      this.#putOneAside(mark, segment, this.#found?.isNextPurged === true)
      this.#found?.pass()
    }
    return false
  }

  #putOneAside(mark: RetryMark, segment: Segment | undefined, isPurged: boolean): void {
    const { messageIndex } = mark
    // The message may be damaged, or was dropped meanwhile.
    const isThere = segment !== undefined && this.#messages.takeAt(segment, messageIndex)
    if (isThere && !isPurged) {
      failuresOf(segment).set(messageIndex, mark.failures)
      this.bytes += segment.bodyBytes(messageIndex)
      this.#times.add(mark.atMs, segment, messageIndex, mark)
      return
    }
    if (isThere) this.#messages.settle(segment, messageIndex)
    this.#marks?.remove(mark.segment, mark.index)
  }

  /** Marks of one segment come one after the other, and to find it takes long in a long queue. */
  #segmentOf({ sequence }: RetryMark): Segment | undefined {
    const last = this.#lastSegment
    if (last?.sequence === sequence && last.log !== undefined) return last
    this.#lastSegment = this.#messages.segmentAt(sequence)
    return this.#lastSegment
  }

  /** Segments that are not in memory are read back one after the other. When that is over, what is due comes back first. */
  #goOn(): void {
    const mark = this.#found?.next
    const segment = mark === undefined || this.#queue.isDeleted ? undefined : this.#segmentOf(mark)
    if (segment !== undefined) {
      this.#messages.load(segment, () => this.#putAside())
      return
    }
    this.#found?.clear()
    this.#found = this.#lastSegment = undefined
    this.#comeBack(this.#now(), () => {
      this.isReading = false
      for (const work of this.#whenRead.splice(0)) work()
    })
  }

  // --- messages that come back

  /** Has an unacked message that comes back wait, if it has to. */
  takes(segment: Segment, index: number, isFailure: boolean, nowMs: number): boolean {
    const { rules } = this
    // A damaged one does not come back.
    if (rules === undefined || segment.damaged?.has(index) === true) return false
    const failures = failuresOf(segment)
    if (isFailure) failures.add(index)
    if (rules.type === (isFailure ? 'returned' : 'failed')) return false
    const delayMs = Math.min(rules.minMs * Math.max(1, failures.of(index)), rules.maxMs)
    if (delayMs === 0) return false
    const atMs = Math.ceil(nowMs + delayMs)
    const isKept = this.#messages.isRecorded && segment.belongsOnDisk(index)
    if (isKept) this.#marks ??= new RetryMarks(this.#queue.logs.makeBeside('retries'))
    const mark = isKept ? this.#marks?.add(segment, index, atMs, failures.of(index)) : undefined
    this.#times.add(atMs, segment, index, mark)
    this.bytes += segment.bodyBytes(index)
    this.#queue.unackedCount--
    return true
  }

  /** Those that have waited long enough by this time come back: a few at once, many turn by turn. */
  run(nowMs: number): void {
    if (this.#times.firstAtMs > nowMs || this.#isComingBack) return
    this.#comeBack(nowMs, () => {
      if (!this.#queue.isDeleted) this.#onBack()
    })
  }

  #comeBack(nowMs: number, onBack: () => void): void {
    if (this.#bringBack(AT_ONCE_MAX, nowMs)) {
      onBack()
      return
    }
    this.#isComingBack = true
    const step = (count: number): boolean => this.#bringBack(count, nowMs)
    this.#tools.longWork.start(STEP_MESSAGES, step, () => {
      this.#isComingBack = false
      onBack()
    })
  }

  /** Up to so many; whether those were all. */
  #bringBack(count: number, nowMs: number): boolean {
    for (let left = count; left > 0; left--) {
      if (this.#queue.isDeleted || this.#times.firstAtMs > nowMs) return true
      const { segment, index } = this.#next()
      this.#messages.requeue(segment, index)
    }
    return this.#times.firstAtMs > nowMs
  }

  /** The one that is due next does not wait any more. There must be one. */
  #next(): { readonly segment: Segment; readonly index: number } {
    const times = this.#times
    times.shift()
    const segment = times.segment as Segment // there was one
    const { index, markSegment } = times
    this.bytes -= segment.bodyBytes(index)
    if (markSegment !== undefined) this.#marks?.remove(markSegment, times.markIndex)
    return { segment, index }
  }

  /** Drops all that wait; how many did. They count no more, but leave the queue turn by turn where they are many. */
  purge(): number {
    const times = this.#times
    const { count } = times
    // The messages of marks that are being read were ready until now.
    const unplaced = this.#found
    this.#found = undefined
    const isEmpty = count + (unplaced?.count ?? 0) === 0
    if (this.isReading && isEmpty) this.#marks?.purge()
    this.isReading = false
    if (isEmpty) return 0
    const purge = new RetryPurge(this.#messages, this.#marks, times, this.bytes, unplaced)
    this.#times = new RetryTimes(this.#tools.memory)
    this.bytes = 0
    if (purge.step(AT_ONCE_MAX)) return count
    purge.note()
    this.#leaving.add(purge)
    this.#tools.longWork.start(
      STEP_MESSAGES,
      (messages) => this.#queue.isDeleted || purge.step(messages),
      () => this.#leaving.delete(purge),
    )
    return count
  }

  /** The queue is gone. */
  clear(): void {
    this.#times.clear()
    this.#found?.clear()
    for (const purge of this.#leaving) purge.end()
    this.bytes = 0
    this.#marks?.clear()
  }
}

function failuresOf(segment: Segment): DeliveryCounts {
  segment.failures ??= new DeliveryCounts()
  return segment.failures
}
