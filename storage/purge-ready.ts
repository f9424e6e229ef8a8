/** Drops every ready message of a log: segments in which nothing is unacked go as a whole, and nothing is told of their records. */
import type { LogRecorder } from './log-recorder.ts'
import type { ReadyPositions } from './ready-positions.ts'
import type { Segment } from './segment.ts'
import type { SegmentPool } from './segment-pool.ts'

/** The log, which is told what is done with. */
export interface PurgedLog {
  finish(segment: Segment, index: number): void
  /** Every record of the segment is. */
  release(segment: Segment): void
}

export function purgeReady(
  ready: ReadyPositions,
  pool: SegmentPool,
  recorder: LogRecorder | undefined,
  log: PurgedLog,
): void {
  ready.requeued.drain((segment, index) => {
    segment.unloadedBytes = 0
    log.finish(segment, index)
  })
  let { cursor: segment, cursorIndex: from } = ready
  while (segment !== undefined) {
    const next: Segment | undefined = segment.next
    const settledCount = segment.settledCount + segment.unpassedFrom(from)
    ready.moveCursor(segment, segment.count)
    segment.unloadedBytes = 0
    if (settledCount === segment.count) log.release(segment)
    else {
      dropFrom(segment, from, pool, recorder)
      segment.settledCount = settledCount
    }
    segment = next
    from = 0
  }
}

function dropFrom(segment: Segment, from: number, pool: SegmentPool, recorder: LogRecorder | undefined): void {
  const { bodies } = segment
  if (recorder === undefined && bodies === undefined) return
  for (let index = from; index < segment.count; index++) {
    if (segment.isPassed(index)) continue
    if (bodies !== undefined) pool.bytesInUse -= bodies.drop(index)
    recorder?.settled(segment, index)
  }
}
