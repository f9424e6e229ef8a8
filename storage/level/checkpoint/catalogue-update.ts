/**
 * What the catalogue has to be told to be up to date with one commit. It is noted between two commits, and encoded bit by
 * bit while the next ones go on: what one of them is about to change is encoded first.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Catalogue } from '../catalogue/catalogue.ts'
import {
  type CatalogueMeta,
  type CatalogueOperation,
  metaAt,
  putCursor,
  putEntity,
  putMeta,
  putSegment,
  removeCursor,
  removeEntity,
  removePage,
  removeSegment,
} from '../catalogue/catalogue-records.ts'
import type { CatalogueSegment } from '../catalogue/segment-entry.ts'
import type { LevelJournal } from '../log/level-journal.ts'
import type { LogFiles } from '../log/log-files.ts'
import type { QueueRecorder } from '../log/queue-recorder.ts'
import type { StoredSegment } from '../log/stored-segment.ts'

/** So many operations are encoded in one turn of the event loop. */
const TURN_OPERATIONS = 256

export interface CatalogueIds {
  nextQueueId: number
  nextPageId: number
  readonly nextSequence: number
  storeId: string | undefined
}

/** They go on behind those that the store has. The numbers of segments are the pool's. */
export function idsBehind(
  { nextQueueId, nextPageId, storeId }: Omit<CatalogueIds, 'nextSequence'>,
  pool: { readonly nextSequence: number },
): CatalogueIds {
  return {
    nextQueueId,
    nextPageId,
    storeId,
    get nextSequence() {
      return pool.nextSequence
    },
  }
}

type Encode = () => CatalogueOperation

export class CatalogueUpdate {
  readonly #encoders: Encode[] = []

  /** To be made between two commits. The journal and its recorders note anew what changes afterwards. */
  constructor(journal: LevelJournal, logs: LogFiles, catalogue: Catalogue, ids: CatalogueIds) {
    this.#addEntities(journal)
    this.#addDeletedQueues(journal)
    for (const recorder of journal.changes.recorders) if (recorder.isChanged) this.#addQueue(recorder)
    for (const entry of catalogue.entries.takeUnneeded()) this.#encoders.push(() => removePage(entry))
    const meta = metaOf(journal, logs, ids)
    this.#encoders.push(() => putMeta(meta))
  }

  async operations(): Promise<CatalogueOperation[]> {
    const operations: CatalogueOperation[] = []
    for (const encode of this.#encoders) {
      operations.push(encode())
      if (operations.length % TURN_OPERATIONS === 0) await nextTurn()
    }
    return operations
  }

  #addEntities(journal: LevelJournal): void {
    for (const { kind, key, value } of journal.changes.changedEntities.values()) {
      this.#encoders.push(() => (value === undefined ? removeEntity(kind, key) : putEntity(kind, key, value)))
    }
    journal.changes.changedEntities.clear()
  }

  #addDeletedQueues(journal: LevelJournal): void {
    for (const [queue, sequences] of journal.changes.deletedQueues) {
      for (const sequence of sequences) this.#encoders.push(() => removeSegment(queue, sequence))
      this.#encoders.push(() => removeCursor(queue))
    }
    journal.changes.deletedQueues.clear()
  }

  #addQueue(recorder: QueueRecorder): void {
    const { queueId, cursor } = recorder
    for (const sequence of recorder.changed) {
      const stored = recorder.segments.get(sequence)
      this.#encoders.push(
        stored === undefined ? () => removeSegment(queueId, sequence) : segmentEncoder(recorder, stored),
      )
    }
    if (recorder.isCursorChanged && cursor !== undefined) {
      this.#encoders.push(() => putCursor(queueId, cursor.segment, cursor.index))
    }
    recorder.catalogued()
  }
}

/** What the catalogue is to know of a segment: the state of the last commit. */
export function catalogued(queue: number, stored: StoredSegment): CatalogueSegment {
  const { sequence, gathered, pages, unsettledBytesInCommits: unsettledBytes, returnedInCommits } = stored
  return { queue, sequence, gathered, settled: stored.settledInCommits(), pages, unsettledBytes, returnedInCommits }
}

/** Encodes the segment as it is now, when it is called or when the segment is about to change. */
function segmentEncoder(recorder: QueueRecorder, stored: StoredSegment): Encode {
  let operation: CatalogueOperation | undefined
  const encode = (): CatalogueOperation => {
    if (operation === undefined) {
      operation = putSegment(catalogued(recorder.queueId, stored))
      stored.beforeChange = undefined
    }
    return operation
  }
  stored.beforeChange = encode
  return encode
}

function metaOf({ commit }: LevelJournal, logs: LogFiles, ids: CatalogueIds): CatalogueMeta {
  const { number, bytes } = logs.current
  return metaAt({ file: number, offset: bytes }, { ...ids, lastCommit: commit })
}
