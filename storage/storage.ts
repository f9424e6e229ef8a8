import type { QueueLog } from './queue-log.ts'

/** Where messages are kept. */
export interface Storage {
  /** For logs and statistics: `memory`. */
  readonly kind: string
  /** Bytes of memory that messages take now. */
  readonly bytesInUse: number
  /** Called once before anything else. */
  open(): Promise<void>
  /** Called once, when nobody uses it any more. */
  close(): Promise<void>
  /** An empty log for a new queue. */
  createQueueLog(): QueueLog
}
