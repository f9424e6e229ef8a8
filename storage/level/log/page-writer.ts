/** Writes the records of a segment into the frame that will be the next in a log file, as pages. */
import type { Segment } from '../../segment.ts'
import type { Page, StoredBody } from '../disk/places.ts'
import type { FrameBuilder, PageBody } from './frame-builder.ts'
import type { LogFile } from './log-files.ts'
import type { StoredSegment } from './stored-segment.ts'

/** Most pages have no bodies beside them: they share one empty list. */
const NO_BODIES: readonly StoredBody[] = []

export interface PageOwner {
  readonly queueId: number
  pageAdded(page: Page, stored: StoredSegment): void
}

/** Every run of durable records from this one on that are not settled becomes a page. Returns the bytes of their bodies. */
export function writePages(
  owner: PageOwner,
  segment: Segment,
  stored: StoredSegment,
  from: number,
  builder: FrameBuilder,
  log: LogFile,
): number {
  const { count } = segment
  let bodyBytes = 0
  // Nearly always: then the recorder need not look at each of them.
  const areAllDue = stored.settledEnd <= from && stored.appended === count
  const isDue = (index: number): boolean => !stored.isSettled(index) && segment.isRecordDurable(index)
  for (let first = from; first < count; ) {
    if (!areAllDue && !isDue(first)) {
      first++
      continue
    }
    let end = areAllDue ? count : first + 1
    while (end < count && isDue(end)) end++
    owner.pageAdded(writePage(owner.queueId, segment, first, end, builder, log), stored)
    bodyBytes += segment.bodyBytesIn(first, end)
    first = end
  }
  return bodyBytes
}

function writePage(
  queueId: number,
  segment: Segment,
  first: number,
  end: number,
  builder: FrameBuilder,
  log: LogFile,
): Page {
  builder.breakHere()
  const bodies = writeBodies(segment, first, end, builder)
  const start = segment.recordStart(first)
  const recordsEnd = segment.recordEnd(end - 1)
  const placed = builder.page(queueId, segment.sequence, first, end - first, bodies, segment.block, start, recordsEnd)
  return {
    file: log.number,
    offset: log.bytes + placed.offset,
    bytes: placed.bytes,
    crc: placed.crc,
    first,
    count: end - first,
    bodies: bodies.length === 0 ? NO_BODIES : bodies.map((body) => ({ ...body, offset: log.bytes + body.offset })),
  }
}

function writeBodies(segment: Segment, first: number, end: number, builder: FrameBuilder): readonly PageBody[] {
  if (segment.bodies === undefined) return NO_BODIES
  const bodies: PageBody[] = []
  for (let index = first; index < end; index++) {
    const body = segment.bodies.at(index)
    if (body !== undefined) bodies.push({ index, ...builder.body(body) })
  }
  return bodies
}
