/**
 * The messages of a queue, whatever keeps them: one log, as an ordinary queue has, or several. Nothing else of a queue knows
 * which. A log is one as it is, so that an ordinary queue calls it straight.
 */
import type { LookAhead } from '../../../storage/look-ahead.ts'
import type { RecordSource } from '../../../storage/record.ts'
import type { Segment } from '../../../storage/segment.ts'
import type { Discards } from './discards.ts'

export interface QueueMessages {
  readonly readyCount: number
  /** Bytes of the bodies of ready messages … */
  readonly readyBytes: number
  /** … and of those that were taken and are not settled. */
  readonly unackedBytes: number
  /** Those that have died and wait to go: of queues that promise that their dead letters arrive. */
  readonly discards?: Discards
  /** Whether they may have left memory. */
  readonly isRecorded: boolean
  /** What `take` took, or `peek` found. */
  readonly segment: Segment | undefined
  readonly index: number
  readonly isRedelivered: boolean
  append(message: RecordSource): void
  /** Whether the next ready message is in memory; if not, `whenReadable` is called once it is. */
  isReadable(whenReadable: () => void): boolean
  /**
   * Takes the next ready message. There must be one, and it must be in memory. One that is not `isUnacked` has to be
   * finished at once.
   */
  take(isUnacked: boolean): void
  /** Finds the next ready message without taking it; false when none is in memory. */
  peek(): boolean
  /** A look at the ready messages in the order in which they are due, which changes nothing about them. */
  lookAhead(): LookAhead
  /** Takes a ready message from wherever it is, in memory; false when it is not ready. */
  takeAt(segment: Segment, index: number): boolean
  /** The segment with this number; undefined when all of its messages are settled. */
  segmentAt(sequence: number): Segment | undefined
  /** Reads a segment back into memory, and calls back when it is there; at once when it is. */
  load(segment: Segment, whenLoaded: () => void): void
  /** A message that was taken as unacked is done with. */
  settle(segment: Segment, index: number): void
  /** So is one that was not. */
  finish(segment: Segment, index: number): void
  /** A message that was taken becomes ready again: in its old place, or before all others. */
  requeue(segment: Segment, index: number): unknown
  /** Drops all ready messages; how many there were. */
  purge(): number
  /** Gives everything back, for good. */
  clear(): void
}
