/** What a storage has written to its disk, and how long that took. */
import { Histogram, SECONDS_BOUNDS } from '../src/lib/histogram.ts'

export class StoreFigures {
  /** Seconds that each commit took until it was written, and synced if that is one with it. */
  readonly commits = new Histogram(SECONDS_BOUNDS)
  /** Seconds that syncs took that are not one with a commit. */
  readonly syncs = new Histogram(SECONDS_BOUNDS)
  /** Bytes of commits. */
  bytesWritten = 0

  committed(frame: readonly Uint8Array[], startedAtMs: number): void {
    this.commits.add(secondsSince(startedAtMs))
    for (const { length } of frame) this.bytesWritten += length
  }

  synced(startedAtMs: number): void {
    this.syncs.add(secondsSince(startedAtMs))
  }
}

function secondsSince(startedAtMs: number): number {
  return (performance.now() - startedAtMs) / 1000
}
