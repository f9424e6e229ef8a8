/**
 * Drops messages that wait to be delivered again, with their marks, some at a time. Where that takes several turns, a mark behind all of
 * them tells a restart that they are gone.
 */
import type { FoundMarks } from './found-marks.ts'
import type { QueueMessages } from './queue-messages.ts'
import type { RetryMarks } from './retry-marks.ts'
import type { RecordPlace, RetryTimes } from './retry-times.ts'

export class RetryPurge {
  /** Of the bodies of those that are still there. */
  bytes: number
  readonly #messages: QueueMessages
  readonly #marks: RetryMarks | undefined
  readonly #times: RetryTimes
  /** Marks whose messages are gone already. */
  readonly #unplaced: FoundMarks | undefined
  #note: RecordPlace | undefined

  constructor(
    messages: QueueMessages,
    marks: RetryMarks | undefined,
    times: RetryTimes,
    bytes: number,
    unplaced: FoundMarks | undefined,
  ) {
    this.#messages = messages
    this.#marks = marks
    this.#times = times
    this.bytes = bytes
    this.#unplaced = unplaced
  }

  /** Says on the disk, too, that all of them are gone. */
  note(): void {
    this.#note = this.#marks?.addPurge()
  }

  /** Drops up to so many; whether those were all. */
  step(count: number): boolean {
    const times = this.#times
    for (let left = count; left > 0; left--) {
      const mark = this.#unplaced?.next
      if (mark !== undefined) {
        this.#remove(mark)
        this.#unplaced?.pass()
      } else if (times.pop()) this.#drop()
      else return this.end()
    }
    return false
  }

  #drop(): void {
    const { segment, index, markSegment, markIndex } = this.#times
    if (segment === undefined) return
    this.bytes -= segment.bodyBytes(index)
    this.#messages.settle(segment, index)
    if (markSegment !== undefined) this.#remove({ segment: markSegment, index: markIndex })
  }

  #remove({ segment, index }: RecordPlace): void {
    this.#marks?.remove(segment, index)
  }

  /** Nothing of it stays. */
  end(): true {
    if (this.#note !== undefined) this.#remove(this.#note)
    this.#note = undefined
    this.#times.clear()
    this.#unplaced?.clear()
    return true
  }
}
