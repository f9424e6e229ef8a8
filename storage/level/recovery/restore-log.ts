import type { SmallMap } from '../../../src/lib/small-map.ts'
import { PositionSet } from '../../position-set.ts'
import type { QueueLog } from '../../queue-log.ts'
import { RECORD_PREFIX_BYTES } from '../../record.ts'
import { Segment } from '../../segment.ts'
import type { QueueRecorder } from '../log/queue-recorder.ts'
import type { RecoveredQueue } from '../log/recovered-queue.ts'
import type { StoredSegment } from '../log/stored-segment.ts'

/** The log as it was, its records still on the disk. */
export function restoreLog(log: QueueLog, { segments, cursor }: RecoveredQueue, recorder: QueueRecorder): void {
  for (const stored of inOrder(segments)) restoreSegment(log, stored, recorder)
  if (cursor !== undefined) log.restoreCursor(cursor.segment, cursor.index)
}

function inOrder(segments: SmallMap<number, StoredSegment>): Iterable<StoredSegment> {
  return segments.size < 2 ? segments.values() : [...segments.values()].sort((a, b) => a.sequence - b.sequence)
}

function restoreSegment(log: QueueLog, stored: StoredSegment, recorder: QueueRecorder): void {
  const segment = new Segment()
  segment.sequence = stored.sequence
  segment.count = stored.gathered
  if (!stored.settled.isEmpty) stored.settled = new PositionSet(stored.settled.bitsBefore(stored.gathered))
  segment.notes = stored
  segment.settled = stored.settled
  segment.deliveries = stored.deliveries
  stored.segment = segment
  if (stored.pages.length > 1) stored.pages.sort((a, b) => a.first - b.first)
  let ready = 0
  let next = 0
  for (const page of stored.pages) {
    // What lies between pages was transient, or settled before it was written.
    for (; next < page.first; next++) stored.settle(next)
    ready += stored.unsettledIn(page)
    next = page.first + page.count
  }
  for (; next < segment.count; next++) stored.settle(next)
  segment.settledCount = segment.count - ready
  if (ready === 0) {
    recorder.released(segment)
    return
  }
  if (stored.unsettledBytesInCommits === undefined) stored.unsettledBytes = estimatedBytes(stored)
  log.restore(segment, ready, stored.unsettledBytes)
}

/** Of a store that does not tell: how many bytes of bodies there are about, until the segment is read. */
function estimatedBytes(stored: StoredSegment): number {
  let bytes = 0
  for (const page of stored.pages) {
    bytes += ((page.bytes - page.count * RECORD_PREFIX_BYTES) * stored.unsettledIn(page)) / page.count
    for (const body of page.bodies) if (!stored.isSettled(body.index)) bytes += body.bytes
  }
  return Math.round(bytes)
}
