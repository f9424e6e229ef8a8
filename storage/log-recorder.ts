import type { Segment } from './segment.ts'

/** Told what happens in the log of a durable queue, to make it survive a restart. */
export interface LogRecorder {
  /** The last record of the segment is new, and durable; how many bytes it has with its body. */
  appended(segment: Segment, messageBytes: number): void
  settled(segment: Segment, index: number): void
  /** The record was delivered and is ready again; `segment.deliveries` says how often. */
  returned(segment: Segment, index: number): void
  /** The read cursor moved: the records before this one were delivered. */
  delivered(segment: Segment, index: number): void
  /** Every record of the segment is settled, those among them that `settled` was not called for: it goes. */
  released(segment: Segment): void
  /** The queue is gone with all it held. */
  cleared(): void
  /** Whether all unsettled records of the segment are on disk. */
  isSafe(segment: Segment): boolean
  /** Reads the segment back into memory, and calls back when it is there. */
  load(segment: Segment, whenLoaded: (() => void) | undefined): void
}
