import { NO_JOURNAL } from '../../storage/journal.ts'
import type { EntityFindings } from '../../storage/level/offline-store.ts'
import { QueueLog } from '../../storage/queue-log.ts'
import { SegmentPool } from '../../storage/segment-pool.ts'
import { NOTHING_RECOVERED, type Storage, type StoredEntity } from '../../storage/storage.ts'
import { Broker } from '../broker/broker.ts'

/** Makes the entities as a start would, one by one in the order of their kinds, and notes what goes wrong. */
export function checkEntities(entities: readonly StoredEntity[]): EntityFindings {
  const storage = new QueueNumbers()
  const problems: string[] = []
  const broker = new Broker({
    storage,
    memoryLimitBytes: Number.MAX_SAFE_INTEGER,
    otherBytes: () => 0,
    nextTurn: () => {},
    onDefect: (error) => problems.push(String(error)),
  })
  const refused: StoredEntity[] = []
  for (const entity of [...entities].sort((a, b) => a.kind - b.kind)) {
    const restored = broker.restore({ ...NOTHING_RECOVERED, entities: [entity] })
    problems.push(...restored.problems)
    if (restored.problems.length > 0) refused.push(entity)
  }
  broker.close()
  return { problems, refused, queueIds: storage.queueIds }
}

/** Has no messages; it only sees which queues ask for theirs. */
class QueueNumbers implements Storage {
  readonly kind = 'numbers'
  readonly isDurable = true
  readonly bytesInUse = 0
  readonly journal = NO_JOURNAL
  readonly queueIds = new Set<number>()

  async open() {
    return NOTHING_RECOVERED
  }

  async close(): Promise<void> {}

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
