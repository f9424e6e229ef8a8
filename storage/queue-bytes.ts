/**
 * Bytes of the bodies of a queue's ready messages, and of its unacked ones. What its cursor takes is counted run by run, in
 * steps of a segment or when the bytes are asked for: a message for itself would cost more than all the rest of its way.
 */
import type { Segment } from './segment.ts'

export class QueueBytes {
  /** But for the run that is not counted yet. */
  ready = 0
  unacked = 0
  /** Whether the run that is not counted yet consists of messages that are settled later. */
  isUnackedRun = true
  /** Where it begins, in the segment of the cursor. */
  #first = 0

  /** Counts what the cursor took in its segment, up to this index. */
  countRun(segment: Segment | undefined, index: number): void {
    if (segment === undefined || index === this.#first) return
    this.taken(segment.bodyBytesIn(this.#first, index))
    this.#first = index
  }

  /** The next run begins here. What the cursor passed over was not taken by it. */
  beginRun(index: number): void {
    this.#first = index
  }

  /** So many were ready, and are taken like the run. */
  taken(bytes: number): void {
    this.ready -= bytes
    if (this.isUnackedRun) this.unacked += bytes
  }

  /** So many were ready and are unacked now; with less than 0, the other way round. */
  move(bytes: number): void {
    this.ready -= bytes
    this.unacked += bytes
  }

  clear(): void {
    this.ready = this.unacked = this.#first = 0
  }
}

/** Of a log without a segment: all of them share it, and it counts nothing. */
export const NO_BYTES = new QueueBytes()
