/** Takes segments of a durable log out of memory: those that are safe on the disk and not due soon. */
import type { LogRecorder } from './log-recorder.ts'
import type { ReadyPositions } from './ready-positions.ts'
import type { Segment } from './segment.ts'
import type { SegmentPool } from './segment-pool.ts'

export interface EvictedLog {
  readonly ready: ReadyPositions
  readonly pool: SegmentPool
  readonly recorder: LogRecorder
}

/** The newest first, but for the one that is appended to, until so many bytes are free; how many are. */
export function evictSegments(tail: Segment | undefined, bytes: number, log: EvictedLog | undefined): number {
  if (log === undefined) return 0
  let freed = 0
  for (let at = tail?.previous; at !== undefined && freed < bytes; at = at.previous) freed += evictSegment(at, log)
  return freed
}

/** The bytes this frees: none when the segment has to stay. */
export function evictSegment(segment: Segment, { ready, pool, recorder }: EvictedLog): number {
  if (!segment.isResident || ready.isDueSoon(segment) || !recorder.isSafe(segment)) return 0
  if (segment.taken !== undefined || !ready.isBehindCursor(segment, 0)) segment.keepBodyBytes()
  segment.unloadedBytes = ready.bytesIn(segment)
  segment.isAsAppended = false
  return pool.evict(segment)
}
