import { NO_JOURNAL } from '../../../storage/journal.ts'
import type { EntityFindings } from '../../../storage/level/offline/offline-store.ts'
import { QueueLog } from '../../../storage/queue-log.ts'
import { SegmentPool } from '../../../storage/segment-pool.ts'
import { NOTHING_RECOVERED, type Storage, type StoredEntity, type VhostStorage } from '../../../storage/storage.ts'
import { UserList } from '../../auth/user-list.ts'
import { stillBroker } from '../../broker/still-broker.ts'

/** Makes the entities as a start would, and notes what goes wrong. */
export function checkEntities(entities: Iterable<StoredEntity>): EntityFindings {
  const storage = new QueueNumbers()
  const defects: string[] = []
  const broker = stillBroker(storage, { onDefect: (error) => defects.push(String(error)) })
  new UserList({ loopbackUsers: [] }).keepIn(broker.entityRegistry)
  const { problems, refused } = broker.restore({ ...NOTHING_RECOVERED, entities })
  broker.close()
  return { problems: [...problems, ...defects], refused, queueIds: storage.queueIds }
}

/** Has no messages; it only sees which queues ask for theirs. */
class QueueNumbers implements Storage, VhostStorage {
  readonly kind = 'numbers'
  readonly isDurable = true
  readonly bytesInUse = 0
  readonly journal = NO_JOURNAL
  readonly queueIds = new Set<number>()

  async open() {
    return NOTHING_RECOVERED
  }

  async close(): Promise<void> {}

  vhost(): VhostStorage {
    return this
  }

  newQueueId(): undefined {}

  createQueueLog(queueId?: number): QueueLog {
    if (queueId !== undefined) {
      if (this.queueIds.has(queueId)) throw new Error(`another queue has its number ${queueId} too`)
      this.queueIds.add(queueId)
    }
    return new QueueLog(new SegmentPool())
  }

  dropUnclaimed(): number {
    return 0
  }
}
