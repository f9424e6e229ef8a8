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
  purgeReturned(ready, log)
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

/** What came back: a segment in which nothing else is left goes as a whole. */
function purgeReturned(ready: ReadyPositions, log: PurgedLog): void {
  const runs = new Map<Segment, number[]>()
  ready.requeued.drain((segment, first, end) => {
    const known = runs.get(segment)
    if (known === undefined) runs.set(segment, [first, end])
    else known.push(first, end)
  })
  for (const [segment, bounds] of runs) {
    segment.unloadedBytes = 0
    let count = 0
    for (let run = 0; run < bounds.length; run += 2) count += (bounds[run + 1] as number) - (bounds[run] as number)
    if (segment.settledCount + count === segment.count) log.release(segment)
    else {
      for (let run = 0; run < bounds.length; run += 2) {
        const end = bounds[run + 1] as number
        for (let index = bounds[run] as number; index < end; index++) log.finish(segment, index)
      }
    }
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
