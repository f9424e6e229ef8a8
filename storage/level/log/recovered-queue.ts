import type { SmallMap } from '../../../src/lib/small-map.ts'
import type { SmallSet } from '../../../src/lib/small-set.ts'
import type { StoredSegment } from './stored-segment.ts'

/** What is known of the messages of a queue when its store is opened. */
export interface RecoveredQueue {
  readonly segments: SmallMap<number, StoredSegment>
  readonly changed: SmallSet<number>
  /** What lies before it was delivered. */
  cursor: QueuePosition | undefined
  /** The catalogue has another cursor. */
  isCursorChanged: boolean
  /** It has its log. */
  isClaimed: boolean
}

export interface QueuePosition {
  readonly segment: number
  readonly index: number
}
