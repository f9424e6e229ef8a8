/**
 * The queues of a store that is open: each gets its log, with what was kept under its number. What no queue asks for goes into the
 * quarantine.
 */
import { QueueLog } from '../../queue-log.ts'
import type { SegmentPool } from '../../segment-pool.ts'
import type { StoredEntity } from '../../storage.ts'
import type { CatalogueIds } from '../checkpoint/catalogue-update.ts'
import type { LevelJournal } from '../log/level-journal.ts'
import { QueueRecorder } from '../log/queue-recorder.ts'
import type { ReadBack } from '../log/read-back.ts'
import type { RecoveredQueue } from '../log/recovered-queue.ts'
import { quarantineEntities, quarantineQueues } from './left-out.ts'
import type { OpenStore } from './open-store.ts'
import { QueueClaims } from './queue-claims.ts'
import { restoreLog } from './restore-log.ts'

export interface QueueSources {
  readonly store: OpenStore
  readonly journal: LevelJournal
  readonly pool: SegmentPool
  readonly readBack: ReadBack
  readonly ids: CatalogueIds
  /** Told of what could not be put into the quarantine. */
  readonly onDamage: (text: string) => void
}

export class StoredQueues {
  readonly #sources: QueueSources
  readonly #claims: QueueClaims
  #quarantining: Promise<void> | undefined

  constructor(recovered: Map<number, RecoveredQueue>, sources: QueueSources) {
    this.#claims = new QueueClaims(recovered)
    this.#sources = sources
  }

  /** Every queue has its log, and nothing that must not move is being copied into the quarantine. */
  get areAllThere(): boolean {
    return this.#claims.areAllClaimed && this.#quarantining === undefined
  }

  newId(): number {
    return this.#sources.ids.nextQueueId++
  }

  /** Throws Error when two queues of the store have the same number: the first of them has the messages. */
  createLog(queueId: number): QueueLog {
    const { ids, pool } = this.#sources
    const recovered = this.#claims.claim(queueId)
    ids.nextQueueId = Math.max(ids.nextQueueId, queueId + 1)
    const recorder = this.#recorder(queueId, recovered)
    const log = new QueueLog(pool, recorder)
    recorder.log = log
    if (recovered !== undefined) restoreLog(log, recovered, recorder)
    return log
  }

  /** Messages of queues that no entity names any more go into the quarantine, and so do entities that were refused. */
  dropUnclaimed(refused: readonly StoredEntity[]): number {
    const { store, journal, onDamage } = this.#sources
    this.#removeRefused(refused)
    const recorders: QueueRecorder[] = []
    for (const [queueId, recovered] of this.#claims.takeUnclaimed()) {
      const recorder = this.#recorder(queueId, recovered)
      if (recovered.segments.size > 0) recorders.push(recorder)
      else journal.queueDeleted(recorder)
    }
    if (recorders.length > 0) {
      this.#quarantining = quarantineQueues(store, recorders, journal, onDamage).finally(() => {
        this.#quarantining = undefined
      })
    }
    return recorders.length
  }

  async whenQuarantined(): Promise<void> {
    await this.#quarantining
  }

  #recorder(queueId: number, recovered: RecoveredQueue | undefined): QueueRecorder {
    const { journal, readBack } = this.#sources
    return new QueueRecorder(queueId, journal, readBack, recovered)
  }

  /** Before a client can make one with the same name. */
  #removeRefused(refused: readonly StoredEntity[]): void {
    if (refused.length === 0) return
    const { store, journal, onDamage } = this.#sources
    const isKept = quarantineEntities(store, refused, onDamage)
    if (isKept) for (const { kind, key } of refused) journal.remove(kind, key)
  }
}
