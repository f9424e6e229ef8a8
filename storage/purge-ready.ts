/** Drops every ready message of a log: segments in which nothing is unacked go as a whole, and nothing is told of their records. */
import type { LogRecorder } from './log-recorder.ts'
import type { ReadyPositions } from './ready-positions.ts'
import type { Segment } from './segment.ts'
import type { SegmentPool } from './segment-pool.ts'

export interface PurgedLog {
  readonly ready: ReadyPositions
  readonly pool: SegmentPool
  readonly recorder: LogRecorder | undefined
  /** One message is done with … */
  readonly finish: (segment: Segment, index: number) => void
  /** … and every one of this segment. */
  readonly release: (segment: Segment) => void
}

export function purgeReady(log: PurgedLog): void {
  const { ready } = log
  ready.requeued.drain((segment, index) => {
    segment.unloadedBytes = 0
    log.finish(segment, index)
  })
  let { cursor: segment, cursorIndex: from } = ready
  while (segment !== undefined) {
    const next: Segment | undefined = segment.next
    dropFrom(segment, from, log)
    segment = next
    from = 0
  }
}

function dropFrom(segment: Segment, from: number, { ready, pool, recorder, release }: PurgedLog): void {
  ready.moveCursor(segment, segment.count)
  segment.unloadedBytes = 0
  const settledCount = segment.settledCount + segment.unpassedFrom(from)
  if (settledCount === segment.count) {
    release(segment)
    return
  }
  const { bodies } = segment
  if (recorder !== undefined || bodies !== undefined) {
    for (let index = from; index < segment.count; index++) {
      if (segment.isPassed(index)) continue
      if (bodies !== undefined) pool.bytesInUse -= bodies.drop(index)
      recorder?.settled(segment, index)
    }
  }
  segment.settledCount = settledCount
}
