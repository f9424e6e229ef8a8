/**
 * Reads a log through for what has an index of its own: after a restart it has to be told which messages there are. Segments that
 * are not in memory are read back one after the other and leave it again: the log may be longer than memory.
 */
import { type EvictedLog, evictSegment } from './log-eviction.ts'
import type { ReadyPositions } from './ready-positions.ts'
import type { Segment, SegmentLog } from './segment.ts'
import type { SegmentChain } from './segment-chain.ts'

export interface ReadThrough {
  readonly chain: SegmentChain
  readonly ready: ReadyPositions
  /** Reads a segment back into memory, and calls back when it is there; at once when it is. */
  readonly load: (segment: Segment, whenLoaded: () => void) => void
  /** Takes it out of memory, if it may leave it. */
  readonly unload: (segment: Segment) => void
}

/** Where nothing leaves memory, `evicted` is undefined. */
export function readThrough(
  log: SegmentLog,
  chain: SegmentChain,
  ready: ReadyPositions,
  evicted: EvictedLog | undefined,
): ReadThrough {
  const unload = (segment: Segment): void => {
    if (segment.log === log && segment.next !== undefined && evicted !== undefined) evictSegment(segment, evicted)
  }
  return { chain, ready, load: (segment, whenLoaded) => log.load(segment, whenLoaded), unload }
}

/**
 * Shows the messages that are ready now, the oldest first, each when it is in memory, and calls back when all were shown. What is
 * shown may be taken at once (`takeAt`); what is no longer ready when its turn comes is not shown.
 */
export function eachReady(
  { chain, ready, load, unload }: ReadThrough,
  show: (segment: Segment, index: number) => void,
  whenShown: () => void,
): void {
  const last = chain.tail?.sequence ?? -1
  const lastCount = chain.tail?.count ?? 0
  const goOn = (behind: number, loaded: Segment | undefined): void => {
    for (let at = behind; ; ) {
      const segment = chain.firstBehind(at)
      if (segment === undefined || segment.sequence > last) break
      if (!segment.isResident) {
        load(segment, () => goOn(at, segment))
        return
      }
      at = segment.sequence
      const isThere = showReadyIn(segment, at === last ? lastCount : segment.count, ready, show)
      if (isThere && segment === loaded) unload(segment)
    }
    whenShown()
  }
  goOn(-1, undefined)
}

/** What is shown may be taken and settled at once: with the last of its records, the segment is gone. False when it is. */
function showReadyIn(
  segment: Segment,
  count: number,
  ready: ReadyPositions,
  show: (segment: Segment, index: number) => void,
): boolean {
  const { sequence } = segment
  for (let index = 0; index < count; index++) {
    if (segment.log === undefined || segment.sequence !== sequence) return false
    if (ready.has(segment, index)) show(segment, index)
  }
  return segment.log !== undefined && segment.sequence === sequence
}
