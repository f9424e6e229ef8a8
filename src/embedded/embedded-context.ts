import type { Broker } from '../broker/broker.ts'
import type { Logger } from '../lib/logger.ts'

/** What the in-process brokers of all virtual hosts share. */
export interface EmbeddedContext {
  readonly core: Broker
  readonly logger: Logger
  readonly maxMessageSizeBytes: number
  /** Throws Error when the server has stopped. */
  readonly requireRunning: () => void
}
