/** What was staged since the last commit, and what the catalogue has yet to be told of. */

import type { QueueLog } from '../../queue-log.ts'
import type { Page } from '../disk/places.ts'
import { type EntityChange, entityId } from './entity-change.ts'
import type { FrameBuilder } from './frame-builder.ts'
import type { LogFile } from './log-files.ts'
import type { QueueRecorder } from './queue-recorder.ts'
import type { StoredSegment } from './stored-segment.ts'

/** What the disk need not keep once the commit at hand is on it. */
export interface Unneeded {
  readonly pages: Page[]
  /** Segments with all the pages they have. */
  readonly segments: StoredSegment[]
}

export class StagedChanges {
  /** Of queues that have had messages for the disk: the catalogue is told of these. */
  readonly recorders = new Set<QueueRecorder>()
  /** Entities changed since the catalogue was last brought up to date, by kind and key. */
  changedEntities: Map<string, EntityChange> = new Map()
  /** Queues deleted since then, with the segments the catalogue may know of. */
  readonly deletedQueues = new Map<number, readonly number[]>()
  #touched: QueueRecorder[] = []
  #entities: EntityChange[] = []
  #deleted: QueueRecorder[] = []

  get isEmpty(): boolean {
    return this.#touched.length + this.#entities.length + this.#deleted.length === 0
  }

  /** The logs of these queues. */
  *logs(): Iterable<QueueLog> {
    for (const { log } of this.recorders) if (log !== undefined) yield log
  }

  touch(recorder: QueueRecorder): void {
    if (recorder.isTouched) return
    recorder.isTouched = true
    this.#touched.push(recorder)
  }

  changeEntity(kind: number, key: string, value: Uint8Array | undefined): void {
    this.#entities.push({ kind, key: Buffer.from(key), value: value === undefined ? undefined : Buffer.from(value) })
  }

  deleteQueue(recorder: QueueRecorder): void {
    this.#deleted.push(recorder)
  }

  /** Puts everything into the frame that will be the next in this log file; what is not needed once it is durable. */
  gather(builder: FrameBuilder, log: LogFile): Unneeded {
    const unneeded: Unneeded = { pages: [], segments: [] }
    const changes = this.#entities
    this.#entities = []
    for (const { kind, key, value } of changes) {
      if (value === undefined) builder.remove(kind, key)
      else builder.put(kind, key, value)
      this.changedEntities.set(entityId(kind, key), { kind, key, value })
    }
    const touched = this.#touched
    this.#touched = []
    for (const recorder of touched) {
      recorder.isTouched = false
      if (!recorder.isDeleted) recorder.gather(builder, log, unneeded)
    }
    const deleted = this.#deleted
    this.#deleted = []
    for (const recorder of deleted) {
      builder.dropQueue(recorder.queueId)
      this.deletedQueues.set(recorder.queueId, [...recorder.segments.keys(), ...recorder.changed])
      for (const stored of recorder.segments.values()) unneeded.segments.push(stored)
      // Until now the catalogue had to follow it: a queue whose end is not on the disk comes back whole.
      this.recorders.delete(recorder)
    }
    return unneeded
  }
}
