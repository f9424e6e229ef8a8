import { PositionSet } from '../../position-set.ts'
import type { QueueLog } from '../../queue-log.ts'
import { RECORD_PREFIX_BYTES } from '../../record.ts'
import { NO_OFFSETS, Segment } from '../../segment.ts'
import type { QueueRecorder } from '../log/queue-recorder.ts'
import type { StoredSegment } from '../log/stored-segment.ts'

/** The segment as it was, its records still on the disk. */
export function restoreSegment(log: QueueLog, stored: StoredSegment, recorder: QueueRecorder): void {
  const segment = new Segment(NO_OFFSETS)
  segment.sequence = stored.sequence
  segment.count = stored.gathered
  stored.settled = new PositionSet(stored.settled.bitsBefore(stored.gathered))
  segment.notes = stored
  segment.settled = stored.settled
  segment.deliveries = stored.deliveries
  stored.segment = segment
  stored.pages.sort((a, b) => a.first - b.first)
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
