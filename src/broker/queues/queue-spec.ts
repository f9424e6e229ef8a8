/** What a queue is made of, and what is around it. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import type { DeliveryScheduler } from '../scheduling/delivery-scheduler.ts'
import type { Session } from '../session.ts'
import type { UpkeepTools } from './queue-upkeep.ts'
import type { DeadLetters } from './settlement.ts'

export interface QueueSpec {
  readonly name: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
  /** The session that an exclusive queue belongs to. */
  readonly owner: Session | undefined
  /** Who declared it, where that is known. */
  readonly user?: string | undefined
  /** Messages came with times that its arguments do not give them. */
  readonly hasExpirations?: boolean
}

/** What is around a queue. */
export interface QueueSurroundings<Queue> extends UpkeepTools {
  /** That of the virtual host. */
  readonly name: string
  readonly scheduler: DeliveryScheduler
  /** Some queue or consumer limits the time for an acknowledgement, or has done so. */
  hasConsumerTimeouts: boolean
  /** Where the dead letters of a queue go by its settings, if anywhere. */
  deadLettersOf(queue: Queue): DeadLetters | undefined
  /** The queue has another log. */
  logMade(queue: Queue): void
  /** What a restart has to know of the queue is another. */
  queueChanged(queue: Queue): void
  /** Removes a queue whose time is over. */
  removeQueue(queue: Queue): unknown
}
